"""Every keyword once: both environments take those of `EpisodeConfig`, show them and explain them."""

import inspect
import re
from dataclasses import fields

import gymnasium as gym
import pytest

from textgym.envs import ENVIRONMENTS
from textgym.envs.config import EpisodeConfig
from textgym.envs.text_env import TextGenEnv
from textgym.envs.vector import TextGenVectorEnv
from textgym.errors import ConfigurationError, UnknownNameError

OWN = {
    TextGenEnv: {"render_mode"},
    TextGenVectorEnv: {"num_envs", "render_mode", "max_episode_steps", "autoreset_mode"},
}


@pytest.mark.parametrize("env", OWN)
def test_environments_take_and_explain_exactly_the_fields(env):
    taken = {field.name: field.default for field in fields(EpisodeConfig)}
    parameters = inspect.signature(env).parameters
    assert set(parameters) == taken.keys() | OWN[env]
    for field in fields(EpisodeConfig):
        expected = inspect.signature(EpisodeConfig).parameters[field.name]
        assert (parameters[field.name].default, parameters[field.name].annotation) == (
            expected.default, expected.annotation,
        )  # fmt: skip
    arguments = env.__doc__.split("Args:\n")[1].split("\n\n")[0]
    assert re.findall(r"^        (\w+): ", arguments, flags=re.MULTILINE) == [
        *(["num_envs"] if env is TextGenVectorEnv else []),
        *taken,
        *[name for name in parameters if name in OWN[env] - {"num_envs"}],
    ]


def test_tasks_are_registered_with_what_config_takes():
    taken = {field.name for field in fields(EpisodeConfig)}
    assert all(set(env.task.kwargs) <= taken for env in ENVIRONMENTS.values())
    assert ENVIRONMENTS["TextGen-QA-v0"].task.kwargs["tokenizer"] == EpisodeConfig.tokenizer == "textgym-tiny"


@pytest.mark.parametrize("make", [gym.make, gym.make_vec])
def test_an_unknown_keyword_suggests_the_right_one(make):
    with pytest.raises(UnknownNameError, match=r"keyword 'max_new_token'\. Did you mean 'max_new_tokens'"):
        make("TextGen-QA-v0", max_new_token=3)


def test_what_must_be_given_is_said(rows):
    with pytest.raises(TypeError, match="'reward_funcs'"):
        TextGenEnv(dataset=rows)


@pytest.mark.parametrize("value", [True, None, 2.0])
def test_a_number_of_tokens_is_an_integer(make_env, value):
    with pytest.raises(ConfigurationError, match=f"max_new_tokens is {value}. Give an integer of at least 1"):
        make_env(max_new_tokens=value)
