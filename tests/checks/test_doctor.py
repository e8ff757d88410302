"""The doctor: right trainers pass every check that applies, and a model is left as it was; what each bug does is
`tests/benchmarks/test_bug_zoo.py`'s."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sb3_contrib import TRPO
from stable_baselines3 import A2C, PPO

from agents import a2c
from agents import random as random_agent
from textgym.checks import doctor
from textgym.errors import ConfigurationError
from textgym.sb3 import GRPO, KLControl, SequenceRolloutBuffer, TextVecEnv, TransformerPolicy

ENV_ID = "TextGen-Solvable-v0"
LETTERS: dict[str, Any] = {"policy_kwargs": {"model": "textgym-letters"}, "seed": 0, "device": "cpu"}


def by_name(checks: list[doctor.Check]) -> dict[str, bool | None]:
    return {check.name: check.passed for check in checks}


def wrong(checks: list[doctor.Check]) -> list[str]:
    return [f"{check.name}: {check.figure}" for check in checks if check.passed is False]


def make(algorithm: type[Any] = PPO, **changes: Any) -> Any:
    keywords = {"n_steps": 16, "gamma": 1.0, "rollout_buffer_class": SequenceRolloutBuffer, **LETTERS, **changes}
    keywords.setdefault("rollout_buffer_kwargs", {"kl": KLControl(0.1, target=1.0)})
    return algorithm(TransformerPolicy, TextVecEnv(ENV_ID, 16), **keywords)


def test_ppo_passes_and_is_left_as_it_was() -> None:
    """One rollout later it has the same weights and the same beta, which the rollouts' divergence would adapt."""
    model = make(batch_size=64, n_epochs=2)
    before = {name: weight.clone() for name, weight in model.policy.state_dict().items()}
    checks = doctor.examine(model)
    assert not wrong(checks)
    assert [name for name, passed in by_name(checks).items() if passed is None] == ["coin rewards are harmless"]
    assert all(torch.equal(weight, before[name]) for name, weight in model.policy.state_dict().items())
    assert (model.rollout_buffer.kl.beta, model.batch_size, model.num_timesteps) == (0.1, 64, 0)
    model.learn(256)
    assert not all(torch.equal(weight, before[name]) for name, weight in model.policy.state_dict().items())


@pytest.mark.parametrize(
    "keywords",
    [
        {"rollout_buffer_class": None, "rollout_buffer_kwargs": {}},
        {
            "ent_coef": 0.1,
            "normalize_advantage": False,
            "gae_lambda": 0.9,
            "rollout_buffer_kwargs": {"kl": KLControl(0.1), "value_lambda": 1.0},
        },
    ],
)
def test_other_settings_of_ppo_pass(keywords: dict[str, Any]) -> None:
    assert not wrong(doctor.examine(make(batch_size=64, n_epochs=1, **keywords)))


def test_a2c_passes() -> None:
    assert not wrong(doctor.examine(make(A2C)))


def test_grpo_with_all_its_parts_passes() -> None:
    model = GRPO(
        TransformerPolicy, ENV_ID, kl=KLControl(0.1), n_epochs=2, batch_size=20, drop_equal_groups=True, **LETTERS
    )
    assert not wrong(doctor.examine(model))


def test_an_agent_passes_with_coins() -> None:
    checks = by_name(doctor.examine(a2c.make_agent))
    assert checks["coin rewards are harmless"] is True and False not in checks.values()


def test_a_step_size_that_destroys_is_found() -> None:
    """A learning rate of 0.1, from the first step on."""

    def make_agent(env_id: str, **keywords: Any) -> Any:
        return a2c.make_agent(env_id, **{"learning_rate": 0.1, "warmup_steps": 0} | keywords)

    assert wrong(doctor.examine(make_agent))[0].startswith("coin rewards are harmless")


def test_a_policy_class_is_put_into_ppo() -> None:
    assert not wrong(doctor.examine(TransformerPolicy))


def test_what_does_not_apply_is_not_passed() -> None:
    """TRPO's update has a line search of its own: it is asked for what it samples and scores alone."""
    checks = doctor.examine(make(TRPO))
    passed = by_name(checks)
    assert passed["ratio 1 at the first minibatch"] and passed["samples fit the stated probabilities"]
    assert passed["gradients equal the slow path"] is None
    assert all(check.remedy for check in checks)


@pytest.mark.parametrize("what", [random_agent.make_agent, 3, lambda *_, **__: None])
def test_what_cannot_be_examined_is_an_error(what: Any) -> None:
    with pytest.raises(ConfigurationError):
        doctor.examine(what)


def test_the_power_is_that_of_a_simulation() -> None:
    """Of 300 samplers at a temperature of 0.9, some of which it finds."""
    stated = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    colder = stated ** (1 / 0.9)
    colder = colder / colder.sum()
    n = 8000
    power = doctor._power(3, float((n * (colder - stated) ** 2 / stated).sum()))
    counts = torch.multinomial(colder, n * 300, replacement=True, generator=torch.Generator().manual_seed(0))
    drawn = torch.stack([(counts == token).view(300, n).sum(1) for token in range(4)], 1)
    chi_squares = ((drawn - n * stated) ** 2 / (n * stated)).sum(1)
    found = sum(doctor._deviations(float(each), 3) > doctor.QUANTILE for each in chi_squares) / 300
    assert found == pytest.approx(power, abs=0.08)
    assert 0.1 < power < 0.9
    assert doctor._power(3, 1e-9) == pytest.approx(1e-4, rel=0.5)  # a right sampler
