"""References become a Minari data set: the episodes that these actions play."""

import re
import sys

import gymnasium as gym
import numpy as np
import pytest

from textgym.errors import ConfigurationError, MissingPackageError
from textgym.offline import record_references
from textgym.wrappers import Shortlist

ROWS = [
    {"prompt": "the film was", "reference": "dull"},
    {"prompt": "nothing is said", "reference": None},
    {"prompt": "a quiet and long", "reference": ["film", "film that never ends well"]},
]


def length(completions, **_):
    return [float(len(text)) for text in completions]


@pytest.fixture
def env():
    return gym.make("TextGen-Sentiment-v0", dataset=ROWS, reward_funcs="length", max_new_tokens=4)


@pytest.fixture
def minari():
    return pytest.importorskip("minari")


def test_references_are_played_to_their_end_or_the_limit(minari, env, tmp_path):
    recorded = record_references(env, tmp_path / "new" / "folder")
    dataset, tokenizer = minari.MinariDataset(tmp_path / "new" / "folder"), env.unwrapped.tokenizer
    assert recorded.total_steps == dataset.total_steps
    texts = [tokenizer.encode(f" {text}") for text in ("dull", *ROWS[2]["reference"])]
    expected = [[*ids, tokenizer.eos_token_id][:4] for ids in texts]
    assert [episode.actions.tolist() for episode in dataset] == expected
    assert [len(ids) > 4 for ids in texts] == [False, False, True], "one of them is cut"
    metadata = list(dataset.storage.get_episode_metadata(range(3)))
    assert [each["options"]["index"] for each in metadata] == [0, 2, 2]
    for episode, each in zip(dataset, metadata, strict=True):
        obs, _ = env.reset(options={"index": int(each["options"]["index"])})
        for t, action in enumerate(episode.actions):
            for key in obs:
                assert np.array_equal(episode.observations[key][t], obs[key])
            obs, reward, terminated, truncated, _ = env.step(action)
            assert (reward, terminated, truncated) == (
                episode.rewards[t], episode.terminations[t], episode.truncations[t],
            )  # fmt: skip
        assert terminated and np.array_equal(episode.observations["input_ids"][-1], obs["input_ids"])
    assert recorded.spec.dataset_id == "TextGen-Sentiment-v0/references-v0"
    again = dataset.recover_environment()
    assert (
        again.unwrapped.config.max_new_tokens == 4 and again.unwrapped.dataset.columns == env.unwrapped.dataset.columns
    )


def test_the_shortlists_own_actions_are_recorded(minari, env, tmp_path, caplog):
    short = Shortlist(env, k=1)
    assert short.spaces.tokens.tolist() == [*env.unwrapped.tokenizer.encode(" film"), 1], "what two references have"
    (episode,) = record_references(short, tmp_path)
    assert episode.actions.tolist() == [0, 1]
    assert np.array_equal(episode.observations[0], short.reset(options={"index": 2})[0])
    assert "2 of 3 references have tokens that the shortlist lacks" in caplog.text


def test_whoever_cannot_make_the_environment_again_is_warned(minari, env, tmp_path):
    env = gym.make("TextGen-Sentiment-v0", dataset=ROWS, reward_funcs=length)
    with pytest.warns(UserWarning, match="not be able to recover the environment"):
        assert len(record_references(env, tmp_path)) == 3


@pytest.mark.parametrize("rows", [[{"prompt": "a"}], [{"prompt": "a", "reference": None}]])
def test_what_has_no_reference_is_refused_before_anything_is_written(minari, tmp_path, rows):
    env = gym.make("TextGen-Sentiment-v0", dataset=rows)
    with pytest.raises(ConfigurationError, match="has 0 references, and none that can be written: give the data a col"):
        record_references(env, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_what_lies_in_the_folder_is_kept(minari, env, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for folder in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(ConfigurationError, match=re.escape(f"something in {folder}. Name a folder that is new")):
            record_references(env, folder)


def test_other_environments_are_refused(minari, tmp_path):
    with pytest.raises(ConfigurationError, match="needs a text-generation environment"):
        record_references(gym.make("CartPole-v1"), tmp_path)


def test_without_minari_the_remedy_is_named(monkeypatch, env, tmp_path):
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(MissingPackageError, match=re.escape("pip install 'textgym[minari]'")):
        record_references(env, tmp_path)
