"""PPO on packed fragments and a cache computes what PPO on whole observations computes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.buffers import DictRolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback
from stable_baselines3.common.vec_env import VecFrameStack, VecNormalize
from transformers import AutoModelForCausalLM, MambaConfig, MistralConfig

from textgym.errors import ConfigurationError, TextGymError
from textgym.models.token_statistics import TokenStatistics
from textgym.sb3 import KLControl, SequenceRolloutBuffer, TextCallback, TextVecEnv, TransformerPolicy
from textgym.sb3.policies import sample


class OnePass(BaseCallback):
    """Stop after the rollout, before anything is trained."""

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        raise StopIteration


def collect(model: PPO, rollouts: int = 1) -> None:
    """Collect without training."""
    _, callback = model._setup_learn(10_000, OnePass())
    for _ in range(rollouts):
        with pytest.raises(StopIteration):
            model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps)


def gradients(model: PPO, batch: Any) -> list[torch.Tensor]:
    """Of PPO's loss on one batch."""
    values, log_prob, entropy = model.policy.evaluate_actions(batch.observations, batch.actions.long().flatten())
    ratio = torch.exp(log_prob - batch.old_log_prob)
    loss = (
        -(batch.advantages * ratio).mean()
        + 0.5 * (batch.returns - values.flatten()).pow(2).mean()
        - 0.01 * entropy.mean()
    )
    model.policy.zero_grad()
    loss.backward()
    return [p.grad.clone() for p in model.policy.parameters()]


@pytest.mark.parametrize("separate_critic", [False, True])
def test_packed_equals_stock(make_ppo: Callable[..., PPO], separate_critic: bool) -> None:
    """The same rollout through SB3's DictRolloutBuffer: log-probs, values, advantages and full-batch gradients.

    An index one off in the packing changes log-probs by about 5 and gradients by their own size.
    """
    kwargs = {"separate_critic": separate_critic}
    fast = make_ppo(policy_kwargs=kwargs)
    stock = make_ppo(rollout_buffer_class=DictRolloutBuffer, policy_kwargs=kwargs)
    torch.nn.init.normal_(fast.policy.value_net.weight, std=0.1)
    stock.policy.load_state_dict(fast.policy.state_dict())
    for model in (fast, stock):
        torch.manual_seed(5)
        collect(model, rollouts=2)  # the second starts in the middle of episodes
    assert len(fast.rollout_buffer.fragments) > 6  # rows restarted inside the rollout
    for name in ("actions", "rewards", "log_probs", "values", "advantages", "returns"):
        expected = getattr(stock.rollout_buffer, name).reshape(20, 6)
        np.testing.assert_allclose(getattr(fast.rollout_buffer, name), expected, atol=1e-5, err_msg=name)
    packed, whole = (next(iter(model.rollout_buffer.get(None))) for model in (fast, stock))
    evaluated = [
        model.policy.evaluate_actions(batch.observations, batch.actions)[:2]
        for model, batch in ((fast, packed), (stock, whole))
    ]
    for ours, theirs in zip(*evaluated, strict=True):  # values, log-probs; sorted, for each batch has its own order
        torch.testing.assert_close(ours.flatten().sort()[0], theirs.flatten().sort()[0], atol=1e-5, rtol=0)
    for ours, theirs in zip(gradients(fast, packed), gradients(stock, whole), strict=True):
        assert (ours - theirs).norm() <= 1e-5 * theirs.norm() + 1e-9


def test_ratio_is_one_before_the_first_step(make_ppo: Callable[..., PPO]) -> None:
    """Dropout, a cache that missed a restart, or re-tokenised text would move it by 0.1 and more.

    In float32 single tokens differ by up to about 1.5e-5, for decoding and training add in other orders; in float64,
    where the buffer's own float32 is what is left, the mean and every token are equal.
    """
    model = make_ppo()
    for double in (False, True):
        if double:
            model.policy.double()
        collect(model, rollouts=2)
        model.policy.set_training_mode(True)
        for batch in model.rollout_buffer.get(40):
            _, log_prob, _ = model.policy.evaluate_actions(batch.observations, batch.actions)
            deviation = (torch.exp(log_prob - batch.old_log_prob) - 1).abs()
            assert deviation.mean() < 5e-6
            assert deviation.max() < (1e-6 if double else 2e-5)


