"""REINFORCE, RLOO and GRPO: fast equals slow, whatever a rollout and its update are cut into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecNormalize

from textgym.checks import exact
from textgym.errors import ConfigurationError, UnknownNameError
from textgym.sb3 import (
    GRPO,
    REINFORCE,
    RLOO,
    EpisodeAlgorithm,
    KLControl,
    TextCallback,
    TextVecEnv,
    TransformerPolicy,
    TrustRegion,
    advantages,
    losses,
    policies,
    save,
)
from textgym.sb3.kl import k3

Make = Callable[..., Any]


def vowels(completions: list[str], **_: Any) -> list[float]:
    """A reward that nearly every difference between two texts changes."""
    return [sum(text.count(vowel) for vowel in "aei") / 10 + len(text) / 100 for text in completions]


@pytest.fixture
def make() -> Make:
    """An algorithm on Sentiment in little: 3 prompts with 4 completions each of at most 12 tokens, in 12 rows."""

    def make(algorithm: type[EpisodeAlgorithm] = GRPO, num_envs: int = 12, **changes: Any) -> EpisodeAlgorithm:
        env_keywords = {"max_new_tokens": 12, "split": "validation", "reward_funcs": vowels, **changes.pop("env", {})}
        keywords: dict[str, Any] = {
            "n_prompts": 3, "group_size": 4, "learning_rate": 1e-4, "seed": 0, "device": "cpu", "max_grad_norm": 1e9,
        }  # fmt: skip
        return algorithm(
            TransformerPolicy, TextVecEnv("TextGen-Sentiment-v0", num_envs, **env_keywords), **(keywords | changes)
        )

    return make


def rolled_out(model: EpisodeAlgorithm, double: bool = False) -> EpisodeAlgorithm:
    """The model after one rollout and one update."""
    if double:
        model.policy.double()
    model.learn(1)
    return model


def gradients(model: EpisodeAlgorithm) -> list[torch.Tensor]:
    """Those of the last optimiser step; the critic has none."""
    assert model.policy.value_net.weight.grad is None
    return [parameter.grad for parameter in model.policy.language_model.parameters() if parameter.grad is not None]


def slow_loss(model: EpisodeAlgorithm, advantages: list[float], weigh: Callable[[int], float]) -> torch.Tensor:
    """``-sum_i w_i A_i sum_t log pi(y_t)``, every completion in a forward pass of transformers by itself."""
    total = torch.zeros((), dtype=torch.double)
    for episode, advantage in zip(model.rollout_buffer.episodes, advantages, strict=True):
        tokens, start = torch.as_tensor(episode.tokens), episode.info["prompt_length"]
        logits = model.policy.language_model(input_ids=tokens[None]).logits[0] / model.policy.temperature
        log_prob = logits[:-1].log_softmax(1).gather(1, tokens[1:, None])[start - 1 :, 0]
        total = total - weigh(len(log_prob)) * advantage * log_prob.sum()
    return total


WEIGHTS = {
    "token_mean": lambda model: 1 / model.num_timesteps,
    "sequence_sum": lambda model: 1 / 12,
    "constant": lambda model: 1 / (12 * 12),
}


@pytest.mark.parametrize(
    ("algorithm", "aggregation", "options"),
    [
        (GRPO, "token_mean", {}),
        (GRPO, "sequence_sum", {"advantage": "dr_grpo", "policy_kwargs": {"temperature": 0.7}}),
        (GRPO, "sequence_mean", {"ratio": "sequence"}),
        (GRPO, "token_mean", {"loss": "cispo"}),
        (GRPO, "token_mean", {"loss": "dual_clip"}),
        (RLOO, "constant", {}),
        (REINFORCE, "constant", {"baseline": "none"}),
    ],
)
def test_gradients_equal_those_of_a_slow_and_simple_computation(
    make: Make, algorithm: type[EpisodeAlgorithm], aggregation: str, options: dict[str, Any]
) -> None:
    """Before the first step nothing is clipped; a ratio of 1.001 or a token too many would be beyond the tolerance."""
    model = rolled_out(make(algorithm, learning_rate=0.0, aggregation=aggregation, **options), double=True)
    fast = gradients(model)
    groups = torch.tensor([episode.score for episode in model.rollout_buffer.episodes], dtype=torch.double).view(3, 4)
    centred = groups - groups.mean(1, keepdim=True)
    worth = {
        GRPO: centred if options.get("advantage") == "dr_grpo" else centred / (groups.std(1, keepdim=True) + 1e-4),
        RLOO: centred * 4 / 3,
        REINFORCE: groups,
    }[algorithm]
    model.policy.zero_grad()
    slow_loss(
        model,
        worth.flatten().tolist(),
        lambda n: 1 / (12 * n) if aggregation == "sequence_mean" else WEIGHTS[aggregation](model),
    ).backward()
    for one, other in zip(fast, gradients(model), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-6)


def test_the_expected_gradient_is_that_of_the_objective() -> None:
    """Over 10 rollouts of a task that can be enumerated. With k3 in the loss the cosine would be 0.89."""
    task = exact.Solvable.of("TextGen-Solvable-v0", beta=0.1, max_new_tokens=3)
    env = TextVecEnv("TextGen-Solvable-v0", 256, max_new_tokens=3)
    model = RLOO(
        TransformerPolicy, env, n_prompts=4, group_size=64, learning_rate=0.0, kl=KLControl(0.1),
        policy_kwargs={"model": "textgym-letters"}, max_grad_norm=1e9, seed=0, device="cpu",
    )  # fmt: skip
    parameters = model.policy.causal_lm.trained_parameters()
    with torch.no_grad():
        for parameter in parameters:  # away from the reference, where the price has no gradient
            parameter.add_(0.1 * torch.randn_like(parameter))
    true = -task.gradient(exact.log_probs_of(model.policy.causal_lm), parameters)
    estimate = torch.zeros_like(true)
    for _ in range(10):
        model.learn(1, reset_num_timesteps=False)
        estimate += exact.flat([parameter.grad for parameter in parameters if parameter.grad is not None]) / 10
    estimate *= 3  # the longest completion, by which "constant" divides
    assert torch.cosine_similarity(estimate, true, 0).item() > 0.97
    assert (estimate @ true / (true @ true)).item() == pytest.approx(1.0, abs=0.1)


def test_a_price_in_the_loss_has_the_gradient_of_its_estimator(make: Make) -> None:
    model = make(learning_rate=0.0, kl=KLControl(0.5), kl_in="loss_k3", reference="textgym-tiny")
    with torch.no_grad():
        model.policy.causal_lm.head.weight[:50] += 0.05  # somewhere else than the reference, where k3 has no gradient
    fast = gradients(rolled_out(model, double=True))
    completions = model.rollout_buffer
    model.policy.zero_grad()
    worth = advantages.grpo(torch.tensor([episode.score for episode in completions.episodes]).view(3, 4))
    n_tokens, price = model.num_timesteps, torch.zeros((), dtype=torch.double)
    for row in range(12):
        batch, tokens = completions.pack(np.array([row]))
        log_prob = model.policy.evaluate_actions(batch, tokens)[1]
        reference = torch.as_tensor(completions.reference_log_probs[completions.timesteps(np.array([row]))])
        price = price + 0.5 * k3(log_prob - reference).sum() / n_tokens
    (slow_loss(model, worth.flatten().tolist(), lambda n: 1 / n_tokens) + price).backward()
    for one, other in zip(fast, gradients(model), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("options", [{"ratio": "sequence", "aggregation": "sequence_mean"}, {"kl": KLControl(0.1)}])
def test_micro_batches_change_nothing(make: Make, options: dict[str, Any]) -> None:
    """A mean over each micro-batch, in place of the step's, would differ by several per cent."""
    whole, parts = (rolled_out(make(micro_batch_tokens=size, **options)) for size in (8192, 60))
    assert len(whole.rollout_buffer.forwards(np.arange(12))) == 1 < len(parts.rollout_buffer.forwards(np.arange(12)))
    checkpointed = rolled_out(make(micro_batch_tokens=60, policy_kwargs={"gradient_checkpointing": True}, **options))
    for one, *others in zip(*map(gradients, (whole, parts, checkpointed)), strict=True):
        for other in others:
            torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("num_envs", "policy_kwargs"), [(5, {}), (20, {}), (12, {"temperature": 2.0}), (12, {"dtype": "bfloat16"})]
)
def test_the_first_ratio_is_one(make: Make, num_envs: int, policy_kwargs: dict[str, Any]) -> None:
    """Scored at another temperature than sampled, it would be 1.5 and more; a token aside, anything."""
    env = {"max_new_tokens": 5}
    model = rolled_out(make(num_envs=num_envs, learning_rate=0.0, policy_kwargs=policy_kwargs, env=env))
    completions = model.rollout_buffer
    ratios = np.exp(completions.log_probs_of(model.policy.log_prob) - completions.log_probs)
    assert np.abs(ratios - 1).mean() < 1e-5
    assert np.abs(ratios - 1).max() < 3e-5  # float32 rounds each of the two log-probabilities by up to 1.4e-5
    assert completions.approx_kl() == pytest.approx(0, abs=1e-8)


