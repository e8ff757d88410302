"""Whole responses as actions: the same task, the same tokens, the same return, for every id."""

import pickle
import re
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.wrappers import TransformReward

from textgym.envs import ENVIRONMENTS
from textgym.errors import ConfigurationError, InvalidActionError
from textgym.wrappers import AnyText, WholeResponse

IDS = sorted(ENVIRONMENTS)
RESPONSES = {
    "plain": " the film was good",
    "empty": "",
    "unicode": "naïve 文 \U0001f600",
    "control characters": "\n\t\x00",
    "special token": "good<|endoftext|>bad",
    "too long": "seven " * 200,
}


def make(env_id, **keywords):
    """The task on its smallest split: most of the time of `gym.make` goes into the prompts."""
    return gym.make(env_id, split="validation", **keywords)


def tokens_of(env, response):
    """What an agent would choose, token by token, to write the response."""
    return [*env.tokenizer.encode(response), env.tokenizer.eos_token_id][: env.config.max_new_tokens]


def token_level(env, index, tokens):
    """Return and last info of an episode, a token at a time."""
    env.reset(options={"index": index})
    total = 0.0
    for token in tokens:
        _, reward, over, _, info = env.step(token)
        total += reward
    assert over
    return total, info


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("shaping", [None, "length"])
def test_return_is_that_of_the_same_tokens(env_id, shaping):
    env = make(env_id, shaping=shaping).unwrapped
    whole = WholeResponse(make(env_id, shaping=shaping))
    references = env.dataset.columns["reference"][:3]
    references = [f" {text if isinstance(text, str) else text[0]}" for text in references]
    for index, response in enumerate([*references, *RESPONSES.values()]):
        expected, last = token_level(env, index, tokens_of(env.unwrapped, response))
        whole.reset(options={"index": index})
        observation, total, terminated, truncated, info = whole.step(response)
        assert total == pytest.approx(expected, abs=1e-12)
        assert data_equivalence(info, last, exact=True)
        assert (terminated, truncated) == (True, False)
        assert observation == info["prompt"] + info["completion"]


def test_every_tokens_reward_counts(make_env):
    # rewards of a wrapper within, and of tokens before the last: summing only the last would do for sparse rewards
    inner = TransformReward(make_env(), lambda reward: reward + 0.25)
    env, (expected, _) = WholeResponse(inner), token_level(inner, 2, tokens_of(inner.unwrapped, " a dull film"))
    env.reset(options={"index": 2})
    assert env.step(" a dull film")[1] == pytest.approx(expected)
    assert expected > 0.25 * 3


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
def test_the_response_arrives_as_it_is_or_cut(make_env, response):
    env = WholeResponse(make_env(max_new_tokens=16))
    prompt, _ = env.reset(seed=0)
    observation, _, _, _, info = env.step(response)
    expected = response if len(env.unwrapped.tokenizer.encode(response)) <= 16 else response[: len(info["completion"])]
    assert info["completion"] == expected
    assert observation == prompt + expected
    assert info["finish_reason"] == ("eos" if expected == response else "length")


@pytest.mark.parametrize("env_id", IDS)
def test_gymnasium_checker_has_nothing_to_say(env_id, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # what it says of every wrapper, Gymnasium's own included
        warnings.filterwarnings("ignore", message=".*is different from the unwrapped version")
        check_env(WholeResponse(make(env_id, disable_env_checker=True)))


@pytest.mark.parametrize("env_id", IDS)
def test_same_seed_same_episodes(env_id):
    traces = []
    for _ in range(2):
        env = WholeResponse(make(env_id))
        env.action_space.seed(3)
        trace = [env.reset(seed=3)]
        for _ in range(5):
            trace += [env.step(env.action_space.sample()), env.reset()]
        traces.append(trace)
    assert data_equivalence(*traces, exact=True)
    prompts = {entry[0] for entry in traces[0] if len(entry) == 2}
    assert len(prompts) > 1, "one prompt alone would be the same without a seed"


@pytest.mark.parametrize("env_id", IDS)
def test_prompts_and_the_longest_response_are_in_the_space(env_id):
    env = WholeResponse(gym.make(env_id))
    tokenizer, limit = env.unwrapped.tokenizer, env.unwrapped.config.max_new_tokens
    longest = max(range(tokenizer.vocab_size), key=lambda token: len(tokenizer.decode([token])))
    response = tokenizer.decode([longest] * limit)
    assert response in env.action_space
    assert all(prompt + response in env.observation_space for prompt in env.unwrapped.prompts)


def test_pickled_env_goes_on_where_it_was(make_env):
    env = WholeResponse(make_env())
    env.reset(seed=5)
    copy = pickle.loads(pickle.dumps(env))
    assert copy.action_space == env.action_space
    assert data_equivalence(env.step(" sad"), copy.step(" sad"), exact=True)
    assert data_equivalence(env.reset(), copy.reset(), exact=True)


def test_spec_survives_json():
    env = WholeResponse(gym.make("TextGen-Sentiment-v0", max_new_tokens=7))
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert isinstance(again, WholeResponse)
    assert data_equivalence(env.reset(seed=1), again.reset(seed=1), exact=True)
    assert data_equivalence(env.step(" fine"), again.step(" fine"), exact=True)


def test_rows_side_by_side():
    envs = gym.make_vec(
        "TextGen-Sentiment-v0", num_envs=2, vectorization_mode="sync", wrappers=[WholeResponse], reward_funcs="length"
    )
    prompts, _ = envs.reset(seed=0)
    texts, rewards, terminated, _, _ = envs.step((" one two three four five", " naïve"))
    assert rewards.tolist() == [0.5, 0.1]
    assert terminated.all()
    assert texts == (prompts[0] + " one two three four five", prompts[1] + " naïve")


def test_an_episode_has_one_step(make_env):
    env = WholeResponse(make_env())
    with pytest.raises(ResetNeeded):
        env.step("too early")
    env.reset(seed=0)
    env.step("in time")
    with pytest.raises(ResetNeeded):
        env.step("too late")


@pytest.mark.parametrize(
    ("action", "message"),
    [
        *((action, "is no text. Give the whole") for action in (3, None, b"bytes", ["text"], np.int64(5))),
        ("half \ud83d", "half of a character. Repair the text."),
    ],
)
def test_what_is_no_text_is_refused_before_anything_is_played(make_env, action, message):
    env = WholeResponse(make_env())
    env.reset(seed=0)
    with pytest.raises(InvalidActionError, match=re.escape(message)):
        env.step(action)
    assert env.step("text")[2]


def test_a_limit_on_steps_truncates_as_it_does_token_by_token():
    env = WholeResponse(gym.make("TextGen-Sentiment-v0", max_episode_steps=3))
    prompt, _ = env.reset(seed=0)
    text, reward, terminated, truncated, _ = env.step(" one two three four five six")
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert text.startswith(prompt) and not text.endswith("six")


def test_other_environments_are_refused():
    with pytest.raises(ConfigurationError, match="WholeResponse needs a text-generation environment"):
        WholeResponse(gym.make("CartPole-v1"))


def test_any_text_is_any_string_up_to_its_length():
    space = AnyText(5, seed=0)
    assert "" in space and "文" * 5 in space and "\x00\n" in space
    assert "文" * 6 not in space and 5 not in space and b"abc" not in space
    assert all(space.sample() in space for _ in range(50))
    assert {len(space.sample()) for _ in range(100)} == set(range(6))
    assert space == pickle.loads(pickle.dumps(space)) and space != AnyText(6)
    # of the same characters as its samples, but not of every character
    assert space != gym.spaces.Text(5, min_length=0, charset=space.character_set)
