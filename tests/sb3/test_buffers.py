"""What the sequence buffer stores, prices and yields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from transformers import AutoModelForCausalLM, LlamaConfig

from tests.sb3.test_policies import OnePass, collect, gradients
from textgym import models
from textgym.errors import ConfigurationError, RewardError
from textgym.sb3 import KLControl, SequenceRolloutBuffer, TextCallback, TextVecEnv, TransformerPolicy
from textgym.sb3.signature import sign


def test_minibatches_hold_every_timestep_once(make_ppo: Callable[..., PPO]) -> None:
    model = make_ppo()
    collect(model)
    buffer = model.rollout_buffer
    buffer.returns[:] = np.arange(120).reshape(20, 6)  # a name for every timestep
    for batch_size, count in ((None, 1), (40, 3), (50, 2), (10_000, 1)):
        batches = list(buffer.get(batch_size))
        assert len(batches) == count
        assert sorted(torch.cat([b.returns for b in batches]).tolist()) == list(range(120))
        for batch in batches:
            assert batch.actions.ndim == batch.advantages.ndim == batch.old_log_prob.ndim == 1
            assert batch_size is None or batch_size >= 120 or abs(len(batch.actions) - batch_size) < 25


def test_does_not_depend_on_the_split(make_ppo: Callable[..., PPO]) -> None:
    """The full batch's gradient is the mean of its parts' gradients, weighted by timesteps."""
    model = make_ppo()
    collect(model, rollouts=2)
    whole = gradients(model, next(iter(model.rollout_buffer.get(None))))
    parts = [(len(batch.actions) / 120, gradients(model, batch)) for batch in model.rollout_buffer.get(30)]
    assert len(parts) == 4
    for i, expected in enumerate(whole):
        combined = sum(weight * gradient[i] for weight, gradient in parts)
        assert (combined - expected).norm() <= 1e-4 * expected.norm() + 1e-8


def test_memory_grows_with_tokens(make_ppo: Callable[..., PPO]) -> None:
    """SB3's buffer would hold 120 observations of 512 columns: 553 kB."""
    model = make_ppo(env={"max_prompt_tokens": 496, "max_new_tokens": 16})
    collect(model)
    buffer = model.rollout_buffer
    stored = sum(a.nbytes for a in vars(buffer).values() if isinstance(a, np.ndarray))
    assert stored + sum(f.prefix.nbytes for f in buffer.fragments) < 10_000
    assert not buffer.observations


def test_kl_is_zero_before_training_and_priced_per_token(make_ppo: Callable[..., PPO], records: type) -> None:
    control = KLControl(beta=0.5)
    model = make_ppo(rollout_buffer_kwargs={"kl": control})
    log = records().of(model)
    model.learn(360, callback=TextCallback())
    assert abs(log["kl/per_token"][0]) < 1e-6 and abs(log["kl/full"][0]) < 1e-6
    assert log["kl/full"][-1] > 1e-6
    with torch.no_grad():  # a policy that has moved further, by a known amount
        model.policy.language_model.transformer.ln_f.weight.mul_(1.3)
    collect(model)
    buffer = model.rollout_buffer
    reference = models.load()[0]
    for fragment in buffer.fragments[:3]:
        actions = buffer.actions[fragment.start : fragment.stop, fragment.env]
        ids = torch.tensor(np.concatenate([fragment.prefix, actions]))[None]
        with torch.no_grad():
            logps = reference(input_ids=ids).logits[0].log_softmax(1)
        expected = logps[len(fragment.prefix) - 1 : -1].gather(1, torch.tensor(actions)[:, None])[:, 0].numpy()
        actual = buffer.reference_log_probs[fragment.start : fragment.stop, fragment.env]
        np.testing.assert_allclose(actual, expected, atol=1e-4)
    score = np.zeros_like(buffer.rewards)
    priced = buffer.rewards + 0.5 * (buffer.log_probs - buffer.reference_log_probs)
    ended = np.vstack([buffer.episode_starts[1:], np.zeros((1, 6))]).astype(bool)
    np.testing.assert_allclose(
        priced[:-1][~ended[:-1]], score[:-1][~ended[:-1]], atol=1e-5
    )  # the score sits on the last token
    assert (priced[:-1][ended[:-1]] > 0).all()


def test_advantages_again_with_another_lambda(make_ppo: Callable[..., PPO]) -> None:
    """Each call used to charge the price again: with beta=0.5 the rewards of the second differed by up to 0.3."""
    control = KLControl(beta=0.5, target=1.0)
    model = make_ppo(rollout_buffer_kwargs={"kl": control, "whiten_rewards": True})
    torch.nn.init.normal_(model.policy.value_net.weight, std=0.2)
    with torch.no_grad():
        model.policy.language_model.transformer.ln_f.weight.mul_(1.3)  # away from the reference
    collect(model)
    buffer = model.rollout_buffer
    with torch.no_grad():
        last_values = model.policy.predict_values(model.policy.obs_to_tensor(model._last_obs)[0])
    first = {name: getattr(buffer, name).copy() for name in ("rewards", "advantages", "returns")}
    beta = control.beta
    buffer.gae_lambda = 0.5
    buffer.compute_returns_and_advantage(last_values, model._last_episode_starts)
    assert np.abs(buffer.advantages - first["advantages"]).max() > 0.01
    buffer.gae_lambda = 0.95
    buffer.compute_returns_and_advantage(last_values, model._last_episode_starts)
    for name, expected in first.items():
        np.testing.assert_array_equal(getattr(buffer, name), expected, err_msg=name)
    assert control.beta == beta