def test_every_token_is_trained_once_the_eos_among_them_and_nothing_else(make: Make, tokenizer: Any) -> None:
    # with every second text ended by the policy
    model = rolled_out(make(n_prompts=8, num_envs=32, env={"max_new_tokens": 24}))
    completions, eos = model.rollout_buffer, tokenizer.eos_token_id
    assert completions.lengths.sum() == model.num_timesteps == len(completions.log_probs)
    reasons = [episode.info["finish_reason"] for episode in completions.episodes]
    assert {*reasons} == {"eos", "length"}
    for row, (episode, reason) in enumerate(zip(completions.episodes, reasons, strict=True)):
        tokens = completions.pack(np.array([row]))[1].tolist()
        written = tokens[:-1] if reason == "eos" else tokens
        assert tokenizer.decode(written) == episode.info["completion"] and eos not in written
        assert (tokens[-1] == eos) == (reason == "eos")


def test_the_number_of_environments_changes_nothing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the likeliest tokens as samples, the completions are the same in any layout."""
    monkeypatch.setattr(policies, "sample", lambda probs: probs.argmax(1))
    one, other = (rolled_out(make(REINFORCE, num_envs=n, n_prompts=7, group_size=1, kl=KLControl(0.1))) for n in (7, 3))
    texts = [[e.info["completion"] for e in model.rollout_buffer.episodes] for model in (one, other)]
    assert texts[0] == texts[1] and len({*texts[0]}) > 1
    for a, b in zip(gradients(one), gradients(other), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("num_envs", [12, 5])
def test_a_prompt_is_read_once_for_its_group(make: Make, num_envs: int) -> None:
    """Also where its rows begin one after another; read for each completion, it would be four times as much."""
    model = rolled_out(make(num_envs=num_envs))
    prompts = {episode.info["index"]: episode.info["prompt_length"] for episode in model.rollout_buffer.episodes}
    assert len(prompts) == 3
    # the rows that are read together are as wide as the longest prompt
    assert 0 < model.policy.prefilled_tokens <= 3 * max(prompts.values())


def test_minibatches_keep_groups_together(make: Make) -> None:
    """Completions shuffled alone would read every prompt again in nearly every minibatch."""
    model = make(n_prompts=6, group_size=4, batch_size=8)
    batches = model._minibatches(np.arange(24))
    assert sorted(np.concatenate(batches).tolist()) == list(range(24))
    assert [len(batch) for batch in batches] == [8, 8, 8]
    assert all(len({row // 4 for row in batch}) == 2 for batch in batches)
    assert not np.array_equal(np.concatenate(batches), np.arange(24))


def test_optimiser_steps_are_as_many_as_promised(make: Make, records: type) -> None:
    model = make(n_epochs=2, batch_size=5, kl=KLControl(0.1))
    log = records().of(model)
    model.learn(200, callback=TextCallback())
    rollouts = len(log["time/iterations"])
    assert rollouts >= 2
    assert log["train/optimizer_steps"] == [6] * (rollouts - 1)  # 2 epochs of batches of 4 completions
    assert model._n_updates == 2 * rollouts
    # the norm is of the whole gradient, however it was added up
    small = make(micro_batch_tokens=40, n_epochs=2, batch_size=5, kl=KLControl(0.1))
    other = records().of(small)
    small.learn(150, callback=TextCallback())
    assert other["train/grad_norm"][0] == pytest.approx(log["train/grad_norm"][0], rel=1e-3)
    assert log["kl/per_completion"][0] == pytest.approx(0, abs=1e-4)


def test_it_goes_on_from_a_file_as_if_it_had_not_stopped(make: Make, tmp_path: Path) -> None:
    keywords: dict[str, Any] = {"kl": KLControl(0.1, target=3.0), "n_epochs": 2, "batch_size": 4, "n_prompts": 4}
    model = rolled_out(make(REINFORCE, baseline="running", **keywords))
    path = save(model, tmp_path / "model")
    again = REINFORCE.load(path, env=model.get_env(), device="cpu")
    for each in (model, again):
        torch.manual_seed(1)
        each.learn(100, reset_num_timesteps=False)
    first, second = ([e.info["completion"] for e in each.rollout_buffer.episodes] for each in (model, again))
    assert first == second and model.num_timesteps == again.num_timesteps > 100
    assert model.kl is not None and again.kl is not None and model.kl.beta == again.kl.beta != 0.1
    for one, other in zip(model.policy.parameters(), again.policy.parameters(), strict=True):
        assert torch.equal(one, other)


def test_epochs_visit_every_example_once(make: Make) -> None:
    rows = [{"prompt": f"The film {i}"} for i in range(7)]
    model = make(n_prompts=4, env={"dataset": rows})
    drawn = [model._next_prompts(7) for _ in range(7)]
    order = [index for each in drawn for index in each]
    assert all(sorted(order[start : start + 7]) == [*range(7)] for start in range(0, 28, 7))
    assert order[:7] != order[7:14]


def equal_for(words: tuple[str, ...]) -> Callable[..., list[float]]:
    """A reward that says 0.3 to whatever goes on from some prompts."""

    def reward(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        return [0.3 if prompt in words else score for prompt, score in zip(prompts, vowels(completions), strict=True)]

    return reward


def test_groups_of_one_score_are_dropped(make: Make, records: type) -> None:
    rows = [{"prompt": prompt} for prompt in ("The film", "The plot", "The end")]
    for drop, kept in ((True, 8), (False, 12)):
        model = make(drop_equal_groups=drop, env={"dataset": rows, "reward_funcs": equal_for(("The plot",))})
        log = records().of(model)
        completions = rolled_out(model).rollout_buffer
        assert len(completions.kept) == kept and log["rollout/groups_kept"][-1] == pytest.approx(kept / 12)
        assert drop == all(completions.episodes[row].info["prompt"] != "The plot" for row in completions.kept)


def test_nothing_is_trained_where_nothing_differs(make: Make) -> None:
    model = make(drop_equal_groups=True, env={"reward_funcs": lambda completions, **_: [0.4] * len(completions)})
    before = [parameter.clone() for parameter in model.policy.parameters()]
    rolled_out(model)
    assert all(torch.equal(a, b) for a, b in zip(before, model.policy.parameters(), strict=True))
    assert model._n_updates == 0


def per_completion(model: EpisodeAlgorithm) -> torch.Tensor:
    """Each completion's advantage, (K, G), where its tokens share one."""
    completions = model.rollout_buffer
    tokens = [completions.advantages[completions.timesteps(np.array([row]))] for row in range(12)]
    assert all(torch.equal(each, each[:1].expand_as(each)) for each in tokens)
    return torch.stack([each[0] for each in tokens]).view(3, 4)


