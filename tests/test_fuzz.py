"""Whatever public entry points are given, they work or raise a typed error; ``benchmarks.fuzz`` does it at length."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from stable_baselines3 import PPO

from benchmarks.results_io import read_examples, read_run
from benchmarks.suite import SUITES, load_suite
from textgym import data, metrics, models, rewards
from textgym.cli.lint_reward import find_reward
from textgym.cli.output import described_reward
from textgym.cli.validate import validate
from textgym.envs.text_env import TextGenEnv
from textgym.envs.vector import TextGenVectorEnv
from textgym.errors import MissingPackageError, TextGymError
from textgym.rewards import Cached, Clipped, EvaluateModule, Gated, Judge, Lenient, RewardFunctions
from textgym.rewards.form import Format
from textgym.rewards.text import Length, Repetition
from textgym.sb3 import KLControl, TextCallback, TextVecEnv, TransformerPolicy

TYPED = (TextGymError, gym.error.Error)
# the same inputs in every run: a test that fails now and then helps nobody
few = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
fewer = settings(few, max_examples=12)

text = st.text(max_size=12)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-3, 300), st.floats(), text, st.binary(max_size=3))
odd = st.sampled_from(
    [np.float32(1), np.array(3), np.array([1.5]), np.array([[1, 2]]), Path("x"), object(), 10**30, {1}]
)
anything = st.recursive(
    scalars | odd, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=5
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), text),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
# no name of a hub: nothing asks the network
keyword_values = anything.filter(lambda value: not isinstance(value, str) or "/" not in value)
OPTIONS = st.dictionaries(st.sampled_from(["index", "reset_mask", "other"]), anything, max_size=3)


def tried(call: Any, *arguments: Any, **keywords: Any) -> Any:
    """What a call returns, None where it raises a typed error; any other error is the test's."""
    try:
        return call(*arguments, **keywords)
    except TYPED:
        return None


@few
@given(seed=anything, options=st.none() | OPTIONS | anything, actions=st.lists(anything, max_size=3))
def test_an_environment_takes_or_refuses(make_env, seed, options, actions):
    env = make_env(max_new_tokens=2)
    if tried(env.reset, seed=seed, options=options) is None:
        env.reset(seed=0)
    for action in actions:
        tried(env.step, action)
    env.reset(seed=0)
    assert env.step(300)[0] in env.observation_space, "what was refused left no trace"


@few
@given(seed=anything, options=st.none() | OPTIONS | anything, actions=st.lists(anything, max_size=3))
def test_environments_side_by_side_take_or_refuse(make_vector_env, seed, options, actions):
    env = make_vector_env(2, max_new_tokens=2)
    tried(env.reset, seed=seed, options=options)
    env.reset(seed=0)
    for action in actions:
        tried(env.step, action)
    assert env.step(np.array([300, 301]))[0] in env.observation_space


KEYWORDS = (
    "dataset", "tokenizer", "split", "reward_funcs", "reward_weights", "shaping", "prompt_template", "shots",
    "max_prompt_tokens", "max_new_tokens", "render_mode", "unknown",
)  # fmt: skip


@pytest.mark.parametrize("make", [TextGenEnv, lambda **keywords: TextGenVectorEnv(2, **keywords)])
@pytest.mark.parametrize("name", KEYWORDS)
@fewer
@given(value=keyword_values)
@example(value=10**12)
@example(value=10**30)
def test_keywords_are_taken_or_refused(keywords, make, name, value):
    tried(make, **{**keywords, name: value})


@pytest.mark.parametrize("name", ["num_envs", "max_episode_steps", "autoreset_mode"])
@fewer
@given(value=anything)
@example(value=10**12)
@example(value=10**30)
def test_keywords_of_vector_environments_are_taken_or_refused(keywords, name, value):
    tried(TextGenVectorEnv, **{**keywords, name: value})


@few
@given(written=st.text(), ids=st.lists(st.integers(0, 4095), max_size=20))
def test_text_survives_the_tokenizer(tokenizer, written, ids):
    encoded = tried(tokenizer.encode, written)
    if encoded is not None:
        assert tokenizer.decode(encoded) == written
    assert "".join(tokenizer.pieces(ids)) == tokenizer.decode(ids)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet", ".jsonl.gz"])
@few
@given(content=st.binary(max_size=60) | st.text().map(lambda s: s.encode("utf-8", "surrogatepass")))
def test_files_of_data_are_read_or_refused(tmp_path, suffix, content):
    path = tmp_path / f"data{suffix}"
    path.write_bytes(content)
    tried(data.load, path, "train")


@few
@given(rows=st.lists(st.dictionaries(st.sampled_from(["prompt", "reference", "self", "x"]), json_values), max_size=4))
def test_rows_are_taken_or_refused(tmp_path, rows):
    tried(data.load, rows, "train")
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    tried(data.load, path, "train")


def scored(name: str) -> RewardFunctions:
    try:
        return RewardFunctions(name)
    except MissingPackageError as error:
        return pytest.skip(str(error))


@few
@given(name=anything.filter(lambda value: not isinstance(value, str) or "/" not in value))
@example(name="x" * 300)
@example(name="~nobody/x")
@example(name=5)
@example(name=["length"])
def test_names_are_found_or_refused(name):
    tried(rewards.get, name)
    tried(models.load_tokenizer, name)
    tried(models.folder, name)


