"""Every example once, in any layout; metrics against what they are by definition."""

import importlib
import linecache
import math
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import tokenizers

from textgym import models
from textgym.data import load
from textgym.envs import register
from textgym.envs.task import Task
from textgym.envs.text_env import TextGenEnv
from textgym.errors import ConfigurationError, UnknownNameError
from textgym.evaluation import evaluate_agent, task_hash
from textgym.models import load_tokenizer
from textgym.rewards.text import Length, length
from textgym.tokenizer import TextTokenizer

ENV_ID = "TextGen-Sentiment-v0"
OPTIONS = {"seed": 0, "gold": None, "reference": None, "env_kwargs": {"max_new_tokens": 6}}


class Reader:
    """Chooses by what it reads alone, EOS about one time in five: its texts are the same in any layout."""

    def __init__(self, log_prob=None):
        if log_prob is not None:
            self.log_prob = log_prob

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        read = (obs["input_ids"] * obs["attention_mask"]).sum(1)
        return np.where(read % 5 == 0, 1, 3 + read % 4000), state


class Says:
    """Writes one text, then EOS."""

    def __init__(self, text):
        tokenizer = load_tokenizer("textgym-tiny")
        self.plan = [*tokenizer.encode(text), tokenizer.eos_token_id]

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        step = 0 if episode_start.all() else state + 1
        return np.full(len(obs["input_ids"]), self.plan[min(step, len(self.plan) - 1)]), step


class Labels(TextGenEnv):
    """Say yes or no."""

    task = Task(
        id="TextGen-TestLabels-v0", dataset="arithmetic", reward_funcs="exact_match", gold="exact_match",
        metrics=("macro_f1", "token_f1"), max_prompt_tokens=16, max_new_tokens=4,
    )  # fmt: skip


@pytest.fixture(scope="module")
def zero_shot():
    from textgym.sb3 import TransformerPolicy

    env = gym.make(ENV_ID, max_new_tokens=6).unwrapped
    return TransformerPolicy(env.observation_space, env.action_space, lambda _: 0.0)


def test_importing_evaluation_imports_no_torch():
    code = "import sys, textgym.evaluation; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_visits_each_example_once_in_any_layout():
    # rows that begin anew, or a last block that is not full, would add, lose or mix up records
    expected = []
    env = gym.make(ENV_ID, split="test", max_new_tokens=6)
    for index in range(11):
        obs, info = env.reset(options={"index": index})
        done = False
        while not done:
            (action,), _ = Reader().predict({key: value[None] for key, value in obs.items()})
            obs, score, done, _, info = env.step(action)
        expected.append((index, info["prompt"], info["completion"], score, info["finish_reason"]))
    assert {reason for *_, reason in expected} == {"eos", "length"}
    for num_envs in (1, 4, 11, 64):
        records = evaluate_agent(Reader(), ENV_ID, num_examples=11, num_envs=num_envs, **OPTIONS).records
        keys = ("index", "prompt", "completion", "return", "finish_reason")
        assert [tuple(record[key] for key in keys) for record in records] == expected, num_envs


def test_scores_each_completion_once():
    # the rows that begin anew after their episode must not reach the reward function
    scored = []

    def spy(completions, **_):
        scored.extend(completions)
        return [0.5] * len(completions)

    options = OPTIONS | {"env_kwargs": {"max_new_tokens": 6, "reward_funcs": spy}}
    records = evaluate_agent(Reader(), ENV_ID, num_examples=10, num_envs=8, **options).records
    assert sorted(scored) == sorted(record["completion"] for record in records)


def test_metrics_are_those_of_the_records(zero_shot):
    found = evaluate_agent(zero_shot, ENV_ID, num_examples=6, num_envs=4, **OPTIONS | {"reference": "textgym-tiny"})
    assert all(value is None or math.isfinite(value) for value in found.metrics.values())
    mean = {key: np.mean([record[key] for record in found.records]) for key in ("return", "length", "kl")}
    assert {key: found.metrics[key] for key in mean} == pytest.approx(mean)
    assert found.metrics["reward/sentiment"] == pytest.approx(mean["return"])
    assert found.metrics["gold"] is None
    tokens = sum(record["length"] + (record["finish_reason"] == "eos") for record in found.records)
    log_prob = sum(record["reference_log_prob"] for record in found.records)
    assert found.metrics["perplexity"] == pytest.approx(math.exp(-log_prob / tokens))


