"""The vector environment equals single environments, Gymnasium's SyncVectorEnv, and itself in any layout."""

import re

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from tests.conftest import vowels
from textgym.envs.vector import TextGenVectorEnv
from textgym.errors import ConfigurationError, InvalidActionError, RewardError, UnknownNameError

STEPS = 25


def trajectory(env, actions, **reset):
    return [env.reset(**reset), *(env.step(action) for action in actions)]


def none_for_short(completions, **_):
    return [None if len(text) < 12 else len(text) / 7 for text in completions]


@pytest.mark.parametrize("shaping", [None, [vowels]], ids=["plain", "shaped"])
def test_equals_sync_vector_env(shaping, make_env, make_vector_env, random_actions):
    # rewards that don't apply to every row, lists of references: all that a lossy info could get wrong
    words = ["good", "bad", "long"]
    changes = {
        "dataset": [{"prompt": f"film {i}", "reference": words[: 1 + i % 3]} for i in range(30)],
        "reward_funcs": ["length", none_for_short],
        "shaping": shaping,
    }
    ours = make_vector_env(6, **changes)
    theirs = SyncVectorEnv([lambda: make_env(**changes)] * 6, autoreset_mode=AutoresetMode.SAME_STEP)
    assert ours.single_observation_space == theirs.single_observation_space
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    actions = random_actions(STEPS, 6)
    first, second = trajectory(ours, actions, seed=7), trajectory(theirs, actions, seed=7)
    for step, (a, b) in enumerate(zip(first, second, strict=True)):
        assert data_equivalence(a, b, exact=True), f"step {step}"
    assert ours.np_random_seed == theirs.np_random_seed
    masks = [step[4]["final_info"]["rewards"].get("_none_for_short") for step in first[1:] if "final_info" in step[4]]
    assert any(mask is not None and not mask.all() for mask in masks), "the test saw no reward that does not apply"


@pytest.mark.parametrize("limit", [None, 3, 6])
@pytest.mark.parametrize("shaping", [None, [vowels]], ids=["plain", "shaped"])
def test_next_step_is_that_of_sync_vector_env(keywords, random_actions, limit, shaping):
    changes = keywords | {"max_episode_steps": limit, "shaping": shaping}
    ours = gym.make_vec("TextGen-Sentiment-v0", num_envs=5, autoreset_mode="NextStep", **changes)
    theirs = SyncVectorEnv(
        [lambda: gym.make("TextGen-Sentiment-v0", **changes)] * 5, autoreset_mode=AutoresetMode.NEXT_STEP
    )
    actions = random_actions(STEPS, 5)
    first, second = trajectory(ours, actions, seed=7), trajectory(theirs, actions, seed=7)
    for step, (a, b) in enumerate(zip(first, second, strict=True)):
        assert data_equivalence(a, b, exact=True), f"step {step}"


@pytest.mark.parametrize("limit", [None, 3, 6])
@pytest.mark.parametrize("shaping", [None, [vowels]], ids=["plain", "shaped"])
def test_disabled_is_that_of_sync_vector_env(keywords, random_actions, limit, shaping):
    # whoever resets what is over, as Gymnasium asks, sees the same; examples are chosen here, and there drawn
    changes = keywords | {"max_episode_steps": limit, "shaping": shaping}
    envs = [
        gym.make_vec("TextGen-Sentiment-v0", num_envs=5, autoreset_mode="Disabled", **changes),
        SyncVectorEnv([lambda: gym.make("TextGen-Sentiment-v0", **changes)] * 5, autoreset_mode=AutoresetMode.DISABLED),
    ]
    first, second = (env.reset(seed=7) for env in envs)
    ends = 0
    for step, actions in enumerate(random_actions(STEPS, 5)):
        first, second = (env.step(actions) for env in envs)
        assert data_equivalence(first, second, exact=True), f"step {step}"
        over = first[2] | first[3]
        ends += over.sum()
        if over.any():
            first, second = (env.reset(options={"reset_mask": over.copy()}) for env in envs)
            assert data_equivalence(first, second, exact=True), f"reset after step {step}"
    assert ends > 5