def test_the_critic_may_have_a_lambda_of_its_own(make_ppo: Callable[..., PPO]) -> None:
    """With 1 its targets are the returns, the sums of the rewards to come; the advantages stay those of gae_lambda."""
    buffers = []
    for keywords in ({}, {"value_lambda": 1.0}):
        model = make_ppo(rollout_buffer_kwargs={"kl": KLControl(0.1), **keywords})
        torch.nn.init.normal_(model.policy.value_net.weight, std=0.2)
        collect(model)
        buffers.append(model.rollout_buffer)
    stock, decoupled = buffers
    np.testing.assert_array_equal(decoupled.advantages, stock.advantages)
    np.testing.assert_allclose(stock.returns, stock.advantages + stock.values, atol=1e-5)
    ended = [fragment for fragment in decoupled.fragments if fragment.stop < decoupled.buffer_size]
    for fragment in ended:
        steps = slice(fragment.start, fragment.stop)
        to_come = decoupled.rewards[steps, fragment.env][::-1].cumsum()[::-1]
        np.testing.assert_allclose(decoupled.returns[steps, fragment.env], to_come, atol=1e-5)
    assert ended and np.abs(decoupled.returns - stock.returns).max() > 0.01
    assert decoupled.gae_lambda == 0.95


def test_gae_against_its_definition(make_ppo: Callable[..., PPO]) -> None:
    """Schulman et al. (2016), equation 16, written out; gamma=0.99 would change the result by about 0.1."""
    model = make_ppo(rollout_buffer_kwargs={"kl": KLControl(0.1)})
    torch.nn.init.normal_(model.policy.value_net.weight, std=0.2)
    collect(model)
    buffer = model.rollout_buffer
    for fragment in buffer.fragments:
        if fragment.stop == buffer.buffer_size:
            continue  # bootstraps from a value that the buffer doesn't keep
        rewards = buffer.rewards[fragment.start : fragment.stop, fragment.env]
        values = np.append(buffer.values[fragment.start : fragment.stop, fragment.env], 0.0)
        deltas = rewards + values[1:] - values[:-1]
        expected = [sum(0.95**k * delta for k, delta in enumerate(deltas[t:])) for t in range(len(deltas))]
        actual = buffer.advantages[fragment.start : fragment.stop, fragment.env]
        np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_whitening_divides_by_the_standard_deviation(make_ppo: Callable[..., PPO]) -> None:
    plain, white = make_ppo(), make_ppo(rollout_buffer_kwargs={"whiten_rewards": True})
    for model in (plain, white):
        torch.manual_seed(1)
        collect(model)
    rewards = plain.rollout_buffer.rewards
    np.testing.assert_allclose(white.rollout_buffer.rewards, rewards / rewards.std(), rtol=1e-4)


def test_beta_survives_saving(make_ppo: Callable[..., PPO], tmp_path: Path) -> None:
    """SB3 saves no buffer, but it saves rollout_buffer_kwargs, and with them the controller."""
    model = make_ppo(rollout_buffer_kwargs={"kl": KLControl(beta=0.3, target=1e6)})
    model.learn(600)
    beta = model.rollout_buffer.kl.beta
    assert beta < 0.3  # the divergence is below its target
    model.save(tmp_path / "ppo")
    assert PPO.load(tmp_path / "ppo", env=model.env, device="cpu").rollout_buffer.kl.beta == beta