def test_the_reference_diverges_from_itself_by_nothing(zero_shot):
    # log-probabilities of other positions, prompt tokens, or without EOS, would not cancel
    found = evaluate_agent(zero_shot, ENV_ID, num_examples=6, num_envs=4, **OPTIONS | {"reference": "textgym-tiny"})
    assert max(abs(record["kl"]) for record in found.records) < 1e-4


def test_log_probs_are_those_of_one_forward_per_text(tokenizer):
    import torch

    found = evaluate_agent(Reader(), ENV_ID, num_examples=8, num_envs=8, **OPTIONS | {"reference": "textgym-tiny"})
    model, _ = models.load("textgym-tiny")
    for record in found.records:
        prompt, ids = tokenizer.encode(record["prompt"])[-16:], []
        while len(ids) < 6 and 1 not in ids:
            text = np.array([prompt + ids])
            (token,), _ = Reader().predict({"input_ids": text, "attention_mask": np.ones_like(text)})
            ids.append(int(token))
        with torch.no_grad():
            logps = model(torch.tensor([prompt + ids])).logits[0].log_softmax(1)
        expected = sum(float(logps[len(prompt) + i - 1, token]) for i, token in enumerate(ids))
        assert record["reference_log_prob"] == pytest.approx(expected, abs=1e-3)
        assert record["kl"] is None


def test_divergence_is_the_agents_log_prob_minus_the_references():
    agent = Reader(lambda obs, actions: np.full(len(actions), -2.0))
    options = OPTIONS | {"reference": "textgym-tiny"}
    found = evaluate_agent(agent, ENV_ID, num_examples=5, num_envs=2, **options)
    for record, (ids, log_probs, reference_log_probs) in zip(found.records, found.choices, strict=True):
        assert len(ids) == record["length"] + (record["finish_reason"] == "eos")
        assert "".join(found.tokenizer.pieces(ids.tolist())) == record["completion"]
        assert log_probs.tolist() == [-2.0] * len(ids)
        assert record["reference_log_prob"] == pytest.approx(reference_log_probs.sum())
        assert record["kl"] == pytest.approx(-2.0 * len(ids) - record["reference_log_prob"])
    # the likeliest token is no sample
    greedy = evaluate_agent(agent, ENV_ID, num_examples=2, deterministic=True, **options)
    assert greedy.metrics["kl"] is None and greedy.choices[0].log_probs is None
    assert greedy.choices[0].reference_log_probs is not None


def test_gold_judges_completions_beside_the_reward():
    # the judge needs the data's columns, and must not change the return
    def label_and_length(completions, completion_ids, label, **_):
        return [10.0 * label[i] + len(completion_ids[i]) for i in range(len(completions))]

    found = evaluate_agent(Reader(), ENV_ID, num_examples=6, num_envs=4, **OPTIONS | {"gold": label_and_length})
    env = gym.make_vec(ENV_ID, num_envs=1, split="test").unwrapped
    labels = env.dataset.columns["label"]
    assert [record["gold"] for record in found.records] == [
        10.0 * labels[record["index"]] + record["length"] for record in found.records
    ]
    assert found.metrics["return"] < 1 < found.metrics["gold"]


@pytest.mark.parametrize(
    "log_prob",
    [
        lambda o, a: np.zeros((len(a), 1)),
        lambda o, a: np.full(len(a), -np.inf),
        lambda o, a: None,
        lambda o, a: [[0.0], [0.0, 0.0]],
        lambda o, a: ["x"] * len(a),
    ],
)
def test_bad_log_probs_are_refused(log_prob):
    with pytest.raises(ConfigurationError, match="log_prob returned"):
        evaluate_agent(Reader(log_prob), ENV_ID, num_examples=2, **OPTIONS | {"reference": "textgym-tiny"})


