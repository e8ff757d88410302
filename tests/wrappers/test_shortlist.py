"""A short list of tokens as actions: the same episodes as the task itself, single and vectorised, for every id."""

import pickle
import re
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from textgym.envs import ENVIRONMENTS, small_id
from textgym.errors import ConfigurationError, InvalidActionError
from textgym.evaluation import evaluate_agent
from textgym.wrappers import Shortlist, ShortlistAgent, vector

IDS = sorted(ENVIRONMENTS)


def tokens_of(features, tokenizer):
    """The token ids that features hold, oldest first."""
    bits = features.reshape(-1, (tokenizer.vocab_size - 1).bit_length())
    bits = bits[np.any(bits, axis=1)]  # a token's digits are -1 and 1
    return ((bits > 0) @ (1 << np.arange(bits.shape[1])))[::-1].tolist()


def episode(reset, step, choices, observe):
    """All that an episode of these choices gives, the next one begun where it ends."""
    trace = [reset(seed=4)]
    for choice in choices:
        trace.append(step(choice))
        if trace[-1][2] or trace[-1][3]:
            trace.append(reset())
    return [(observe(obs), *rest) for obs, *rest in trace]


@pytest.mark.parametrize(
    ("env_id", "observation"), [("TextGen-Sentiment-v0", "features"), ("TextGen-Solvable-v0", "ids")]
)
def test_checkers_have_nothing_to_say(env_id, observation, capsys):
    env = gym.make(small_id(env_id), observation=observation, disable_env_checker=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # what they say of every wrapper, Gymnasium's own included
        warnings.filterwarnings("ignore", message=".*is different from the unwrapped version")
        check_env(env)
        sb3_check_env(env, warn=True, skip_render_check=True)


@pytest.mark.parametrize("env_id", IDS)
def test_small_ids_play_the_tasks_own_episodes(env_id):
    env = gym.make(small_id(env_id))
    shortlist, inner = env.get_wrapper_attr("spaces"), env.unwrapped
    assert 2 <= env.action_space.n <= 65
    actions = np.random.default_rng(0).integers(0, env.action_space.n, 60)
    mapped = episode(env.reset, env.step, actions, lambda obs: obs)
    itself = episode(inner.reset, inner.step, shortlist.tokens[actions], shortlist.observation)
    assert data_equivalence(mapped, itself, exact=True)
    assert any(len(entry) == 5 and entry[2] for entry in mapped), "no episode ended: no reward was compared"


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("observation", ["features", "ids"])
def test_rows_side_by_side_play_the_tasks_own_episodes(keywords, make_vector_env, mode, observation):
    envs = vector.Shortlist(make_vector_env(5, autoreset_mode=mode), k=6, observation=observation)
    inner = make_vector_env(5, autoreset_mode=mode)
    seen, (expected, _) = envs.reset(seed=2)[0], inner.reset(seed=2)
    ends = 0
    for actions in np.random.default_rng(1).integers(0, 7, (30, 5)):
        assert np.array_equal(seen, envs.spaces.observation(expected)) and seen in envs.observation_space
        seen, *flags, infos = envs.step(actions)
        expected, *inner_flags, inner_infos = inner.step(envs.spaces.tokens[actions])
        assert data_equivalence(flags, inner_flags, exact=True)
        for env in np.flatnonzero(inner_infos.pop("_final_obs", [])):
            final = inner_infos["final_obs"][env]
            assert np.array_equal(infos["final_obs"][env], envs.spaces.observation(final))
        for each in (infos, inner_infos):
            each.pop("final_obs", None), each.pop("_final_obs", None)
        assert repr(infos) == repr(inner_infos)
        ends += flags[1].sum()
        if mode is AutoresetMode.DISABLED and flags[1].any():
            options = {"reset_mask": flags[1]}
            seen, (expected, _) = envs.reset(options=options)[0], inner.reset(options=options)
    assert ends > 5


def test_a_vector_row_is_a_single_environment():
    keywords = {"split": "validation", "k": 20}
    env, envs = (
        gym.make("TextGen-DialogueSmall-v0", **keywords),
        gym.make_vec("TextGen-DialogueSmall-v0", 2, **keywords),
    )
    assert type(envs) is vector.Shortlist and envs.unwrapped.config.split == "validation"
    assert env.action_space == envs.single_action_space == gym.spaces.Discrete(21)
    assert np.array_equal(env.reset(seed=8)[0], envs.reset(seed=7)[0][1])
    assert np.array_equal(env.step(3)[0], envs.step(np.array([1, 3]))[0][1])


def test_the_most_frequent_tokens_of_the_train_split_are_chosen(tokenizer):
    def rows(*references):
        return [{"prompt": "Say it:", "reference": reference} for reference in references]

    dataset = {"train": rows("dull dull sad", ["sad film", "dull"], None), "test": rows("funny funny funny funny")}
    env = gym.make("TextGen-Sentiment-v0", dataset=dataset, split="test")
    dull, sad, film = (tokenizer.encode(f" {word}") for word in ("dull", "sad", "film"))
    assert all(len(ids) == 1 for ids in (sad, film)), "words of one token, so that they can be counted by hand"
    expected = [token for ids in (dull, sad, film) for token in sorted(ids)]  # 3, 2 and 1 times
    assert Shortlist(env).spaces.tokens.tolist() == [*expected, tokenizer.eos_token_id]
    assert Shortlist(env, k=1).spaces.tokens.tolist() == [expected[0], tokenizer.eos_token_id]


def test_every_token_is_readable_whether_listed_or_not(make_env, tokenizer):
    env = Shortlist(make_env(max_prompt_tokens=4), k=2)
    ids = Shortlist(make_env(max_prompt_tokens=4), k=2, observation="ids")
    for index in range(12):
        features, info = env.reset(options={"index": index})
        prompt = env.unwrapped.prompt_ids(index)
        assert len(prompt) == info["prompt_length"] and not {*prompt} <= {*env.spaces.tokens}
        assert tokens_of(features, tokenizer) == prompt
        assert tokens_of(env.step(1)[0], tokenizer) == [*prompt, env.spaces.tokens[1]]
        assert ids.reset(options={"index": index})[0][: len(prompt)].tolist() == prompt
    # the newest token is where it always is, so that what follows what can be learned
    bits = (tokenizer.vocab_size - 1).bit_length()
    assert tokens_of(env.step(0)[0][:bits], tokenizer) == [env.spaces.tokens[0]]


def test_observations_are_fresh(make_env):
    env = Shortlist(make_env(), observation="ids")
    first, _ = env.reset(seed=0)
    before = first.copy()
    env.step(0)
    assert np.array_equal(first, before)


def test_contrib_is_told_the_masks_of_the_shortlist():
    env = gym.make("TextGen-ClassificationSmall-v0", grammar="labels", k=8)
    env.reset(seed=0)
    inner, tokens = env.unwrapped, env.get_wrapper_attr("spaces").tokens
    assert is_masking_supported(env)
    assert np.array_equal(get_action_masks(env), inner.action_masks()[tokens])
    assert not get_action_masks(env)[-1], "the grammar lets no text end before it has begun"
    envs = gym.make_vec("TextGen-ClassificationSmall-v0", 2, grammar="labels", k=8)
    envs.reset(seed=0)
    assert np.array_equal(envs.action_masks(), np.stack([get_action_masks(env)] * 2))


def test_where_the_grammar_wants_what_the_shortlist_lacks_the_text_ends(make_env):
    spaces = Shortlist(make_env(), k=2).spaces
    nothing, one = np.zeros((2, 4096), bool)
    one[spaces.tokens[0]] = True
    assert spaces.action_masks(np.stack([nothing, one])).tolist() == [[False, False, True], [True, False, False]]


@pytest.mark.parametrize("action", [-1, 7, 1.5, "a", None, True])
def test_what_is_no_action_is_refused_before_anything_is_played(make_env, action):
    # -1 would be EOS, by numpy's way to count from the end
    env = Shortlist(make_env(), k=6)
    env.reset(seed=0)
    with pytest.raises(InvalidActionError, match="integers from 0 to 6; the last one is EOS"):
        env.step(action)
    assert env.step(6)[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k is 0. Give an integer of at least 1"),
        ({"k": "many"}, "k is 'many'. Give an integer"),
        ({"observation": "one-hot"}, "observation is 'one-hot'. Choose one of ('features', 'ids')"),
    ],
)
def test_arguments_are_checked(make_env, arguments, message):
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        Shortlist(make_env(), **arguments)