def test_without_autoreset_an_episode_that_is_over_stands_still(make_vector_env):
    # the last episodes of a list would otherwise need others beside them, to be scored and thrown away
    scored = []

    def reward(completions, **_):
        scored.extend(completions)
        return [1.0] * len(completions)

    env = make_vector_env(3, reward_funcs=reward, shaping=vowels, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(options={"index": [0, 1, 2], "reset_mask": np.array([True, True, False])})
    env.step(np.array([500, 1, 500]))
    before = env.step(np.array([501, -7, 99999]))
    after = env.step(np.array([1, 500, 500]))
    assert after[2].tolist() == [True, True, False] and after[1][1:].tolist() == [0.0, 0.0]
    assert all(np.array_equal(before[0][key][1:], after[0][key][1:]) for key in before[0])
    assert [*env.ended] == [0] and scored == ["", env.tokenizer.decode([500, 501])]
    assert after[4]["_completion"].tolist() == [True, False, False] and "final_obs" not in after[4]
    with pytest.raises(ResetNeeded, match=r"environments \[0, 1, 2\]"):
        env.step(np.full(3, 500))
    env.reset(options={"index": 5, "reset_mask": np.array([False, True, False])})
    assert env.step(np.full(3, 500))[2].tolist() == [True, False, False]


def test_the_mode_is_each_environments_own(make_vector_env):
    modes = [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED]
    envs = [make_vector_env(2, autoreset_mode=mode) for mode in modes] + [make_vector_env(2)]
    assert [env.autoreset_mode for env in envs] == [*modes, AutoresetMode.SAME_STEP]
    assert [env.metadata["autoreset_mode"] for env in envs] == [*modes, AutoresetMode.SAME_STEP]
    for value in ("same", 1, None):
        with pytest.raises(ConfigurationError, match=r"autoreset_mode is .*'NextStep', 'SameStep', 'Disabled'"):
            make_vector_env(2, autoreset_mode=value)


def test_works_under_async_vector_env(make_env, make_vector_env, random_actions):
    asynchronous = AsyncVectorEnv([make_env] * 2, autoreset_mode=AutoresetMode.SAME_STEP, context="forkserver")
    try:
        actions = random_actions(10, 2)
        first = trajectory(make_vector_env(2), actions, seed=1)
        second = trajectory(asynchronous, actions, seed=1)
        assert all(data_equivalence(a[:4], b[:4], exact=True) for a, b in zip(first, second, strict=True))
    finally:
        asynchronous.close()


def test_one_of_64_is_eight_of_8_is_64_singles(make_env, make_vector_env, random_actions):
    # a shared generator, or rewards that depend on the batch, would tell the layouts apart
    actions = random_actions(STEPS, 64)
    whole = trajectory(make_vector_env(64), actions, seed=100)
    blocks = [trajectory(make_vector_env(8), actions[:, 8 * b : 8 * b + 8], seed=100 + 8 * b) for b in range(8)]
    single = make_env()
    for row in range(64):
        obs, info = single.reset(seed=100 + row)
        for step in range(STEPS + 1):
            block = blocks[row // 8][step]
            assert np.array_equal(obs["input_ids"], whole[step][0]["input_ids"][row])
            assert np.array_equal(obs["input_ids"], block[0]["input_ids"][row % 8])
            if step == STEPS:
                break
            obs, reward, terminated, _, info = single.step(actions[step, row])
            after, after_block = whole[step + 1], blocks[row // 8][step + 1]
            assert reward == after[1][row] == after_block[1][row % 8]
            assert terminated == after[2][row] == after_block[2][row % 8]
            if terminated:
                assert info["completion"] == after[4]["final_info"]["completion"][row]
                assert np.array_equal(obs["input_ids"], after[4]["final_obs"][row]["input_ids"])
                obs, _ = single.reset()


def test_all_rows_that_end_are_scored_in_one_call(make_vector_env):
    sizes = []

    def reward(completions, **_):
        sizes.append(len(completions))
        return [1.0] * len(completions)

    env = make_vector_env(5, reward_funcs=reward)
    env.reset(seed=0)
    env.step(np.array([1, 500, 1, 500, 1]))
    env.step(np.full(5, 500))
    env.step(np.array([500, 1, 500, 500, 500]))
    assert sizes == [3, 1]


def test_ended_holds_the_single_envs_infos(make_env, make_vector_env):
    env, single = make_vector_env(3), make_env()
    env.reset(options={"index": [4, 5, 6]})
    env.step(np.full(3, 500))
    env.step(np.array([1, 500, 1]))
    single.reset(options={"index": 6})
    single.step(500)
    assert set(env.ended) == {0, 2}
    assert env.ended[2] == single.step(1)[4]
    env.step(np.full(3, 500))
    assert env.ended == {}


def test_arrays_are_fresh(make_vector_env):
    env = make_vector_env(3)
    first, _ = env.reset(seed=0)
    kept = {key: value.copy() for key, value in first.items()}
    env.step(np.array([500, 1, 500]))
    assert data_equivalence(first, kept, exact=True)
    first["input_ids"][:] = 9
    assert not (env.step(np.full(3, 501))[0]["input_ids"] == 9).any()


def test_reset_mask_leaves_the_other_rows_alone(make_vector_env):
    env = make_vector_env(4)
    env.reset(seed=0, options={"index": 3})
    before = env.step(np.full(4, 500))[0]["input_ids"]
    mask = np.array([False, True, False, True])
    obs, infos = env.reset(options={"reset_mask": mask, "index": [9, 8, 7, 6]})
    assert infos["_index"].tolist() == mask.tolist() and infos["index"].tolist() == [0, 8, 0, 6]
    assert np.array_equal(obs["input_ids"][~mask], before[~mask])
    assert not np.array_equal(obs["input_ids"][1], before[1])


def test_reset_mask_with_a_seed_seeds_only_those_rows(make_vector_env, random_actions):
    env, other = make_vector_env(2), make_vector_env(2)
    env.reset(seed=0)
    other.reset(seed=0)
    env.reset(seed=50, options={"reset_mask": np.array([True, False])})
    assert env.np_random_seed == (50, 1)
    assert env.np_random[1].bit_generator.state == other.np_random[1].bit_generator.state


@pytest.mark.parametrize(
    "mask", [[1, 0], np.array([True]), np.array([False, False]), "all", [[True], [True, False]], True, np.array([1, 0])]
)
def test_bad_reset_mask(make_vector_env, mask):
    with pytest.raises(ConfigurationError, match="reset_mask"):
        make_vector_env(2).reset(options={"reset_mask": mask})


def test_an_index_may_be_left_to_chance(make_vector_env):
    # as in single environments, of which only one is given an index
    env, other = make_vector_env(3), make_vector_env(3)
    drawn = other.reset(seed=5)[1]["index"]
    assert env.reset(seed=5, options={"index": [None, 7, None]})[1]["index"].tolist() == [drawn[0], 7, drawn[2]]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([1, 2, 3], "3 entries for 2 environments"),
        ([1, 99], "index 99"),
        (-1, "index -1"),
        ([[1], [2, 3]], r"index \[1\] is no row"),
        (np.array([[1], [2]]), r"index array\(\[1\]\) is no row"),
        ([1.0, 2], "index 1.0"),
        (True, "is True"),
        (1.5, "is 1.5"),
        ("12", "is '12'"),
        ({0: 1, 1: 2}, "is {0: 1, 1: 2}"),
    ],
)
def test_bad_index(make_vector_env, index, message):
    with pytest.raises(ConfigurationError, match=message):
        make_vector_env(2).reset(options={"index": index})


@pytest.mark.parametrize("seed", [np.int64(5), np.array([5, 6]), [np.int32(5), 6], [5, 6]])
def test_seeds_of_every_integer_type(make_vector_env, seed):
    # Gymnasium itself refuses numpy's, which numpy's own generators give
    env = make_vector_env(2)
    env.reset(seed=seed)
    assert env.np_random_seed == (5, 6)


@pytest.mark.parametrize("seed", [[1, 2, 3], 1.5, -1, True, "12", {0: 1, 1: 2}, np.array(1.5)])
def test_bad_seeds(make_vector_env, seed):
    with pytest.raises(ConfigurationError, match=f"seed is {re.escape(repr(seed))}, for 2 environments"):
        make_vector_env(2).reset(seed=seed)


@pytest.mark.parametrize("seed", [[1, -2], [[1], [2, 3]], [0.5, 1], [1, True]])
def test_bad_seeds_of_single_environments(make_vector_env, seed):
    env = make_vector_env(2)
    env.reset(seed=9)
    with pytest.raises(ConfigurationError, match="integer of at least 0, or None"):
        env.reset(seed=seed)
    assert env.np_random_seed == (9, 10), "half of them were seeded"


def test_zero_dimensional_arrays_are_numbers(make_vector_env):
    env = make_vector_env(2)
    assert env.reset(seed=np.array(5), options={"index": np.array(3)})[1]["index"].tolist() == [3, 3]
    assert env.np_random_seed == (5, 6)


@pytest.mark.parametrize("options", [3, [1], "index", {"indx": 3}, {3: 1}])
def test_bad_options_change_nothing(make_vector_env, make_env, options):
    for env in (make_vector_env(2), make_env()):
        env.reset(seed=0)
        with pytest.raises((ConfigurationError, UnknownNameError), match=r"options is .* Give a dict|option of reset"):
            env.reset(seed=3, options=options)
        env.step(np.full(2, 500) if env.action_space.shape else 500)
        assert env.np_random_seed in (0, (0, 1))


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.array([500, 4096]), "Action 4096 of environment 1.*4096 tokens"),
        (np.array([-1, 500]), "Action -1 of environment 0"),
        (np.array([1.0, 2.0]), "from 0 to 4095.*float64"),
        ([2**70, 500], "from 0 to 4095.*1180591620717411303424"),
        (np.array([500]), r"shape \(1,\)"),
    ],
)
def test_invalid_actions_change_nothing(make_vector_env, actions, message):
    env = make_vector_env(2)
    before, _ = env.reset(seed=0)
    with pytest.raises(InvalidActionError, match=message):
        env.step(actions)
    after = env.step(np.full(2, 500))[0]
    assert (after["attention_mask"].sum(1) == before["attention_mask"].sum(1) + 1).all()