def test_bad_arguments_are_refused():
    for changes, match in [
        ({"num_examples": 100_000}, "num_examples is 100000"),
        ({"num_examples": 0}, "num_examples is 0"),
        ({"num_examples": 2.5}, "num_examples is 2.5"),
        ({"num_envs": 0}, "num_envs is 0"),
    ]:
        with pytest.raises(ConfigurationError, match=match):
            evaluate_agent(Reader(), ENV_ID, **OPTIONS | changes)
    with pytest.raises(ConfigurationError, match="no method predict"):
        evaluate_agent(object(), ENV_ID, **OPTIONS)


def test_arguments_of_other_types_are_refused():
    for wrong in ({"device": "tpu"}, {"device": 5.0}, {"num_examples": True}):
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            evaluate_agent(Reader(), ENV_ID, **{**OPTIONS, "reference": "auto", **wrong})
    with pytest.raises(ConfigurationError, match="no text-generation environment"):
        evaluate_agent(Reader(), "CartPole-v1", seed=0)


def test_other_environments_are_refused():
    gym.register("Other-v0", vector_entry_point=lambda num_envs, **_: gym.make_vec("CartPole-v1", num_envs=num_envs))
    try:
        with pytest.raises(ConfigurationError, match="no text-generation environment"):
            evaluate_agent(Reader(), "Other-v0", seed=0)
    finally:
        del gym.registry["Other-v0"]


def test_a_reference_of_another_vocabulary_is_refused():
    words = tokenizers.models.WordLevel({"<e>": 0, "<p>": 1, "a": 2, "b": 3}, unk_token="a")
    tokenizer = TextTokenizer(tokenizers.Tokenizer(words), eos_token_id=0, pad_token_id=1, name="four")
    kwargs = {"tokenizer": tokenizer, "dataset": [{"prompt": "a"}], "max_new_tokens": 2}

    class Always:
        def predict(self, obs, state=None, episode_start=None, deterministic=False):
            return np.full(len(obs["input_ids"]), 2), state

    with pytest.raises(ConfigurationError, match="4096 tokens, the environment 4"):
        evaluate_agent(Always(), ENV_ID, seed=0, gold=None, reference="textgym-tiny", env_kwargs=kwargs)


def test_the_reference_is_the_environments_model(zero_shot, llama):
    # another model's divergence would be reported without a word
    options = OPTIONS | {"num_examples": 2, "env_kwargs": {"max_new_tokens": 4, "tokenizer": llama}}
    found = [evaluate_agent(Reader(), ENV_ID, **options | {"reference": name}) for name in ("auto", llama)]
    assert found[0].metrics["perplexity"] == found[1].metrics["perplexity"] > 1
    hashes = [
        task_hash(ENV_ID, gold=None, env_kwargs=options["env_kwargs"], **own) for own in ({}, {"reference": llama})
    ]
    assert hashes[0] == hashes[1] != task_hash(ENV_ID, gold=None, env_kwargs=options["env_kwargs"], reference=None)


def test_a_tokenizer_without_a_name_names_no_reference():
    kwargs = {"tokenizer": tokenizers.Tokenizer.from_file(str(models.folder("textgym-tiny") / "tokenizer.json"))}
    options = OPTIONS | {"num_examples": 2, "env_kwargs": kwargs | {"max_new_tokens": 4}}
    with pytest.raises(ConfigurationError, match=r"reference=NAME.*reference=None"):
        evaluate_agent(Reader(), ENV_ID, **options | {"reference": "auto"})
    assert evaluate_agent(Reader(), ENV_ID, **options | {"reference": "textgym-tiny"}).metrics["perplexity"]


def test_a_reference_that_does_not_exist_is_refused_before_anything_is_played():
    class Never:
        def predict(self, obs, state=None, episode_start=None, deterministic=False):
            raise AssertionError("hours of playing would be lost")

    with pytest.raises(UnknownNameError) as error:
        evaluate_agent(Never(), ENV_ID, **OPTIONS | {"reference": "textgym-tini"})
    assert "reference=None" in error.value.__notes__[0]


