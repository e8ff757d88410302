"""Every registered environment: Gymnasium's and SB3's checkers, determinism, pickling, other processes, imports."""

import itertools
import json
import multiprocessing
import pickle
import re
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env, data_equivalence
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import textgym.envs
from textgym import data, rewards
from textgym.envs import ENVIRONMENTS, docstrings
from textgym.envs.prompts import continuation
from textgym.metrics import CORPUS

IDS = sorted(env_id for env_id in gym.registry if env_id.startswith("TextGen-") and "Small-" not in env_id)
# the scope orders the tests by id: only the last prompts that were encoded are kept
every_id = pytest.mark.parametrize("env_id", IDS, scope="module")


def test_the_table_is_registered_and_registering_again_is_silent():
    # registering twice would warn that a spec is overridden, and lose what a user changed in it
    assert set(IDS) == set(textgym.envs.ENVIRONMENTS) and IDS
    assert all(textgym.envs.small_id(env_id) in gym.registry for env_id in IDS)  # tests/wrappers/test_shortlist.py
    before = dict(gym.registry)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        textgym.envs.register_envs()
    assert all(gym.registry[env_id] is before[env_id] for env_id in IDS)


def test_tasks_are_listed_in_the_order_of_the_documents():
    assert [env_id.split("-")[1] for env_id in ENVIRONMENTS] == [
        "Sentiment", "Classification", "QA", "NER", "RelationExtraction", "Summarization", "Translation", "Dialogue",
        "DataToText", "Recommendation", "Arithmetic", "ReasoningGym", "Solvable",
    ]  # fmt: skip


def test_a_new_task_is_one_new_file(tmp_path, monkeypatch):
    # after those that the documents list, and without its imports from other tasks
    (tmp_path / "aphorisms.py").write_text(
        "from textgym.envs.task import Task\nfrom textgym.envs.tasks.sentiment import SentimentEnv\n"
        "class AphorismsEnv(SentimentEnv):\n    task = Task(id='TextGen-Aphorisms-v0', dataset='sentiment', "
        "reward_funcs='length', max_prompt_tokens=4, max_new_tokens=4, gold='gold')\n"
    )
    monkeypatch.setattr(textgym.envs.tasks, "__path__", [*textgym.envs.tasks.__path__, str(tmp_path)])
    try:
        found = [*textgym.envs.discovered()]
        assert set(found) == {*ENVIRONMENTS, "TextGen-Aphorisms-v0"}
        assert found.index("TextGen-Aphorisms-v0") > found.index("TextGen-Solvable-v0")
    finally:
        sys.modules.pop("textgym.envs.tasks.aphorisms", None)


@every_id
def test_gymnasium_checker_has_nothing_to_say(env_id, capsys):
    # also makes and renders every declared render mode
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make(env_id).unwrapped)


@every_id
def test_sb3_checker_has_nothing_to_say(env_id):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_check_env(gym.make(env_id, render_mode="ansi").unwrapped, warn=True)


def rollout(env, steps=80):
    env.action_space.seed(3)
    trace = [env.reset(seed=3)]
    for _ in range(steps):
        trace.append(env.step(env.action_space.sample()))
        if trace[-1][2]:
            trace.append(env.reset())
    return trace


@every_id
def test_a_thousand_rows_are_scored_side_by_side(env_id, random_actions):
    envs = gym.make_vec(env_id, num_envs=1024, max_new_tokens=2)
    envs.reset(seed=0)
    first, second = random_actions(2, 1024, vocab_size=envs.tokenizer.vocab_size)
    by_eos = first == envs.tokenizer.eos_token_id
    for actions, over in ((first, by_eos), (second, ~by_eos | (second == envs.tokenizer.eos_token_id))):
        obs, rewards, terminated, truncated, infos = envs.step(actions)
        assert obs in envs.observation_space
        assert {key: array.dtype for key, array in obs.items()} == {"input_ids": np.int64, "attention_mask": np.int8}
        assert rewards.shape == (1024,) and rewards.dtype == np.float64 and np.isfinite(rewards).all()
        assert np.array_equal(terminated, over) and not truncated.any()
        assert [*envs.ended] == np.flatnonzero(infos["_final_info"]).tolist() == np.flatnonzero(over).tolist()


@every_id
def test_same_seed_same_episodes(env_id):
    first, second = rollout(gym.make(env_id)), rollout(gym.make(env_id))
    assert data_equivalence(first, second, exact=True)
    assert any(len(entry) == 5 and entry[2] for entry in first), "no episode ended: the test would compare no reward"


@every_id
def test_pickled_env_goes_on_where_it_was(env_id):
    env = gym.make(env_id).unwrapped
    env.reset(seed=5)
    env.step(env.action_space.n - 1)
    copy = pickle.loads(pickle.dumps(env))
    for action in (env.action_space.n - 2, env.tokenizer.eos_token_id):
        assert data_equivalence(env.step(action), copy.step(action), exact=True)
    assert data_equivalence(env.reset(), copy.reset(), exact=True)