def test_rewritten_history_is_an_error() -> None:
    """A wrapper that inserts text would silently train on log-probs of a text that was never seen."""
    env = TextVecEnv("TextGen-Sentiment-v0", 1)
    buffer = SequenceRolloutBuffer(2, env.observation_space, env.action_space, device="cpu")
    policy = TransformerPolicy(env.observation_space, env.action_space, lambda _: 0.0)
    obs = env.reset()
    zeros = sign(torch.zeros(1), policy)
    buffer.add(obs, np.array([7]), np.zeros(1), np.ones(1), zeros, zeros)
    with pytest.raises(ConfigurationError, match="plus the action 7"):
        buffer.add(env.step(np.array([9]))[0], np.array([7]), np.zeros(1), np.zeros(1), zeros, zeros)


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"reference": "textgym-tiny"}, "has no effect without kl"),
        ({"kl": 0.1}, r"KLControl\(beta=0.1\)"),
    ],
)
def test_refusals(make_ppo: Callable[..., PPO], kwargs: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        make_ppo(rollout_buffer_kwargs=kwargs)


def test_a_fraction_of_a_step_is_refused(make_ppo: Callable[..., PPO]) -> None:
    """Python would say that a float is no integer, and not which."""
    with pytest.raises(ConfigurationError, match=r"n_steps \(buffer_size\) is 1\.5"):
        make_ppo(n_steps=1.5)


def test_kl_per_completion_does_not_depend_on_where_rollouts_cut_episodes(make_ppo: Callable[..., PPO]) -> None:
    """Divided by the ends in a rollout, its sum would be several times off where it is shorter than the episodes."""
    means = []
    for n_steps in (60, 5):
        model = make_ppo(n_steps=n_steps, batch_size=30, rollout_buffer_kwargs={"kl": KLControl(0.1)})
        buffer: Any = model.rollout_buffer
        with torch.no_grad():
            model.policy.language_model.get_output_embeddings().weight.mul_(1.3)  # away from the reference
        torch.manual_seed(0)
        total, n_ended = 0.0, 0
        for kl, ends in per_rollout(model, buffer, rollouts=60 // n_steps):
            assert (kl is None) == (ends == 0)
            total, n_ended = total + (kl or 0.0) * ends, n_ended + ends
        means.append(total / n_ended)
    assert means[0] > 1.0 and means[1] == pytest.approx(means[0], rel=1e-4)


def per_rollout(model: PPO, buffer: Any, rollouts: int) -> Iterator[tuple[float | None, int]]:
    """Each rollout's KL per completion, and how many completions ended in it."""
    _, callback = model._setup_learn(10_000, OnePass())
    for _ in range(rollouts):
        with pytest.raises(StopIteration):
            model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps)
        yield buffer.kl_per_completion, int(buffer.episode_starts[1:].sum() + model._last_episode_starts.sum())


def test_a_policy_that_reads_no_packed_texts_is_refused() -> None:
    """It failed in the update, in SB3's features extractor."""
    venv = TextVecEnv("TextGen-Sentiment-v0", 2, max_new_tokens=3)
    model = PPO("MultiInputPolicy", venv, n_steps=4, batch_size=8, device="cpu", policy_kwargs={"net_arch": []},
                rollout_buffer_class=SequenceRolloutBuffer)  # fmt: skip
    with pytest.raises(ConfigurationError, match="leave out rollout_buffer_class"):
        model.learn(8)


def test_a_reference_of_another_vocabulary_is_refused(make_ppo: Callable[..., PPO], tmp_path: Path) -> None:
    config = LlamaConfig(vocab_size=32, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    for file in models.folder("textgym-tiny").glob("tokenizer*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    model = make_ppo(rollout_buffer_kwargs={"kl": KLControl(0.1), "reference": str(tmp_path)})
    with pytest.raises(ConfigurationError, match="has 32 tokens and the policy's 4096"):
        model.learn(20)


def test_the_reference_is_by_default_the_policys_model(make_ppo: Callable[..., PPO], llama: str) -> None:
    """It was textgym-tiny, whatever the policy."""
    model = make_ppo(
        env={"tokenizer": llama}, policy_kwargs={"model": llama}, rollout_buffer_kwargs={"kl": KLControl(0.1)}
    )
    collect(model)
    buffer = model.rollout_buffer
    np.testing.assert_allclose(buffer.reference_log_probs, buffer.log_probs, atol=2e-4)


class Interrupting(BaseCallback):
    """Ctrl-C in the middle of a step, once: the environment is a token ahead of what SB3 remembers."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def _on_step(self) -> bool:
        if self.n_calls == self.at:
            raise KeyboardInterrupt
        return True


@pytest.mark.parametrize("at", [1, 5, 7, 11, 21])
def test_after_an_interrupt_the_remedy_is_named_and_works(make_ppo: Callable[..., PPO], at: int) -> None:
    """A wrapper was blamed, or episodes that ended at the next step lost a token without a word."""
    model = make_ppo(num_envs=1, batch_size=20, env={"max_new_tokens": 6 if at < 21 else 11})
    with pytest.raises(KeyboardInterrupt):
        model.learn(240, callback=Interrupting(at))
    with pytest.raises(ConfigurationError, match=r"in the middle of a step.*model\.set_env\(model\.get_env\(\)\)"):
        model.learn(240, reset_num_timesteps=False)
    model.set_env(model.get_env())
    model.learn(20, reset_num_timesteps=False)
    assert model.rollout_buffer.full


def test_after_a_failed_reward_the_remedy_is_named_and_works(make_ppo: Callable[..., PPO]) -> None:
    fails = [True]

    def judge(completions: list[str], **_: Any) -> list[float]:
        if fails[0]:
            raise OSError("no answer")
        return [0.0] * len(completions)

    model = make_ppo(env={"reward_funcs": judge})
    with pytest.raises(RewardError, match="no answer"):
        model.learn(120)
    fails[0] = False
    with pytest.raises(ResetNeeded, match=r"model\.set_env\(model\.get_env\(\)\)"):
        model.learn(120, reset_num_timesteps=False)
    model.set_env(model.get_env())
    model.learn(120, reset_num_timesteps=False)