def test_a_task_names_its_judge_and_its_metrics():
    # Arithmetic would be judged by a film critic, or Sentiment by its own reward
    answers = load("arithmetic", "test").columns["answer"][:3]
    agent = Says(f"Answer: {answers[0]}")
    found = evaluate_agent(agent, "TextGen-Arithmetic-v0", seed=0, num_examples=3, reference=None)
    right = [float(answer == answers[0]) for answer in answers]
    assert [record["gold"] for record in found.records] == right and sum(right) < 3
    assert [record["metrics"] for record in found.records] == [{"states_number": 1.0}] * 3
    assert found.metrics["metric/states_number"] == 1.0 > found.metrics["gold"]
    options = {"num_examples": 2, "reference": None}
    assert (
        task_hash(ENV_ID, **options)
        == task_hash(ENV_ID, gold="gold", **options)
        != task_hash(ENV_ID, gold=None, **options)
    )


def test_metrics_of_whole_data_sets_are_reported():
    # yes, yes against yes, no: F1 of 2/3 and 0, which no mean over single texts gives
    register(Labels)
    try:
        rows = [{"prompt": "a", "reference": answer} for answer in ("yes", "no")]
        found = evaluate_agent(Says(" yes"), Labels.task.id, seed=0, reference=None, env_kwargs={"dataset": rows})
    finally:
        del gym.registry[Labels.task.id]
    assert found.metrics["metric/macro_f1"] == pytest.approx(1 / 3)
    assert found.metrics["metric/token_f1"] == 0.5
    assert [record["metrics"] for record in found.records] == [{"token_f1": 1.0}, {"token_f1": 0.0}]


@pytest.mark.parametrize("env_id", ["TextGen-NER-v0", "TextGen-Recommendation-v0", "TextGen-Translation-v0"])
def test_data_without_references_are_evaluated_without_what_needs_them(env_id):
    # the task's own judge and metrics would raise, and there was no way around them
    rows = [{"prompt": "He came home."}] * 2
    options = OPTIONS | {"gold": "auto", "env_kwargs": {"dataset": rows, "reward_funcs": "length"}}
    evaluation = evaluate_agent(Says("Jaws"), env_id, **options)
    assert evaluation.metrics["gold"] is None
    assert {name for name in evaluation.metrics if name.startswith("metric/")} <= {"metric/valid_items"}


def test_rows_without_a_reference_are_left_out_of_what_needs_one():
    rows = [{"prompt": "Ann is in Rome.", "reference": reference} for reference in ("PER: Ann; LOC: Rome", None)]
    options = OPTIONS | {"gold": "auto", "env_kwargs": {"dataset": rows, "reward_funcs": "length"}}
    evaluation = evaluate_agent(Says("PER: Ann; LOC: Rome"), "TextGen-NER-v0", **options)
    assert [record["gold"] for record in evaluation.records] == [1.0, None]
    assert evaluation.metrics["gold"] == 1.0
    assert evaluation.metrics["metric/entity_recall"] == 1.0  # 0.5, or an error, with the row that has none


def test_task_hash_names_the_task():
    def other(completions, **_):
        return [0.0] * len(completions)

    same = {"num_examples": 5, "gold": None, "reference": None}
    first = task_hash(ENV_ID, **same)
    assert first == task_hash(ENV_ID, **same)
    changes = [
        {"num_examples": 6},
        {"split": "validation"},
        {"gold": "length"},
        {"reference": "textgym-tiny"},
        {"env_kwargs": {"max_new_tokens": 31}},
        {"env_kwargs": {"reward_funcs": other}},
        {"env_kwargs": {"reward_weights": [2.0]}},
        {"env_kwargs": {"prompt_template": "{prompt} "}},
    ]
    hashes = [task_hash(ENV_ID, **same | change) for change in changes]
    assert len({first, *hashes}) == 1 + len(changes)