def test_step_before_reset(make_vector_env):
    with pytest.raises(ResetNeeded, match=r"environments \[0, 1\]"):
        make_vector_env(2).step(np.full(2, 500))
    env = make_vector_env(2)
    env.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ResetNeeded, match=r"environments \[1\]"):
        env.step(np.full(2, 500))


def test_reward_error_names_the_row_of_the_data(make_vector_env):
    def broken(completions, **_):
        if len(completions) == 2:
            return [1.0, float("inf")]
        raise AssertionError("rows that end together come together")

    env = make_vector_env(3, reward_funcs=broken)
    env.reset(options={"index": [10, 20, 30]})
    with pytest.raises(RewardError, match="'broken' returned inf at index 30"):
        env.step(np.array([1, 500, 1]))


def test_action_masks(make_vector_env, make_env):
    masks = make_vector_env(3).action_masks()
    assert masks.shape == (3, 4096) and masks.dtype == bool
    assert all(np.array_equal(row, make_env().action_masks()) for row in masks)


def test_render(make_vector_env, rows):
    env = make_vector_env(2, render_mode="ansi")
    env.reset(options={"index": [0, 1]})
    assert [text.splitlines()[0] for text in env.render()] == [f"Prompt: {rows[i]['prompt']}" for i in (0, 1)]
    assert make_vector_env(2).render() is None
    picture = make_vector_env(2, render_mode="rgb_array").render()[1]
    assert picture.shape[1:] == (640, 3) and picture.dtype == np.uint8


