"""Each agent of the board plays, and is what it says it is."""

import importlib
import math
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.utils import set_random_seed

import agents
from agents import beam_search, best_of_n, ppo, random, recurrent_ppo, reference, supervised, trpo, zero_shot
from textgym.checks import exact
from textgym.errors import ConfigurationError
from textgym.evaluation import evaluate_agent

ENV_ID = "TextGen-Sentiment-v0"
FILES = sorted(path.stem for path in Path(agents.__path__[0]).glob("[!_]*.py"))
SHORT = {"max_new_tokens": 5}
SMALL = {"num_envs": 2, "n_steps": 8}
TINY = SMALL | {"batch_size": 8, "n_epochs": 1}
TRPO = SMALL | {"batch_size": 16, "n_critic_updates": 1, "cg_max_steps": 1, "line_search_max_iter": 1}
GROUPS = {"n_prompts": 2, "group_size": 2}
STARTED = {"supervised_tokens": 16}
OVERRIDES = {
    "a2c": SMALL,
    "grpo": GROUPS,
    "maskable_ppo": TINY,
    "ppo": TINY,
    "recurrent_ppo": TINY,
    "reinforce": GROUPS,
    "rloo": GROUPS,
    "shortlist_ppo": {"num_envs": 2},
    "supervised_a2c": SMALL | STARTED,
    "supervised_grpo": GROUPS | STARTED,
    "supervised_maskable_ppo": TINY | STARTED,
    "supervised_ppo": TINY | STARTED,
    "supervised_reinforce": GROUPS | STARTED,
    "supervised_rloo": GROUPS | STARTED,
    "supervised_trpo": TRPO | STARTED,
    "trl": {"per_device_train_batch_size": 4, "num_generations": 2},
    "trpo": TRPO,
}
OPTIONS = {"seed": 0, "num_examples": 4, "num_envs": 3, "gold": None, "env_kwargs": SHORT}


def evaluate(agent, **changes):
    return evaluate_agent(agent, ENV_ID, **OPTIONS | changes)


@pytest.mark.parametrize("file", FILES)
def test_every_agent_plays(file):
    if file == "trl":
        pytest.importorskip("trl")
    module = importlib.import_module(f"agents.{file}")
    agent = module.make_agent(ENV_ID, seed=0, total_tokens=16, env_kwargs=SHORT, **OVERRIDES.get(file, {}))
    found = evaluate(agent)
    assert [record["index"] for record in found.records] == [0, 1, 2, 3]
    assert all(value is None or math.isfinite(value) for value in found.metrics.values())
    assert (found.metrics["kl"] is not None) == hasattr(agent, "log_prob")


def test_trpos_bound_falls_with_its_critics_learning_rate():
    """The critic has a trunk of its own; its hyperparameters stay plain data."""
    own = TRPO | {"schedule": "linear", "target_kl": 0.01}
    agent = trpo.make_agent(ENV_ID, seed=0, total_tokens=16, env_kwargs=SHORT, **own)
    for schedule, begins in ((agent.model.target_kl_schedule, 0.01), (agent.model.lr_schedule, 3e-4)):
        assert [schedule(remaining) for remaining in (1.0, 0.5, 0.0)] == pytest.approx([begins, begins / 2, 0.0])
    assert agent.policy.separate_critic and agent.hyperparameters["target_kl"] == 0.01


@pytest.mark.parametrize("file", FILES)
def test_every_agent_declares_a_version(file):
    assert importlib.import_module(f"agents.{file}").version >= 0


def test_an_interrupted_save_destroys_nothing(tmp_path, monkeypatch):
    # written in place, 22 of 35 kills left a file that was neither the old nor the new one
    agent = supervised.make_agent(ENV_ID, seed=0, total_tokens=0, env_kwargs=SHORT)
    agent.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def killed(folder, *_, **__):
        (Path(folder) / "model.safetensors").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(agent.policy.language_model, "save_pretrained", killed)
    with pytest.raises(KeyboardInterrupt):
        agent.save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_curve_is_of_the_tasks_own_reward():
    # trained on a second reward too, the curve would show their sum, which nobody is judged by
    kwargs = SHORT | {"reward_funcs": ["sentiment", "length"], "reward_weights": [1.0, 50.0]}
    agent = ppo.make_agent(ENV_ID, seed=0, total_tokens=16, env_kwargs=kwargs, **TINY)
    assert agent.curve and all(0 <= point.score <= 1 for point in agent.curve)