def hash_of(reward=length, columns=None):
    """The task hash of a small task."""
    rows = [{"prompt": "a film", **(columns or {})}]
    return task_hash(ENV_ID, gold=None, reference=None, env_kwargs={"dataset": rows, "reward_funcs": reward})


class Watching:
    """A reward whose state has no address in its hash, whatever it holds."""

    def __init__(self, held):
        self.held = held

    def __call__(self, completions, **_):
        return [0.0] * len(completions)

    def method(self, completions, **_):
        return [1.0] * len(completions)


def at_least(words):
    return lambda completions, **_: [float(len(text.split()) >= words) for text in completions]


def by_default(words):
    def reward(completions, words=words, **_):
        return [float(len(text.split()) >= words) for text in completions]

    return reward


def test_task_hash_knows_which_tokens_end_a_text():
    # the tokenizer's own file does not say it
    file = tokenizers.Tokenizer.from_file(str(models.folder("textgym-tiny") / "tokenizer.json"))
    ends = [TextTokenizer(file, eos_token_id=1, pad_token_id=0, eos_token_ids=ids) for ids in ((1,), (1, 2), (2, 1))]
    first, second, third = (
        task_hash(ENV_ID, num_examples=5, gold=None, reference=None, env_kwargs={"tokenizer": end}) for end in ends
    )
    assert first != second == third


@pytest.mark.parametrize(
    "make",
    [
        Length,
        at_least,
        by_default,
        Watching,
        lambda n: Watching(n).method,
        lambda n: partial(length, words=n),
        lambda n: Watching(Watching(n)),
    ],
    ids=["dataclass", "closure", "default", "object", "method", "partial", "wrapped"],
)
def test_task_hash_knows_a_rewards_parameters(make):
    # results under 5 words and under 20 would stand in one table
    assert hash_of(make(5)) == hash_of(make(5)) != hash_of(make(20))


def test_task_hash_knows_every_column_of_the_examples():
    # rewards and judges read the other columns
    hashes = [hash_of(columns=columns) for columns in ({}, {"label": 0}, {"label": 1}, {"rating": 1})]
    assert len(set(hashes)) == 4
    unseen = [{"prompt": "a", "label": 0}, {"prompt": "b", "label": 0}]
    hashes = []
    for label in (0, 1):
        unseen[1]["label"] = label
        kwargs = {"dataset": unseen, "reward_funcs": "length"}
        hashes.append(task_hash(ENV_ID, num_examples=1, gold=None, reference=None, env_kwargs=kwargs))
    assert hashes[0] == hashes[1]


def test_task_hash_knows_the_module_behind_a_reward(tmp_path, monkeypatch):
    # the lines of `sentiment` are the same when the features of its classifier are edited
    monkeypatch.syspath_prepend(tmp_path)
    hashes = []
    for factor in (1, 2):
        (tmp_path / "my_reward.py").write_text(
            f"def helper(text):\n    return {factor} * len(text)\n\n"
            "def mine(completions, **_):\n    return [float(helper(text)) for text in completions]\n"
        )
        monkeypatch.delitem(sys.modules, "my_reward", raising=False)
        importlib.invalidate_caches()
        linecache.clearcache()
        mine = importlib.import_module("my_reward").mine
        hashes.append([hash_of(mine), hash_of(Watching(mine))])  # by itself, and inside another reward
    assert all(one != other for one, other in zip(*hashes, strict=True))


def test_task_hash_knows_a_classifiers_weights_and_not_its_place(tmp_path):
    hashes = []
    for place, weights in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        folder = tmp_path / place / "judge"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(weights)
        hashes.append(hash_of(str(folder)))
    assert hashes[0] == hashes[1] != hashes[2]


def test_task_hash_is_the_same_in_every_process():
    # an address in memory, or the order of a set, would make every run look new
    code = (
        "from tests.evaluation.test_evaluate import Watching, hash_of;"
        "print(hash_of(Watching([object(), len, str.lower, dict, {('a', 1): {'b', 'c', 'd', 'e'}}])))"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert found[0] == found[1]
    large = np.arange(5000)
    assert hash_of(Watching(large)) != hash_of(Watching(np.where(large == 2500, 0, large)))