def test_prices_in_the_rewards(make: Make) -> None:
    """To go, a token pays for what follows; the mean of the others at its place is no share of its own choice."""
    for kl_in in ("reward_to_go", "reward_sum"):
        model = make(RLOO, kl=KLControl(0.5), kl_in=kl_in)
        with torch.no_grad():
            model.policy.causal_lm.head.weight[:50] += 0.05
        completions = rolled_out(model).rollout_buffer
        k1 = torch.as_tensor(completions.padded(completions.log_probs - completions.reference_log_probs)).double()
        assert k1.abs().sum() > 1
        scores = torch.tensor([episode.score for episode in completions.episodes])
        for row in range(12):
            others = [other for other in range(row // 4 * 4, row // 4 * 4 + 4) if other != row]
            found = completions.advantages[completions.timesteps(np.array([row]))]
            for place, value in enumerate(found.tolist()):
                first = place if kl_in == "reward_to_go" else 0
                worth = [scores[each].item() - 0.5 * k1[each, first:].sum().item() for each in (row, *others)]
                assert value == pytest.approx(worth[0] - sum(worth[1:]) / 3, abs=1e-5)


def test_advantages_of_a_rollout(make: Make) -> None:
    model = rolled_out(make(RLOO))
    scores = torch.tensor([episode.score for episode in model.rollout_buffer.episodes]).view(3, 4)
    assert torch.allclose(per_completion(model), advantages.rloo(scores), atol=1e-6)
    assert torch.allclose(per_completion(model).sum(1), torch.zeros(3), atol=1e-6)
    white = rolled_out(make(REINFORCE, whiten=True)).rollout_buffer.advantages
    assert white.mean().item() == pytest.approx(0, abs=1e-5) and white.std().item() == pytest.approx(1, abs=1e-2)


def test_a_running_baseline_is_of_the_rollouts_before(make: Make) -> None:
    model = rolled_out(make(REINFORCE, baseline="running"))
    first = torch.tensor([episode.score for episode in model.rollout_buffer.episodes])
    assert torch.allclose(per_completion(model).flatten(), first - first.mean(), atol=1e-6)
    model.learn(1, reset_num_timesteps=False)
    second = torch.tensor([episode.score for episode in model.rollout_buffer.episodes])
    assert torch.allclose(per_completion(model).flatten(), second - first.mean(), atol=1e-6)


def test_gdpo_normalises_components_and_grpo_their_sum(make: Make) -> None:
    env = {"reward_funcs": [vowels, "length"], "reward_weights": [1.0, 3.0]}
    model = rolled_out(make(advantage="gdpo", env=env))
    parts = {
        name: torch.tensor([episode.info["rewards"][name] for episode in model.rollout_buffer.episodes]).view(3, 4)
        for name in ("vowels", "length")
    }
    expected = advantages.grpo(parts["vowels"]) + 3 * advantages.grpo(parts["length"])
    assert torch.allclose(per_completion(model), expected, atol=1e-4)


def test_it_learns_what_is_rewarded(make: Make) -> None:
    """Ends are rewarded: untrained, a fifth of the texts end within 12 tokens; trained against the sign, none does."""

    def ends(completions: list[str], completion_ids: list[list[int]], **_: Any) -> list[float]:
        return [float(len(ids) < 12) for ids in completion_ids]

    model = make(GRPO, n_prompts=8, num_envs=32, learning_rate=1e-3, env={"reward_funcs": ends},
                 policy_kwargs={"warmup_steps": 0})  # fmt: skip
    rewards: list[float] = []

    class Scores(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            rewards.append(float(np.mean([episode.score for episode in self.model.rollout_buffer.episodes])))  # type: ignore[attr-defined]

    model.learn(1500, callback=Scores())
    assert rewards[0] < 0.5 and rewards[-1] > 0.9, rewards


def test_an_adapter_is_trained_and_its_model_is_the_reference(make: Make) -> None:
    adapter = {"peft": {"peft_type": "LORA", "r": 2, "target_modules": ["c_attn"]}}
    model = rolled_out(make(kl=KLControl(0.1), policy_kwargs=adapter))
    completions = model.rollout_buffer
    assert np.abs(completions.log_probs - completions.reference_log_probs).max() < 1e-4  # which is 0 before training
    trained = [name for name, each in model.policy.named_parameters() if each.grad is not None]
    assert trained and all("lora" in name for name in trained)


def test_a_trust_region_takes_updates_back(make: Make, records: type) -> None:
    class TrustRegionGRPO(TrustRegion, GRPO):
        pass

    model = make(TrustRegionGRPO, learning_rate=1e-2, max_kl=1e-6, halvings=1, policy_kwargs={"warmup_steps": 0})
    before = [parameter.clone() for parameter in model.policy.parameters()]
    log = records().of(model)
    model.learn(200)
    assert log["train/undone"][0] == 2
    assert all(torch.equal(a, b) for a, b in zip(before, model.policy.parameters(), strict=True))


def test_an_environment_serves_others_before_and_after(make: Make) -> None:
    model = make()
    env = model.get_env()
    assert env is not None
    for _ in range(2):
        env.reset()
        # 13 tokens: each environment begins a new episode by itself
        ended = [env.step(np.full(12, 5))[2].all() for _ in range(13)]
        assert ended.index(True) == 11 and sum(ended) == 1
        model.learn(1)
        with pytest.raises(ResetNeeded):
            env.step(np.full(12, 5))


class Stop(BaseCallback):
    """Ends training at the fifth token."""

    def _on_step(self) -> bool:
        assert len(self.locals["infos"]) == self.training_env.num_envs
        return self.n_calls < 5


@pytest.mark.filterwarnings("ignore:rich is experimental")
def test_a_callback_may_end_it_in_the_middle_of_a_rollout(make: Make, tmp_path: Path) -> None:
    model = make(tensorboard_log=str(tmp_path))
    model.learn(500, callback=Stop(), progress_bar=True)
    assert model.num_timesteps == 60 and model._n_updates == 0 and [*tmp_path.iterdir()]
    rolled_out(model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "ppo"}, "Unknown loss 'ppo'. Known: cispo, dual_clip, policy_gradient, ppo_clip"),
        ({"ratio": "word"}, "sequence, token"),
        ({"aggregation": "token-mean"}, "token_mean"),
        ({"kl_in": "loss_k1"}, "loss_k2"),
        ({"advantage": "rloo"}, "dr_grpo, gdpo, grpo"),
    ],
)
def test_options_that_there_are_not(make: Make, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group_size": 1}, "group_size is 1, and GRPO compares"),
        ({"n_prompts": 0}, "n_prompts is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"micro_batch_tokens": 0}, "micro_batch_tokens is 0"),
        ({"clip_range": 1.5}, "clip_range=1.5"),
        ({"max_grad_norm": 0.0}, "max_grad_norm=0.0"),
        ({"kl": 0.05}, r"kl=KLControl\(beta=0.05\)"),
        ({"reference": "textgym-tiny"}, "no effect without kl"),
        ({"policy_kwargs": {"separate_critic": True}}, "GRPO has no critic"),
    ],
)
def test_options_that_make_no_sense(make: Make, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make(**options)


def test_environments_that_it_cannot_play(make: Make) -> None:
    env = TextVecEnv("TextGen-Sentiment-v0", 4)
    for other in (VecNormalize(env, norm_obs=False), "CartPole-v1"):
        with pytest.raises(ConfigurationError, match=r"TextVecEnv|text-generation"):
            GRPO(TransformerPolicy, other, device="cpu")


def test_losses_go_by_the_names_of_their_functions() -> None:
    from textgym.sb3.episode_algorithm import LOSSES

    assert all(callable(getattr(losses, name)) for name in LOSSES)