def test_random_is_uniform_over_allowed_tokens_and_seeded(tokenizer):
    obs = {"input_ids": np.zeros((40_000, 3))}
    first, second, other = (random.make_agent(ENV_ID, seed=seed, total_tokens=0).predict(obs)[0] for seed in (0, 0, 1))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    allowed = gym.make(ENV_ID).unwrapped.action_masks()
    assert allowed[first].all()
    assert tokenizer.pad_token_id not in first
    assert len(np.unique(first)) > 0.99 * allowed.sum()  # of 40,000 draws from 4,095


def test_greedy_takes_no_chances():
    greedy = zero_shot.make_agent(ENV_ID, seed=0, greedy=True, env_kwargs=SHORT)
    texts = []
    for seed in (0, 1):
        set_random_seed(seed)
        texts.append([record["completion"] for record in evaluate(greedy, reference=None).records])
    assert texts[0] == texts[1]


def test_a_beam_of_one_is_greedy():
    greedy = zero_shot.make_agent(ENV_ID, seed=0, greedy=True, env_kwargs=SHORT)
    beam = beam_search.make_agent(ENV_ID, seed=0, width=1, env_kwargs=SHORT)
    texts = [[record["completion"] for record in evaluate(agent, reference=None).records] for agent in (greedy, beam)]
    assert texts[0] == texts[1]


def test_a_wide_beam_finds_the_likeliest_of_all_completions(tmp_path):
    # a beam of one misses it, so that a search which follows the likeliest token alone would be told
    policy = zero_shot.make_agent("TextGen-Solvable-v0", seed=0)
    torch.manual_seed(0)
    for weights in policy.language_model.parameters():
        weights.data.normal_(0, 0.3)
    policy.export(tmp_path)
    task = exact.Solvable.of("TextGen-Solvable-v0", beta=0.1, reference=str(tmp_path))
    likeliest = [task.completions.ids[best] for best in task.probs(task.reference).argmax(1)]
    found = {}
    for width in (1, 256):
        arguments = {"width": width, "length_penalty": 0.0, "split": "train", "model": str(tmp_path)}
        agent = beam_search.make_agent("TextGen-Solvable-v0", seed=0, **arguments)
        plans = agent.plan(range(len(task.prompts)))
        found[width] = [[token for token in plan if token not in task.completions.eos_token_ids] for plan in plans]
    assert found[256] == likeliest != found[1]


def test_best_of_n_plays_the_one_that_the_reward_likes_best():
    scored = []

    def spy(completions, **_):
        values = [sum(map(ord, text)) % 97 / 97 for text in completions]
        scored.append(values)
        return values

    kwargs = SHORT | {"reward_funcs": spy}
    agent = best_of_n.make_agent(ENV_ID, seed=0, n=3, env_kwargs=kwargs)
    found = evaluate(agent, num_envs=2, num_examples=2, reference=None, env_kwargs=kwargs)
    # rows of the lookahead end at different times, so that the best is all that can be told of 3 x 2 scores
    played = [record["return"] for record in found.records]
    lookahead = [value for values in scored for value in values][:6]
    assert max(played) == max(lookahead)
    assert all(played.count(value) <= lookahead.count(value) for value in played)
    assert 6 <= agent.tokens <= 6 * 5
    assert found.metrics["kl_bound"] == pytest.approx(math.log(3) - 2 / 3)


def test_best_of_n_plans_again_when_a_prompt_comes_back():
    # without it a prompt would have one completion for good
    agent = best_of_n.make_agent(ENV_ID, seed=0, n=2, env_kwargs=SHORT)
    texts = {evaluate(agent, num_examples=1, reference=None).records[0]["completion"] for _ in range(4)}
    assert len(texts) > 1


