"""Whole episodes: each index once, in its place, whatever the number of environments; what agents must return."""

import numpy as np
import pytest

from textgym.envs.vector import TextGenVectorEnv
from textgym.errors import ConfigurationError
from textgym.evaluation import make_env, play
from textgym.evaluation.play import steps

ENV_ID = "TextGen-Sentiment-v0"


class Remembers:
    """A recurrent agent: it chooses by a sum over what it has seen since its row began, which it keeps in its state."""

    def __init__(self):
        self.starts = []

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        self.starts.append(episode_start)
        read = (obs["input_ids"] * obs["attention_mask"]).sum(1)
        state = read + np.where(episode_start, 0, 0 if state is None else state)
        return np.where(state % 5 == 0, 1, 3 + state % 4000), state


class TakesTooLittle:
    def predict(self, obs):
        raise AssertionError("It is not called.")


def test_an_agent_that_takes_other_arguments_is_told_what_to_define(make_playable):
    with pytest.raises(
        ConfigurationError, match=r"TakesTooLittle.predict does not take .*'state'. Define predict\(self"
    ):
        play(TakesTooLittle(), make_playable(2), [0])


@pytest.fixture
def make_playable(keywords):
    return lambda num_envs, **changes: TextGenVectorEnv(num_envs, autoreset_mode="Disabled", **(keywords | changes))


def described(episodes):
    return [(episode.tokens.tolist(), episode.score, episode.info) for episode in episodes]


@pytest.mark.parametrize("shaping", [None, True], ids=["plain", "shaped"])
def test_episodes_are_the_same_in_any_layout(make_playable, shaping):
    # a state that is carried into the next episode, a score or a place that is mixed up, would tell layouts apart
    indices = [*range(17), 3, 3, 30]
    alone = [play(Remembers(), make_playable(1), [index])[0] for index in indices]
    assert [episode.info["index"] for episode in alone] == indices
    assert len({len(episode.tokens) for episode in alone}) > 2
    for num_envs in (1, 3, 20, 50):
        played = play(Remembers(), make_playable(num_envs, shaping=shaping), indices)
        for one, other in zip(described(alone), described(played), strict=True):
            assert one[0] == other[0] and one[1] == pytest.approx(other[1]) and one[2] == other[2], num_envs


def test_step_by_step_it_is_the_same(make_playable):
    indices, env = [*range(11)], make_playable(4)
    lengths, episodes = np.zeros(11, int), {}
    for step in steps(Remembers(), env, indices):
        lengths[step.places] += 1
        episodes |= step.by_place()
    assert described([episodes[i] for i in indices]) == described(play(Remembers(), make_playable(4), indices))
    assert lengths.tolist() == [len(episodes[i].tokens) - episodes[i].info["prompt_length"] for i in indices]
    # whoever stops in the middle may begin again
    next(steps(Remembers(), env, indices))
    assert [episode.info["index"] for episode in play(Remembers(), env, indices)] == indices


def test_environments_are_refilled_as_they_end_and_stay_as_many(make_playable):
    agent, num_envs, indices = Remembers(), 4, range(40)
    episodes = play(agent, make_playable(num_envs), indices)
    lengths = [len(episode.tokens) - episode.info["prompt_length"] for episode in episodes]
    assert {len(starts) for starts in agent.starts} == {num_envs}
    # no environment waits while there is another episode to begin: each step but the last few plays all of them
    assert len(agent.starts) <= sum(lengths) / num_envs + max(lengths)
    blocks = [lengths[start : start + num_envs] for start in range(0, len(lengths), num_envs)]
    assert len(agent.starts) < sum(map(max, blocks)), "environments waited for the longest of their block"


def test_environments_are_refilled_a_quarter_at_a_time(make_playable):
    # one at a time, an agent that reads the prompt first, or plans, would begin anew at nearly every step
    agent = Remembers()
    play(agent, make_playable(12), range(40))
    first, *refills = [int(starts.sum()) for starts in agent.starts if starts.any()]
    assert first == 12 and sum(refills) == 28 and min(refills[:-1]) >= 3


def test_each_episode_is_scored_once_and_no_other(make_playable):
    scored = []

    def reward(completions, **_):
        scored.extend(completions)
        return [1.0] * len(completions)

    episodes = play(Remembers(), make_playable(8, reward_funcs=reward), range(11))
    assert sorted(scored) == sorted(episode.info["completion"] for episode in episodes)


def test_an_agent_keeps_seeing_what_it_chose_the_last_token_from(make_playable, tokenizer):
    seen = []

    class Watches(Remembers):
        def predict(self, obs, state=None, episode_start=None, deterministic=False):
            seen.append((obs["attention_mask"].sum(1).tolist(), episode_start.tolist()))
            return np.where(np.arange(2) == 0, tokenizer.eos_token_id, 500), state

    first, second, third = play(Watches(), make_playable(2, max_new_tokens=3), range(3))
    a, b, c = (episode.info["prompt_length"] for episode in (first, second, third))
    assert seen == [([a, b], [True, True]), ([c, b + 1], [True, False]), ([c, b + 2], [False, False])]


def test_no_index_no_episode(make_playable):
    assert play(Remembers(), make_playable(3), []) == []


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (np.array(42), r"shape \(\) .* for 4 environments"),
        (np.full((4, 1), 42), r"shape \(4, 1\)"),
        (np.full(3, 42), r"shape \(3,\)"),
        (np.full(4, np.nan), "type float64"),
        (np.full(4, 42.0), "type float64"),
        (np.full(4, True), "type bool"),
        ([1, 2, 3, 4096], "the action 4096, which is no token id: return integers from 0 to 4095"),
        ([1, 2, 3, -1], "the action -1"),
        ([[1], [2, 3]], "no array"),
        (None, "type object"),
    ],
)
def test_an_agent_must_return_a_token_for_every_row(make_playable, returned, message):
    # a single number would be broadcast, and scored as if every row had chosen it
    class Returns:
        def predict(self, obs, state=None, episode_start=None, deterministic=False):
            return returned, state

    with pytest.raises(ConfigurationError, match=f"predict returned .*{message}"):
        play(Returns(), make_playable(4), range(4))


def test_an_agent_must_return_a_state(make_playable):
    class ActionsOnly:
        def predict(self, obs, state=None, episode_start=None, deterministic=False):
            return np.full(4, 42)

    with pytest.raises(ConfigurationError, match="a tuple of actions and state"):
        play(ActionsOnly(), make_playable(4), range(4))


def test_environments_that_lose_episodes_are_refused(make_vector_env, make_playable):
    with pytest.raises(ConfigurationError, match="autoreset_mode='Disabled'; got 'SameStep'"):
        play(Remembers(), make_vector_env(2), range(2))
    with pytest.raises(ConfigurationError, match=r"max_episode_steps=3 cuts texts .*: give max_new_tokens=3"):
        play(Remembers(), make_playable(2, max_episode_steps=3), range(2))
    assert len(play(Remembers(), make_playable(2, max_episode_steps=6), range(2))) == 2
    assert make_env(ENV_ID, 1, "test", {"autoreset_mode": "NextStep"}).autoreset_mode.value == "Disabled"