@pytest.mark.parametrize("changes", [{"num_envs": 0}, {"num_envs": "2"}, {"max_episode_steps": 0}])
def test_numbers_must_be_positive_integers(keywords, changes):
    ((name, value),) = changes.items()
    with pytest.raises(ConfigurationError, match=f"{name} is {value!r}. Give an integer of at least 1"):
        TextGenVectorEnv(**(keywords | changes))


@pytest.mark.parametrize("limit", [3, 6, -1])
def test_max_episode_steps_truncates_as_gym_make_does(keywords, random_actions, limit):
    # make_vec hands it to the class; 6 is max_new_tokens, where both ends fall together
    changes = keywords | {"max_episode_steps": limit}
    ours = gym.make_vec("TextGen-Sentiment-v0", num_envs=4, **changes)
    theirs = SyncVectorEnv(
        [lambda: gym.make("TextGen-Sentiment-v0", **changes)] * 4, autoreset_mode=AutoresetMode.SAME_STEP
    )
    assert type(ours) is TextGenVectorEnv
    actions = random_actions(STEPS, 4)
    first, second = trajectory(ours, actions, seed=7), trajectory(theirs, actions, seed=7)
    for step, (a, b) in enumerate(zip(first, second, strict=True)):
        assert data_equivalence(a, b, exact=True), f"step {step}"
    kinds = {ends for step in first[1:] for ends in zip(step[2].tolist(), step[3].tolist(), strict=True)}
    cut = {3: {(False, True), (True, True)}, 6: {(True, True)}, -1: set()}[limit]
    assert kinds == {(False, False), (True, False)} | cut