def test_reference_replays_positive_references():
    rows = [
        {"prompt": "The film", "reference": "is good.", "label": 1},
        {"prompt": "The plot", "reference": "is dull.", "label": 0},
        {"prompt": "The cast is far", "reference": ["too good for what it is given to do", "ok"], "label": 1},
    ]
    kwargs = {"dataset": rows, "max_new_tokens": 5}
    agent = reference.make_agent(ENV_ID, seed=0, env_kwargs=kwargs)
    records = evaluate(agent, num_examples=3, reference=None, env_kwargs=kwargs).records
    first, second, third = (record["completion"] for record in records)
    assert first == " is good."
    assert records[0]["finish_reason"] == "eos"
    assert second in (first, third)
    assert third.startswith(" too good")
    assert records[2]["finish_reason"] == "length"


def test_reference_has_something_to_replay():
    # a row without a reference gets the only one that there is
    rows = [{"prompt": "The film", "reference": None}, {"prompt": "The plot", "reference": "is dull."}]
    kwargs = {"dataset": rows, "max_new_tokens": 5}
    agent = reference.make_agent(ENV_ID, seed=0, env_kwargs=kwargs)
    records = evaluate(agent, num_examples=2, reference=None, env_kwargs=kwargs).records
    assert [record["completion"] for record in records] == [" is dull."] * 2
    with pytest.raises(ConfigurationError, match="no value in the column 'reference'"):
        reference.make_agent(ENV_ID, seed=0, env_kwargs=kwargs | {"dataset": rows[:1]})


def test_replaying_needs_the_split_that_is_played():
    agent = reference.make_agent(ENV_ID, seed=0, split="validation")
    with pytest.raises(ConfigurationError, match="no prompt of TextGen-Sentiment-v0, split 'validation'"):
        evaluate(agent, reference=None, env_kwargs={})


def test_ppo_trains_for_its_budget_and_keeps_its_curve():
    told = []
    agent = ppo.make_agent(ENV_ID, seed=0, total_tokens=40, progress=told.append, env_kwargs=SHORT, **TINY)
    assert agent.tokens == 48  # whole rollouts of 16
    assert told == [16, 32, 48]
    assert [point.tokens for point in agent.curve] == told
    assert agent.curve[0].kl == pytest.approx(0, abs=1e-4)
    assert all(0 <= point.score <= 1 for point in agent.curve)
    assert agent.hyperparameters["num_envs"] == 2


def test_ppo_may_earn_with_every_token():
    def paying_tokens(**config):
        agent = ppo.make_agent(
            ENV_ID, seed=0, total_tokens=16, kl_beta=0.0, kl_target=None, env_kwargs=SHORT, **TINY, **config
        )
        return np.count_nonzero(agent.model.rollout_buffer.rewards)

    assert paying_tokens() < 8 < paying_tokens(shaping=True)


def test_ppo_stops_when_time_is_up():
    agent = ppo.make_agent(ENV_ID, seed=0, total_tokens=10**9, seconds=0.0, env_kwargs=SHORT, **TINY)
    assert agent.tokens <= 16


def test_the_lstm_reads_rows_that_are_padded_with_nothing():
    # sb3-contrib fills sequences up with observations of zeros, whose last token would be number -1
    env = gym.make(ENV_ID, **SHORT)
    features = recurrent_ppo.TextFeatures(env.observation_space, width=3)
    obs, _ = env.reset(seed=0)
    empty = {key: np.stack([array, 0 * array]) for key, array in obs.items()}
    found = features({key: torch.as_tensor(array).float() for key, array in empty.items()})
    assert found.shape == (2, 6) and found.isfinite().all() and not found[1, 3:].any()


@pytest.mark.parametrize("agent", [ppo, importlib.import_module("agents.grpo")], ids=["rollouts", "episodes"])
def test_a_linear_schedule_ends_at_zero(agent):
    options = {"seed": 0, "total_tokens": 1, "env_kwargs": SHORT, "learning_rate": 1e-3}
    small = TINY if agent is ppo else GROUPS
    rates = {}
    for schedule in ("constant", "linear"):
        made = agent.make_agent(ENV_ID, schedule=schedule, **options, **small)
        assert made.hyperparameters["learning_rate"] == 1e-3
        rates[schedule] = [made.model.lr_schedule(left) for left in (1.0, 0.5, 0.0)]
    assert rates == {"constant": [1e-3] * 3, "linear": [1e-3, 5e-4, 0.0]}
    with pytest.raises(ConfigurationError, match="schedule='cosine' is not one of constant, linear"):
        agent.make_agent(ENV_ID, schedule="cosine", **options, **small)