def test_a_task_without_references_has_no_shortlist(make_env):
    with pytest.raises(ConfigurationError, match=re.escape("has none (columns: prompt). Give the data a column")):
        Shortlist(make_env(dataset=[{"prompt": "Hello"}]))


def test_other_environments_are_refused(make_env):
    with pytest.raises(ConfigurationError, match="Shortlist needs a text-generation environment"):
        Shortlist(gym.make("CartPole-v1"))
    with pytest.raises(ConfigurationError, match="Shortlist needs a TextGenVectorEnv"):
        vector.Shortlist(gym.make_vec("CartPole-v1", 2))


def test_pickled_env_goes_on_where_it_was(make_env):
    env = Shortlist(make_env(), k=6)
    env.reset(seed=5)
    copy = pickle.loads(pickle.dumps(env))
    assert data_equivalence(env.step(2), copy.step(2), exact=True)


@pytest.mark.parametrize(
    "env",
    [
        lambda: gym.make("TextGen-DialogueSmall-v0", k=9, observation="ids"),
        lambda: Shortlist(gym.make("TextGen-Dialogue-v0"), k=9, observation="ids"),
    ],
    ids=["by id", "wrapped"],
)
def test_spec_survives_json(env):
    env = env()
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert data_equivalence(env.reset(seed=1), again.reset(seed=1), exact=True)
    assert data_equivalence(env.step(9), again.step(9), exact=True)


def test_an_agent_of_the_short_list_is_evaluated_on_the_whole_task():
    class Third:
        def predict(self, obs, state, episode_start, deterministic):
            assert obs.shape == (len(episode_start), spaces.observation_space.shape[0]) and obs.dtype == np.float32
            return np.full(len(obs), 2), (state or 0) + 1

    env_id, options = "TextGen-Dialogue-v0", {"seed": 0, "num_examples": 3, "reference": None}
    spaces = gym.make(small_id(env_id)).get_wrapper_attr("spaces")
    found = evaluate_agent(ShortlistAgent(Third(), spaces), env_id, **options)
    env = gym.make(env_id).unwrapped
    assert ShortlistAgent(Third(), spaces).num_timesteps == 0
    trained = PPO("MlpPolicy", gym.make(small_id(env_id)), n_steps=8, batch_size=8).learn(8)
    assert ShortlistAgent(trained, spaces).num_timesteps == 8, "the board counts them"
    written = env.tokenizer.decode([spaces.tokens[2]] * env.config.max_new_tokens)
    assert [record["completion"] for record in found.records] == [written] * 3
    with pytest.raises(ConfigurationError, match="Evaluate on the whole task, whose id has no Small"):
        evaluate_agent(Third(), small_id(env_id), **options)
