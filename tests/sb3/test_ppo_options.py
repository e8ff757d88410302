"""PPO's options, through SB3's own seams: each does what its equation says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from stable_baselines3 import A2C, PPO

from textgym.errors import ConfigurationError
from textgym.sb3 import CriticWarmup, TransformerPolicy

SMALL: dict[str, Any] = {"num_envs": 3, "n_steps": 10, "batch_size": 30, "env": {"max_new_tokens": 6}}


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.policy.named_parameters()}


@pytest.mark.parametrize(("clip_range_vf", "ent_coef"), [(None, 0.0), (0.01, 0.5)])
def test_the_loss_is_the_equations(make_ppo: Callable[..., PPO], clip_range_vf: float | None, ent_coef: float) -> None:
    """Schulman et al. (2017), equation 9, with the entropy bonus, and values clipped around those of the rollout."""
    options = {"clip_range_vf": clip_range_vf, "ent_coef": ent_coef, "learning_rate": 1e-3, "vf_coef": 0.1}
    model = make_ppo(**SMALL | options)
    seen: list[Any] = []
    get, evaluate = model.rollout_buffer.get, model.policy.evaluate_actions
    model.rollout_buffer.get = lambda size: (seen.append(s) or s for s in get(size))  # type: ignore[method-assign]
    model.policy.evaluate_actions = lambda *a: seen.append(evaluate(*a)) or seen[-1]  # type: ignore
    model.learn(30)
    (first, _, second, (values, log_prob, entropy)) = seen
    assert torch.equal(first.returns.sort().values, second.returns.sort().values)
    change = values.flatten() - second.old_values
    if clip_range_vf is not None:
        assert (change.abs() > clip_range_vf).sum() > 0
        change = change.clamp(-clip_range_vf, clip_range_vf)
    value_loss = (second.returns - second.old_values - change).pow(2).mean()
    advantage = (second.advantages - second.advantages.mean()) / second.advantages.std()
    ratio = (log_prob - second.old_log_prob).exp()
    surrogate = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()
    expected = -surrogate + 0.1 * value_loss - ent_coef * entropy.mean()
    assert model.logger.name_to_value["train/loss"] == pytest.approx(expected.item(), rel=1e-5, abs=1e-6)


def test_advantages_are_whitened_over_the_rollout(make_ppo: Callable[..., PPO]) -> None:
    plain = make_ppo(**SMALL | {"batch_size": 10, "normalize_advantage": False, "learning_rate": 0.0})
    plain.learn(30)
    options = {"normalize_advantage": False, "learning_rate": 0.0, "rollout_buffer_kwargs": {"whiten_advantages": True}}
    model = make_ppo(**SMALL | {"batch_size": 10} | options)
    model.learn(30)
    raw, white = plain.rollout_buffer.advantages, model.rollout_buffer.advantages
    assert white == pytest.approx((raw - raw.mean()) / raw.std(), abs=1e-5)
    assert (model.rollout_buffer.returns == plain.rollout_buffer.returns).all()  # from unwhitened advantages
    batches = [samples.advantages for samples in model.rollout_buffer.get(10)]
    assert torch.cat(batches).mean().abs() < 1e-5 and max(batch.mean().abs() for batch in batches) > 0.1


@pytest.mark.parametrize("policy_kwargs", [{}, {"separate_critic": True}, {"peft": {"peft_type": "LORA", "r": 2}}])
def test_micro_batches_have_the_gradients_of_the_whole(
    make_ppo: Callable[..., PPO], policy_kwargs: dict[str, Any]
) -> None:
    model = make_ppo(**SMALL | {"num_envs": 8, "n_steps": 20, "batch_size": 160, "policy_kwargs": policy_kwargs})
    model.learn(160)
    (samples,) = model.rollout_buffer.get(None)
    policy: Any = model.policy
    passes: list[int] = []
    hook = policy.causal_lm.trunk.register_forward_pre_hook(
        lambda _, args, kwargs: passes.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    gradients = []
    for policy.micro_batch_tokens in (None, 40, 1):
        passes.clear()
        policy.zero_grad()
        values, log_prob, entropy = policy.evaluate_actions(samples.observations, samples.actions)
        (values.pow(2).sum() + (log_prob * samples.advantages).sum() + entropy.sum()).backward()
        gradients.append([p.grad.clone() for p in policy.parameters() if p.grad is not None])
        width = samples.observations.input_ids.shape[1]
        assert max(passes) <= max(40, width) or policy.micro_batch_tokens is None
    hook.remove()
    assert len(passes) == 2 * len(samples.observations.input_ids) > 2  # each row forward, and again for its gradient
    for split in gradients[1:]:
        for own, whole in zip(split, gradients[0], strict=True):
            torch.testing.assert_close(own, whole, rtol=1e-3, atol=1e-4 * float(whole.abs().max()))


@pytest.mark.parametrize(
    ("model", "policy_kwargs"),
    [("llama", {"separate_critic": True}), ("textgym-tiny", {"peft": {"peft_type": "LORA", "r": 2}})],
)
def test_layers_that_are_computed_again_have_the_same_gradients(
    make_ppo: Callable[..., PPO], model: str, policy_kwargs: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """Of three fifths and less of what is kept else; and decoding keeps its cache, in training mode too."""
    name = request.getfixturevalue(model) if model == "llama" else model
    options = {"policy_kwargs": {"model": name, "gradient_checkpointing": True} | policy_kwargs}
    options |= {"env": {"tokenizer": name, "max_new_tokens": 6}, "num_envs": 8, "n_steps": 20, "batch_size": 160}
    ppo = make_ppo(**SMALL | options)
    ppo.learn(160)
    (samples,) = ppo.rollout_buffer.get(None)
    policy: Any = ppo.policy
    read: list[int] = []
    first = next(module for module in policy.causal_lm.trunk.modules() if type(module).__name__.endswith("MLP"))
    first.register_forward_pre_hook(lambda *_: read.append(1))

    def gradients(training: bool) -> tuple[list[torch.Tensor], int, int]:
        policy.set_training_mode(training)
        policy.zero_grad()
        read.clear()
        kept: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.numel()) or x, lambda x: x):
            values, log_prob, entropy = policy.evaluate_actions(samples.observations, samples.actions)
        (values.pow(2).sum() + (log_prob * samples.advantages).sum() + entropy.sum()).backward()
        return [p.grad.clone() for p in policy.parameters() if p.grad is not None], sum(kept), len(read)

    expected, whole, _ = gradients(training=False)
    n_rows = len(samples.observations.input_ids)
    for policy.micro_batch_tokens, expected_times in ((None, 2), (1, 3 * n_rows)):
        found, kept, times = gradients(training=True)
        assert kept < 0.6 * whole and times == expected_times and n_rows > 2
        for own, other in zip(found, expected, strict=True):
            torch.testing.assert_close(own, other, rtol=1e-3, atol=1e-4 * float(other.abs().max()))
    obs = policy.obs_to_tensor(ppo.env.reset())[0]
    for _ in range(3):
        actions, _, log_prob = policy(obs, deterministic=True)
        torch.testing.assert_close(policy.log_prob(obs, actions), log_prob, atol=1e-4, rtol=0)
        obs = policy.obs_to_tensor(ppo.env.step(actions.numpy())[0])[0]


@pytest.mark.parametrize("separate", [False, True])
def test_the_critic_learns_before_the_policy(make_ppo: Callable[..., PPO], separate: bool) -> None:
    options = {"policy_kwargs": {"separate_critic": separate, "warmup_steps": 4}, "learning_rate": 1e-3}
    model = make_ppo(**SMALL | options)
    start = weights(model)
    model.learn(60, callback=CriticWarmup(60))
    for name, weight in weights(model).items():
        assert torch.equal(weight, start[name]) != name.startswith(("value_net", "critic_trunk")), name
    (group,) = model.policy.optimizer.param_groups
    assert "steps_taken" not in group  # the warm-up of the learning rate is the policy's
    model.learn(30, callback=CriticWarmup(60), reset_num_timesteps=False)
    moved = [name for name, weight in weights(model).items() if not torch.equal(weight, start[name])]
    assert len(moved) == len(start) and group["steps_taken"] == 2


def test_a_critic_that_learns_alone_explains_more_and_more(make_ppo: Callable[..., PPO]) -> None:
    """On one rollout, whose policy stands still."""
    model = make_ppo(**SMALL | {"learning_rate": 1e-3, "n_epochs": 1})
    model.learn(30, callback=CriticWarmup(30))
    model.policy.critic_alone = True
    losses = []
    for _ in range(4):
        model.train()
        losses.append(model.logger.name_to_value["train/value_loss"])
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.95 * losses[0]


def test_a_warm_up_without_a_critic(make_ppo: Callable[..., PPO]) -> None:
    for options in ({"vf_coef": 0.0}, {"vf_coef": 0.0, "algorithm": A2C, "batch_size": None, "n_epochs": None}):
        with pytest.raises(ConfigurationError, match="positive vf_coef"):
            make_ppo(**SMALL | options).learn(30, callback=CriticWarmup(30))
    with pytest.raises(ConfigurationError, match="micro_batch_tokens"):
        make_ppo(policy_kwargs={"micro_batch_tokens": 0})
    assert not TransformerPolicy.critic_alone