@every_id
@pytest.mark.parametrize("mode", ["ansi", "human", "rgb_array"])
def test_render_modes(env_id, mode, capsys):
    env = gym.make(env_id, render_mode=mode)
    env.reset(seed=0)
    env.step(env.action_space.n - 1)
    frame = env.render()
    if mode == "ansi":
        assert isinstance(frame, str)
    elif mode == "human":
        assert frame is None and capsys.readouterr().out
    else:
        assert frame.shape[1:] == (640, 3) and frame.dtype == np.uint8 and frame.min() < 128, "an empty picture"


@every_id
def test_spec_survives_json(env_id):
    # a callable or a tokenizer among the registered keywords would break this, and with it run manifests
    spec = EnvSpec.from_json(gym.make(env_id).spec.to_json())
    assert spec.id == env_id
    assert json.loads(spec.to_json())["kwargs"] == gym.spec(env_id).kwargs


@every_id
def test_make_vec_uses_the_native_vector_env(env_id):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        envs = gym.make_vec(env_id, num_envs=3)
    assert type(envs).__name__ == "TextGenVectorEnv"
    assert envs.reset(seed=0)[0] in envs.observation_space


@pytest.fixture(scope="module")
def spawned():
    """A process that shares nothing with this one; one for all, for starting it is what takes long."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        yield executor


def _begin(env_id):
    return gym.make(f"textgym:{env_id}").reset(seed=1)[1]  # the module prefix registers


@every_id
def test_make_in_a_spawned_process(env_id, spawned):
    assert spawned.submit(_begin, env_id).result(timeout=300) == gym.make(env_id).reset(seed=1)[1]


def test_making_an_env_imports_nothing_heavy_and_opens_no_socket():
    # torch alone would add seconds to every worker process
    code = """
import socket, sys

def refuse(*args, **kwargs):
    raise AssertionError("a socket was opened")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import gymnasium as gym, textgym
env = gym.make("TextGen-Sentiment-v0")
gym.make_vec("TextGen-Sentiment-v0", num_envs=2)
gym.make("TextGen-SentimentSmall-v0"), gym.make_vec("TextGen-SentimentSmall-v0", num_envs=2)
env.reset(seed=0)
env.step(env.unwrapped.tokenizer.eos_token_id)
heavy = {"torch", "transformers", "evaluate", "datasets", "pandas", "sklearn", "stable_baselines3", "PIL", "pyarrow"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_unknown_id_suggests_the_right_one():
    with pytest.raises(gym.error.NameNotFound, match="TextGen-Sentiment"):
        gym.make("TextGen-Sentimant-v0")


@every_id
def test_docstring_follows_gymnasiums_skeleton(env_id):
    # a task that forgets a section, or one of its own that is lost when the common ones are added
    sections = re.findall(r"^## (.*)$", ENVIRONMENTS[env_id].__doc__, flags=re.MULTILINE)
    assert sections == list(docstrings.SECTIONS)


@every_id
def test_a_task_names_what_exists(env_id):
    # a typing error would be found by the first evaluation only
    task = ENVIRONMENTS[env_id].task
    assert {task.reward_funcs, task.gold} <= set(rewards.names())
    assert set(task.metrics) <= {*rewards.names(), *CORPUS}
    assert task.dataset in data.names()


FITTING = [
    (env_id, name)
    for env_id, env in ENVIRONMENTS.items()
    for name in (env.task.dataset, f"{env.task.dataset}_synthetic")
    if name in data.names() and name != "sentiment"  # whose references are one way to go on, and not the answer
]


@pytest.mark.parametrize(("env_id", "name"), FITTING)
@pytest.mark.parametrize("split", data.datasets.SPLITS)
def test_prompts_and_references_fit_the_environment(env_id, name, split):
    """Fails if a prompt is cut, which is logged, or one answer in a hundred cannot be written to its end."""
    env = gym.make(env_id, dataset=name, split=split, max_prompt_tokens=400).unwrapped
    task, prompts = ENVIRONMENTS[env_id].task, env.prompts
    references = [[text] if isinstance(text, str) else text for text in env.dataset.columns["reference"]]
    answers = [
        [continuation(prompt, text) for text in texts] for prompt, texts in zip(prompts, references, strict=True)
    ]
    lengths = map(len, env.tokenizer.encode_batch([answer for own in answers for answer in own]))
    longest = [max(itertools.islice(lengths, len(own))) + 1 for own in answers]  # and EOS
    assert max(map(len, env.tokenizer.encode_batch(prompts))) <= task.max_prompt_tokens
    assert sum(length > task.max_new_tokens for length in longest) < len(prompts) / 100