@pytest.mark.parametrize("mode", AutoresetMode)
def test_attributes_and_methods_of_the_rows(make_vector_env, mode):
    # what TorchRL and others ask a vector environment, answered as SyncVectorEnv does
    envs = make_vector_env(3, autoreset_mode=mode)
    envs.reset(seed=0)
    assert envs.get_attr("autoreset_mode") == (mode,) * 3 and envs.metadata["autoreset_mode"] is mode
    masks = envs.call("action_masks")
    assert len(masks) == 3 and np.array_equal(np.stack(masks), envs.action_masks())
    assert envs.call("prompt_ids", 2) == (envs.prompt_ids(2),) * 3 and len(envs.prompt_ids(2)) != 1
    assert envs.call("tokenizer") == (envs.tokenizer,) * 3
    envs.set_attr("note", "all")
    assert envs.get_attr("note") == ("all",) * 3
    envs.set_attr("note", [None] * 3)
    assert envs.note is None
    with pytest.raises(ConfigurationError, match="the 3 environments share one environment's attributes"):
        envs.set_attr("note", [1, 2, 3])


def test_gymnasiums_vector_wrappers_run_where_the_next_step_resets(make_vector_env, random_actions):
    envs = make_vector_env(3, autoreset_mode="NextStep")
    flat = gym.wrappers.vector.FlattenObservation(make_vector_env(3, autoreset_mode="NextStep"))
    obs, seen = envs.reset(seed=0)[0], flat.reset(seed=0)[0]
    for actions in random_actions(12, 3):
        parts = [obs[key] for key in envs.single_observation_space]
        assert np.array_equal(seen, np.concatenate(parts, axis=1))
        (obs, *flags, _), (seen, *flat_flags, _) = envs.step(actions), flat.step(actions)
        assert all(np.array_equal(*pair) for pair in zip(flags, flat_flags, strict=True))