def test_learning_rate_zero_changes_nothing(make_ppo: Callable[..., PPO], records: type) -> None:
    """Over epochs and rollouts, with EvalCallback in the middle of rollouts: ratio 1 throughout, weights the same."""
    model = make_ppo(learning_rate=0.0, n_epochs=3)
    before = copy.deepcopy(model.policy.state_dict())
    evaluation = EvalCallback(
        TextVecEnv("TextGen-Sentiment-v0", 4, max_new_tokens=12), n_eval_episodes=4, eval_freq=7, verbose=0
    )
    log = records().of(model)
    model.learn(4 * 120, callback=[evaluation, TextCallback()])
    assert len(log["train/approx_kl"]) == 3  # SB3 does not write the last update's
    assert np.abs(log["train/approx_kl"]).max() < 1e-6
    assert max(log["train/clip_fraction"]) == 0
    assert all(torch.equal(value, before[key]) for key, value in model.policy.state_dict().items())
    assert len(evaluation.evaluations_results or [evaluation.last_mean_reward]) >= 1


def test_training_raises_a_learnable_reward() -> None:
    """Reward: the share of letters that are an "e". Untrained it is about 0.2, with the sign flipped 0."""

    def letter_e(completions: list[str], **_: Any) -> list[float]:
        return [text.count("e") / max(1, len(text)) for text in completions]

    env = TextVecEnv("TextGen-Solvable-v0", 64, reward_funcs=letter_e)
    model = PPO(
        TransformerPolicy, env, n_steps=12, batch_size=192, n_epochs=4, learning_rate=1e-2, gamma=1.0, seed=0,
        device="cpu", rollout_buffer_class=SequenceRolloutBuffer, policy_kwargs={"model": "textgym-letters"},
    )  # fmt: skip
    callback = TextCallback()
    means = []
    for _ in range(8):
        model.learn(64 * 12, callback=callback, reset_num_timesteps=False)
        means.append(np.mean([info["rewards"]["letter_e"] for info in callback.episodes]))
    assert np.mean(means[-2:]) > means[0] + 0.4, means


def test_other_algorithms_and_buffers(make_ppo: Callable[..., PPO]) -> None:
    venv = TextVecEnv("TextGen-Sentiment-v0", 4, max_new_tokens=6)
    model = A2C(TransformerPolicy, venv, n_steps=6, rollout_buffer_class=SequenceRolloutBuffer, device="cpu", seed=0)
    before = model.policy.value_net.weight.clone()
    model.learn(24)
    assert not torch.equal(model.policy.value_net.weight, before)


def test_made_from_an_id() -> None:
    model = PPO(
        TransformerPolicy, "TextGen-Sentiment-v0", n_steps=8, batch_size=8, n_epochs=1, device="cpu", seed=0,
        rollout_buffer_class=SequenceRolloutBuffer,
    )  # fmt: skip
    model.learn(8)
    assert model.num_timesteps == 8


def test_same_seed_same_result(make_ppo: Callable[..., PPO]) -> None:
    weights = []
    for _ in range(2):
        model = make_ppo()
        model.learn(240)
        weights.append(torch.cat([p.detach().flatten() for p in model.policy.parameters()]))
    assert torch.equal(*weights)
    other = make_ppo(seed=1)
    other.learn(240)
    assert not torch.equal(weights[0], torch.cat([p.detach().flatten() for p in other.policy.parameters()]))


def test_predict_is_cached_and_continues_a_text(make_ppo: Callable[..., PPO]) -> None:
    model = make_ppo()
    obs = model.env.reset()
    tokens = []
    for _ in range(6):
        actions, _ = model.predict(obs, deterministic=True)
        tokens.append(actions)
        obs = model.env.step(actions)[0]
    assert model.policy._trunk._held.n_rows > 0
    model.policy.clear_cache()
    lm, _ = model.policy.language_model, None
    model.env.seed(0)
    single = model.env.reset()
    length = int(single["attention_mask"][0].sum())
    expected = lm.generate(
        torch.tensor(single["input_ids"][:1, :length]), do_sample=False, max_new_tokens=1, pad_token_id=0
    )[0, length]  # fmt: skip
    assert model.predict(single, deterministic=True)[0][0] == expected