CONSTRUCTORS = {
    "Judge.base_url": lambda value: Judge(value, "small"),
    "Judge.model": lambda value: Judge("http://localhost:1", value),
    "Judge.timeout": lambda value: Judge("http://localhost:1", "small", timeout=value),
    "Judge.retries": lambda value: Judge("http://localhost:1", "small", retries=value),
    "KLControl.beta": lambda value: KLControl(value),
    "KLControl.target": lambda value: KLControl(0.1, value),
    "Clipped.low": lambda value: Clipped("length", low=value),
    "Cached.size": lambda value: Cached("length", size=value),
    "Gated.at_least": lambda value: Gated("length", by="length", at_least=value),
    "Lenient.value": lambda value: Lenient("length", value=value),
    "Lenient.time_limit": lambda value: Lenient("length", time_limit=value),
    "TextCallback.samples": lambda value: TextCallback(value),
    "TextCallback.samples_every": lambda value: TextCallback(4, value),
    "Format": lambda value: Format(value),
    "Length": lambda value: Length(value)(completions=["a"]),
    "Repetition": lambda value: Repetition(value)(completions=["a"]),
}


@pytest.mark.parametrize("name", CONSTRUCTORS)
@fewer
@given(value=anything)
@example(value="a")
@example(value=5)
@example(value=0)
@example(value=["a"])
@example(value=10**400)
def test_arguments_are_taken_or_refused(name, value):
    tried(CONSTRUCTORS[name], value)


@pytest.mark.parametrize("keywords", [{"temperature": "a"}, {"peft": 5}, {"model": 5}, {"dtype": 5}])
def test_policies_refuse_what_cannot_be_meant(keywords):
    env = TextVecEnv("TextGen-Sentiment-v0", 1, max_new_tokens=3)
    with pytest.raises(TextGymError, match=next(iter(keywords))):
        PPO(TransformerPolicy, env, policy_kwargs=keywords, device="cpu")


@pytest.mark.parametrize("name", ["x" * 300, "~nobody/x", "x" * 300 + ".py", "~nobody/x.py", "x" * 300 + ".csv"])
def test_commands_say_that_there_is_no_such_file(name):
    with pytest.raises(TYPED):
        find_reward(name)
    with pytest.raises(TYPED):
        validate(name)
    tried(EvaluateModule, name)


@pytest.mark.parametrize("end", [{"a": 1}, [[1]], "x", 10**30, None, True, [{}]])
def test_ends_of_a_text_are_ids_or_left_out(tmp_path, end):
    for file in models.folder("textgym-tiny").glob("*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": end}))
    assert models.load_tokenizer(tmp_path).eos_token_id == models.load_tokenizer("textgym-tiny").eos_token_id


CELL = st.none() | st.text(max_size=20) | st.lists(st.text(max_size=8), max_size=3) | anything


@pytest.mark.parametrize("name", rewards.names())
@settings(few, max_examples=8)
@given(completions=st.lists(st.text(max_size=30), min_size=1, max_size=3), cells=st.data())
def test_rewards_score_or_refuse_any_text(tokenizer, name, completions, cells):
    functions = scored(name)
    needed, _ = described_reward(name)
    n = len(completions)
    columns = {column: cells.draw(st.lists(CELL, min_size=n, max_size=n)) for column in {"reference", *needed}}
    completions = [tokenizer.decode(tokenizer.encode(completion)) for completion in completions]
    result = tried(
        functions.score,
        prompts=["a"] * n,
        completions=completions,
        completion_ids=[tokenizer.encode(completion) for completion in completions],
        columns=columns,
        rows=[f"row {i}" for i in range(n)],
    )
    if result is not None:
        totals, components = result
        assert np.isfinite(totals).all() and all(math.isfinite(v) for row in components for v in row.values())


PAIRWISE = ("accuracy", "chrf", "coverage", "exact_match", "meteor", "rouge_l", "token_f1")


@pytest.mark.parametrize("name", PAIRWISE)
@few
@given(prediction=st.text(), reference=st.text())
def test_metrics_are_fractions_of_any_text(name, prediction, reference):
    metric = getattr(metrics, name)
    assert 0 <= metric(prediction, reference) <= 1 + 1e-9
    assert metric("", "") == 1


SUITE_KEYS = (
    "env_ids", "seeds", "split", "num_examples", "num_envs", "reference", "gold", "zero", "one", "agents", "report",
    "env_kwargs", "unknown",
)  # fmt: skip


@pytest.mark.parametrize("key", SUITE_KEYS)
@fewer
@given(value=json_values)
def test_suites_are_read_or_refused(tmp_path, key, value):
    path = tmp_path / "suite.toml"
    base = (SUITES / "smoke.toml").read_text().splitlines()
    # a value of JSON is one of TOML, but for null, objects and huge numbers: then it is no TOML, which is a fault, too
    path.write_text("\n".join([f"{key} = {json.dumps(value)}", *(line for line in base if not line.startswith(key))]))
    tried(load_suite, str(path))


@few
@given(content=st.text() | json_values.map(json.dumps))
def test_any_suite_is_read_or_refused(tmp_path, content):
    path = tmp_path / "suite.toml"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    tried(load_suite, str(path))


PUBLISHED = min((SUITES.parent / "results" / "quick").rglob("seed-*.json"))


@pytest.mark.parametrize("key", [*json.loads(PUBLISHED.read_text())])
@fewer
@given(value=json_values)
def test_results_are_read_or_refused(tmp_path, key, value):
    path = tmp_path / PUBLISHED.name
    path.write_text(json.dumps({**json.loads(PUBLISHED.read_text()), key: value}))
    tried(read_run, path)


@few
@given(content=st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_result_is_read_or_refused(tmp_path, content):
    path = tmp_path / "seed-000.json"
    path.write_bytes(content)
    tried(read_run, path)
    tried(read_examples, path)