@pytest.mark.parametrize("kwargs", [{}, {"separate_critic": True, "temperature": 0.7}])
def test_saved_equals_loaded(make_ppo: Callable[..., PPO], tmp_path: Path, kwargs: dict[str, Any]) -> None:
    model = make_ppo(policy_kwargs=kwargs)
    model.learn(120, callback=TextCallback())
    obs = model.env.reset()
    tensor = model.policy.obs_to_tensor(obs)[0]
    actions = torch.zeros(6, dtype=torch.long)
    expected = model.policy.log_prob(tensor, actions)
    model.save(tmp_path / "ppo")
    loaded = PPO.load(tmp_path / "ppo", env=model.env, device="cpu")
    assert torch.equal(loaded.policy.log_prob(tensor, actions), expected)
    loaded.learn(120, callback=TextCallback())
    fresh = make_ppo(policy_kwargs=kwargs)
    fresh.set_parameters(tmp_path / "ppo")
    assert torch.equal(fresh.policy.log_prob(tensor, actions), expected)
    model.policy.save(tmp_path / "policy")
    policy = TransformerPolicy.load(tmp_path / "policy", device="cpu")
    assert torch.equal(policy.log_prob(tensor, actions), expected)


def test_temperature_is_in_samples_and_log_probs_alike(make_ppo: Callable[..., PPO]) -> None:
    """AgileRL sampled at one temperature and trained at another."""
    model = make_ppo(policy_kwargs={"temperature": 0.5}, rollout_buffer_kwargs={"kl": KLControl(0.1)})
    model.policy.double()  # half the temperature doubles logits and their rounding
    collect(model)
    np.testing.assert_allclose(model.rollout_buffer.reference_log_probs, model.rollout_buffer.log_probs, atol=1e-5)
    batch = next(iter(model.rollout_buffer.get(None)))
    log_prob = model.policy.log_prob(batch.observations, batch.actions)
    torch.testing.assert_close(log_prob.float(), batch.old_log_prob, atol=1e-5, rtol=0)
    model.policy.temperature = 1.0
    assert (model.policy.log_prob(batch.observations, batch.actions) - log_prob).abs().max() > 0.1


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_model_that_has_diverged_is_named(make_ppo: Callable[..., PPO], deterministic: bool) -> None:
    model = make_ppo()
    with torch.no_grad():
        next(model.policy.language_model.parameters()).fill_(torch.nan)
    with pytest.raises(ConfigurationError, match="training has diverged"):
        model.predict(model.env.reset(), deterministic=deterministic)


def test_samples_follow_the_reported_probabilities() -> None:
    """Chi-square over 6 tokens, one of them forbidden, 20,000 draws: 99.99 % of right samplers stay below 27.9."""
    probabilities = torch.tensor([0.0, 0.5, 0.25, 0.15, 0.1, 0.0])
    torch.manual_seed(0)
    counts = sample(probabilities.expand(20_000, 6)).bincount(minlength=6)
    assert counts[0] == counts[5] == 0
    expected = 20_000 * probabilities[1:5]
    assert ((counts[1:5] - expected) ** 2 / expected).sum() < 27.9


@pytest.mark.parametrize("point", [0.0, 1.0])
def test_extreme_random_numbers_choose_no_forbidden_token(point: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *shape, device=None: torch.full(shape, point))
    tokens = sample(torch.tensor([[0.0, 0.3, 0.7, 0.0]]))
    assert tokens.item() in (1, 2)


@pytest.mark.parametrize(("chunk", "keep"), [(1 << 22, 1 << 24), (30, 1 << 24), (30, 0)])
@pytest.mark.parametrize("entropy_weight", [0.0, 0.3])
def test_token_statistics_equal_log_softmax(
    chunk: int, keep: int, entropy_weight: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textgym.models.token_statistics.CHUNK", chunk)
    monkeypatch.setattr("textgym.models.token_statistics.KEEP", keep)
    torch.manual_seed(0)
    leaves = [torch.randn(s, dtype=torch.float32, requires_grad=True) for s in ((7, 5), (11, 5), (11,))]
    tokens, weights = torch.randint(0, 11, (7,)), torch.randn(7)

    def loss(log_prob: torch.Tensor, entropy: torch.Tensor) -> torch.Tensor:
        return (weights * log_prob).sum() + entropy_weight * (weights.flip(0) * entropy).sum()

    hidden, weight, bias = leaves
    ours_loss = loss(*TokenStatistics.apply(hidden, weight, bias, tokens, 0.7, torch.float32))
    logps = ((hidden @ weight.T + bias) / 0.7).log_softmax(1)
    plain = torch.autograd.grad(loss(logps[torch.arange(7), tokens], -(logps.exp() * logps).sum(1)), leaves)
    for retain in (True, False):  # the second pass has nothing kept
        for a, b in zip(torch.autograd.grad(ours_loss, leaves, retain_graph=retain), plain, strict=True):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_a_second_derivative_is_refused() -> None:
    """It would leave out what the probabilities contribute."""
    hidden, weight = torch.randn(2, 3, requires_grad=True), torch.randn(5, 3)
    log_prob, entropy = TokenStatistics.apply(hidden, weight, None, torch.tensor([1, 2]), 1.0, torch.float32)
    (grad,) = torch.autograd.grad((log_prob**2 + entropy).sum(), hidden, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


def test_tokens_of_no_probability_have_finite_statistics() -> None:
    hidden, weight = torch.tensor([[1.0]], requires_grad=True), torch.tensor([[0.0], [-500.0]], requires_grad=True)
    log_prob, entropy = TokenStatistics.apply(hidden, weight, None, torch.tensor([1]), 1.0, torch.float32)
    (log_prob + entropy).sum().backward()
    assert log_prob.item() == -500
    assert entropy.item() == 0
    assert hidden.grad is not None
    assert hidden.grad.item() == -500  # d log_prob; the entropy's is 0, not 0 * log 0


def test_llama_with_grouped_queries_and_untied_head(make_ppo: Callable[..., PPO], llama: str) -> None:
    model = make_ppo(env={"tokenizer": llama}, policy_kwargs={"model": llama})
    collect(model, rollouts=2)
    batch = next(iter(model.rollout_buffer.get(None)))
    torch.testing.assert_close(
        model.policy.log_prob(batch.observations, batch.actions), batch.old_log_prob, atol=2e-4, rtol=0
    )


def test_bfloat16_trains_with_ratio_one(make_ppo: Callable[..., PPO], records: type) -> None:
    """Decoding rounds differently from training: without new log-probs the ratio is off by a few percent."""
    model = make_ppo(
        policy_kwargs={"dtype": "bfloat16"}, learning_rate=0.0, rollout_buffer_kwargs={"kl": KLControl(0.05)}
    )
    log = records().of(model)
    model.learn(240, callback=TextCallback())
    # what test_learning_rate_zero_changes_nothing asks of float32, in bfloat16
    assert np.abs(log["train/approx_kl"]).max() < 1e-3
    # a reference in float32 would be 0.003 nats per token away
    assert np.abs(log["kl/per_token"]).max() < 1e-7
    assert np.abs(log["kl/full"]).max() < 1e-6


@pytest.mark.parametrize("kwargs", [{"dtype": "bfloat16"}, {"temperature": 0.7}])
def test_the_buffer_knows_its_policy_without_a_callback(make_ppo: Callable[..., PPO], kwargs: dict[str, Any]) -> None:
    """Of two models in one process each buffer finds its own, also after saving; the reference shares its settings."""
    plain = make_ppo()
    model = make_ppo(policy_kwargs=kwargs, rollout_buffer_kwargs={"kl": KLControl(0.05)})
    collect(model)
    collect(plain)
    assert model.rollout_buffer.policy is model.policy and plain.rollout_buffer.policy is plain.policy
    np.testing.assert_allclose(model.rollout_buffer.reference_log_probs, model.rollout_buffer.log_probs, atol=2e-5)
    batch = next(iter(model.rollout_buffer.get(None)))
    log_prob = model.policy.log_prob(batch.observations, batch.actions)
    torch.testing.assert_close(log_prob, batch.old_log_prob, atol=2e-5 if "temperature" in kwargs else 2e-2, rtol=0)


def test_the_buffer_finds_the_policy_of_a_loaded_model(make_ppo: Callable[..., PPO], tmp_path: Path) -> None:
    model = make_ppo(policy_kwargs={"temperature": 0.7}, rollout_buffer_kwargs={"kl": KLControl(0.05)})
    model.learn(120)
    model.save(tmp_path / "ppo")
    loaded = PPO.load(tmp_path / "ppo", env=model.env, device="cpu")
    loaded.learn(120)
    assert loaded.rollout_buffer.policy is loaded.policy


def test_refusals(make_ppo: Callable[..., PPO], llama: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not one of float32, bfloat16"):
        make_ppo(policy_kwargs={"dtype": "float16"})
    with pytest.raises(ConfigurationError, match="no use for net_arch"):
        make_ppo(policy_kwargs={"net_arch": [64]})
    with pytest.raises(ConfigurationError, match="temperature=0"):
        make_ppo(policy_kwargs={"temperature": 0})
    with pytest.raises(ConfigurationError, match="Dict\\(input_ids, attention_mask\\)"):
        PPO(TransformerPolicy, gym.make("CartPole-v1"), device="cpu")
    with pytest.raises(ConfigurationError, match="max_new_tokens smaller"):
        make_ppo(env={"tokenizer": llama, "max_new_tokens": 60}, policy_kwargs={"model": llama})


@pytest.mark.parametrize(
    ("config", "what"),
    [
        (MistralConfig(vocab_size=4096, hidden_size=16, intermediate_size=16, num_hidden_layers=1, sliding_window=8,
                       num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64), "sliding"),
        (MambaConfig(vocab_size=4096, hidden_size=16, num_hidden_layers=1, state_size=4), "linear_attention"),
    ],
)  # fmt: skip
def test_other_architectures_are_refused_by_name(
    make_ppo: Callable[..., PPO], tmp_path: Path, config: Any, what: str, llama: str
) -> None:
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    for file in Path(llama).glob("tokenizer*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ConfigurationError, match=what):
        make_ppo(policy_kwargs={"model": str(tmp_path)})


ADAPTERS = [{"peft_type": "LORA", "r": 4}, {"peft_type": "IA3"}]


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter["peft_type"])
def test_an_adapter_trains_against_its_own_model(
    adapter: dict[str, Any], make_ppo: Callable[..., PPO], records: type, tmp_path: Path
) -> None:
    """No second copy of the model, weights that stay, divergence 0 at first and not 0 afterwards."""
    model = make_ppo(policy_kwargs={"peft": adapter}, rollout_buffer_kwargs={"kl": KLControl(0.05)}, learning_rate=1e-2)
    before = {name: p.detach().clone() for name, p in model.policy.named_parameters() if not p.requires_grad}
    log = records().of(model)
    model.learn(360, callback=TextCallback())
    assert model.rollout_buffer._reference._model is model.policy.causal_lm
    assert abs(log["kl/per_token"][0]) < 1e-6 and abs(log["kl/full"][0]) < 1e-6 < log["kl/full"][-1]
    assert len(before) > 50
    assert all(torch.equal(p, before[name]) for name, p in model.policy.named_parameters() if name in before)
    collect(model)
    batch = next(iter(model.rollout_buffer.get(None)))
    log_prob = model.policy.log_prob(batch.observations, batch.actions)
    torch.testing.assert_close(log_prob, batch.old_log_prob, atol=5e-5, rtol=0)
    model.save(tmp_path / "ppo")
    loaded = PPO.load(tmp_path / "ppo", env=model.env, device="cpu")
    assert torch.equal(loaded.policy.log_prob(batch.observations, batch.actions), log_prob)


@pytest.mark.parametrize(
    ("adapter", "message"),
    [
        ({"peft_type": "LORA", "lora_dropout": 0.1}, "leave lora_dropout out"),
        ({"peft_type": "LORA", "rank": 4}, "refused by peft"),
        ({"peft_type": "LORRA"}, "Did you mean 'LORA'"),
        ({"r": 4}, "Unknown peft_type 'None'"),
        ({"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 2}, "no virtual tokens"),
    ],
)
def test_an_adapter_that_cannot_be_trained_is_refused(
    adapter: dict[str, Any], message: str, make_ppo: Callable[..., PPO]
) -> None:
    with pytest.raises(TextGymError, match=message):
        make_ppo(policy_kwargs={"peft": adapter})


def test_wrappers_that_change_observations_are_refused(make_ppo: Callable[..., PPO]) -> None:
    """Frames that are stacked, and token ids that are normalised, went through and gave nonsense."""
    for rollout_buffer_class in (SequenceRolloutBuffer, DictRolloutBuffer):
        keywords = {"n_steps": 4, "batch_size": 8, "rollout_buffer_class": rollout_buffer_class, "device": "cpu"}
        venv = TextVecEnv("TextGen-Sentiment-v0", 2, max_new_tokens=6)
        with pytest.raises(ConfigurationError, match="VecFrameStack"):
            PPO(TransformerPolicy, VecFrameStack(venv, 2), **keywords).learn(8)
        with pytest.raises(ConfigurationError, match="norm_obs=False"):
            PPO(TransformerPolicy, VecNormalize(venv), **keywords).learn(8)
        PPO(TransformerPolicy, VecNormalize(venv, norm_obs=False), **keywords).learn(8)


def test_raw_observations_are_checked_too(make_ppo: Callable[..., PPO]) -> None:
    model = make_ppo()
    obs = {"input_ids": torch.full((2, 4), 7), "attention_mask": torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1]])}
    with pytest.raises(ConfigurationError, match=r"Observation 1 .*padded on the right"):
        model.policy.evaluate_actions(obs, torch.tensor([5, 5]))
