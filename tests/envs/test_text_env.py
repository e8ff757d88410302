"""One environment: what an episode looks like, and every bad input."""

import io
import json
import sys

import gymnasium as gym
import numpy as np
import pytest

from tests.conftest import vowels
from textgym.data import load
from textgym.envs.prompts import continuation
from textgym.errors import ConfigurationError, DatasetError, InvalidActionError, RewardError, UnknownNameError


def run(env, actions, **reset):
    """Observations and the last step of one episode."""
    observations = [env.reset(**reset)[0]]
    for action in actions:
        observation, *rest = env.step(action)
        observations.append(observation)
    return observations, rest


def test_observation_is_the_prompt_then_the_actions(make_env, tokenizer, rows):
    env = make_env()
    (first, second, third), _ = run(env, [500, 600], options={"index": 2})
    prompt = tokenizer.encode(rows[2]["prompt"])
    for observation, ids in ((first, prompt), (second, [*prompt, 500]), (third, [*prompt, 500, 600])):
        rest = 15 - len(ids)
        assert observation["input_ids"].tolist() == ids + [tokenizer.pad_token_id] * rest
        assert observation["attention_mask"].tolist() == [1] * len(ids) + [0] * rest
        assert observation in env.observation_space


def test_arrays_are_fresh(make_env):
    # a shared buffer would change the observations that a replay buffer has stored
    (first, second), _ = run(make_env(), [500])
    kept = second["input_ids"].copy()
    first["input_ids"][:] = 7
    assert np.array_equal(second["input_ids"], kept)


def test_eos_ends_the_episode_and_is_no_part_of_the_completion(make_env, tokenizer, rows):
    env = make_env()
    observations, (reward, terminated, truncated, info) = run(env, [500, 600, 1], options={"index": 3})
    assert (terminated, truncated) == (True, False)
    assert reward == info["rewards"]["vowels"] and type(reward) is float
    prompt_length = len(tokenizer.encode(rows[3]["prompt"]))
    assert info == {
        "prompt": rows[3]["prompt"],
        "completion": tokenizer.decode([500, 600]),
        "reference": rows[3]["reference"],
        "finish_reason": "eos",
        "rewards": info["rewards"],
        "prompt_length": prompt_length,
        "completion_length": 2,
        "index": 3,
    }
    assert observations[-1]["input_ids"][prompt_length + 2] == tokenizer.eos_token_id  # but it was an action


def test_the_length_limit_terminates(make_env):
    # as a truncation, SB3 would add gamma * V(text that is over) to the reward
    env = make_env()
    _, (_, terminated, truncated, info) = run(env, [500] * 6)
    assert (terminated, truncated, info["finish_reason"], info["completion_length"]) == (True, False, "length", 6)


def test_eos_as_the_last_possible_token_counts_as_eos(make_env):
    _, (_, _, _, info) = run(make_env(), [500] * 5 + [1])
    assert (info["finish_reason"], info["completion_length"]) == ("eos", 5)


def test_nothing_is_rewarded_or_told_before_the_end(make_env):
    env = make_env()
    env.reset(seed=0)
    for _ in range(5):
        _, reward, terminated, truncated, info = env.step(500)
        assert (reward, terminated, truncated, info) == (0.0, False, False, {})


def test_tokens_are_never_encoded_again(make_env, tokenizer):
    # two tokens whose joint text is one token: re-tokenising would merge them
    whole = tokenizer.encode(" film")
    assert len(whole) == 1
    halves = tokenizer.encode(" fi") + tokenizer.encode("lm")
    seen = {}

    def reward(completion_ids, completions, **_):
        seen.update(ids=completion_ids, texts=completions)
        return [1.0]

    run(make_env(reward_funcs=reward), [*halves, 1])
    assert seen == {"ids": [halves], "texts": [" film"]}


def test_pad_and_bos_are_masked_but_ordinary_tokens(make_env, tokenizer):
    env = make_env()
    mask = env.action_masks()
    assert mask.dtype == bool and mask.shape == (tokenizer.vocab_size,)
    assert np.flatnonzero(~mask).tolist() == sorted([tokenizer.pad_token_id, tokenizer.bos_token_id])
    assert env.action_masks() is not mask
    observations, (_, terminated, _, info) = run(env, [tokenizer.pad_token_id, 500, 1], options={"index": 0})
    assert terminated and info["completion_length"] == 2
    start = info["prompt_length"]
    assert observations[-1]["attention_mask"].sum() == start + 3  # a generated pad is no padding


def test_prompts_are_drawn_by_the_seed(make_env):
    def indices(seed):
        env = make_env()
        env.reset(seed=seed)
        return [env.reset()[1]["index"] for _ in range(20)]

    assert indices(1) == indices(1) != indices(2)
    assert len(set(indices(1))) > 5


def test_long_prompts_keep_their_end(make_env, tokenizer, caplog):
    rows = [{"prompt": "one two three four five six seven eight nine ten"}, {"prompt": "short"}]
    env = make_env(dataset=rows, max_prompt_tokens=4)
    assert "1 of 2 prompts of rows" in caplog.text and len(caplog.records) == 1
    observation, info = env.reset(options={"index": 0})
    kept = tokenizer.encode(rows[0]["prompt"])[-4:]
    assert observation["input_ids"][:4].tolist() == kept
    assert info["prompt"] == tokenizer.decode(kept) and info["prompt_length"] == 4


def test_prompts_are_encoded_once_for_environments_that_are_made_again(make_env, monkeypatch, tokenizer):
    calls = []
    encode = type(tokenizer).encode_batch
    monkeypatch.setattr(
        type(tokenizer), "encode_batch", lambda self, texts, **kw: calls.append(len(texts)) or encode(self, texts, **kw)
    )
    first, again = make_env(prompt_template="> {prompt}"), make_env(prompt_template="> {prompt}", max_new_tokens=3)
    assert calls == [40]
    assert np.array_equal(
        first.reset(options={"index": 7})[0]["input_ids"][:9], again.reset(options={"index": 7})[0]["input_ids"][:9]
    )
    make_env(prompt_template="< {prompt}")
    assert calls == [40, 40]


def test_prompt_template(make_env, rows):
    env = make_env(prompt_template="{reference}: {prompt}", max_prompt_tokens=20)
    assert env.reset(options={"index": 5})[1]["prompt"] == f"{rows[5]['reference']}: {rows[5]['prompt']}"
    with pytest.raises(ConfigurationError, match=r"'\{text\}'.*columns: prompt, reference"):
        make_env(prompt_template="{text}")


def test_solved_examples_stand_before_every_prompt(make_env, tokenizer, rows):
    # the answers of rows 0 and 13, each as it would be written, and the prompt itself uncut; never a row's own answer
    env = make_env(shots=2, prompt_template="Q: {prompt}\nA:", max_prompt_tokens=80)
    obs, info = env.reset(options={"index": 7})
    solved = [f"Q: {rows[k]['prompt']}\nA: {rows[k]['reference']}\n\n" for k in (0, 13)]
    assert info["prompt"] == "".join(solved) + f"Q: {rows[7]['prompt']}\nA:"
    assert tokenizer.decode(obs["input_ids"][: info["prompt_length"]].tolist()) == info["prompt"]
    _, own = env.reset(options={"index": 13})
    assert rows[0]["prompt"] in own["prompt"] and rows[26]["prompt"] in own["prompt"]
    assert own["prompt"].count(rows[13]["prompt"]) == 1


def test_solved_examples_are_those_of_the_train_split():
    # one of the split itself would give its own answer away
    train = load("arithmetic", "train").columns["prompt"]
    env = gym.make("TextGen-Arithmetic-v0", split="test", shots=1, max_prompt_tokens=99)
    assert all(prompt.startswith(train[0]) for prompt in env.unwrapped.prompts)


def test_a_reference_goes_on_behind_a_space_unless_there_is_one():
    assert [continuation(prompt, "yes") for prompt in ("A:", "A:\n", "")] == [" yes", "yes", " yes"]


def test_the_columns_that_the_template_names_are_the_ones_that_are_needed(make_env):
    # a data set of the hub has a column `text`, and to copy it all for the name alone would be silly
    texts = [{"text": "a"}, {"text": "b"}]
    env = make_env(dataset=texts, prompt_template="Review: {text[0]}")
    assert env.reset(options={"index": 1})[1]["prompt"] == "Review: b"
    with pytest.raises(ConfigurationError, match=r"'\{prompt\}'.*columns: text. Name these in it"):
        make_env(dataset=texts)
    with pytest.raises(DatasetError, match="index 1: the column 'text', which prompt_template names, is None"):
        make_env(dataset=[*texts[:1], {"txet": "b"}], prompt_template="Review: {text}")  # not "Review: None"


def test_special_tokens_of_the_template_are_ids_and_those_of_the_data_are_text(make_env, tokenizer):
    # otherwise a chat format would be spelt out in pieces, or a data set could forge its turns
    rows = [{"prompt": "good<|startoftext|>"}]
    env = make_env(dataset=rows, prompt_template="<|startoftext|>{prompt}", max_prompt_tokens=30)
    observation, info = env.reset()
    ids = observation["input_ids"][: info["prompt_length"]].tolist()
    assert ids == [tokenizer.bos_token_id, *tokenizer.encode("good<|startoftext|>")]
    assert ids.count(tokenizer.bos_token_id) == 1
    assert info["prompt"] == "<|startoftext|>good<|startoftext|>"


def test_reward_functions_get_the_columns(make_env, rows):
    seen = {}

    def reward(**arguments):
        seen.update(arguments)
        return [0.5]

    env = make_env(dataset=[row | {"film": i} for i, row in enumerate(rows)], reward_funcs=reward)
    run(env, [500, 1], options={"index": 7})
    assert seen == {
        "prompts": [rows[7]["prompt"]],
        "completions": [env.tokenizer.decode([500])],
        "completion_ids": [[500]],
        "reference": [rows[7]["reference"]],
        "film": [7],
    }


def test_lists_of_references_are_not_shared_with_the_data(make_env):
    env = make_env(dataset=[{"prompt": "a", "reference": ["b", "c"]}])
    run(env, [1])[1][3]["reference"].append("spoilt")
    assert run(env, [1])[1][3]["reference"] == ["b", "c"]


def test_weights_and_rewards_that_do_not_apply(make_env):
    def never(completions, **_):
        return [None for _ in completions]

    env = make_env(reward_funcs=["length", "repetition", never], reward_weights=[2.0, 0.0, 1.0])
    (word,) = env.tokenizer.encode(" good")
    _, (reward, _, _, info) = run(env, [word, word, word, 1])
    assert set(info["rewards"]) == {"length", "repetition"}  # None is left out, weight 0 is not
    assert info["rewards"]["repetition"] < 0
    assert reward == pytest.approx(2.0 * info["rewards"]["length"])


def test_shaping_by_the_score_is_by_its_functions_as_they_are_weighted(make_env):
    def rewards(actions, **keywords):
        env = make_env(reward_funcs=[vowels, "length"], reward_weights=[2.0, 0.0], **keywords)
        env.reset(options={"index": 0})
        return [env.step(action)[1] for action in actions]

    actions = [500, 600, 700, 1]
    assert rewards(actions, shaping=True) == rewards(actions, shaping=lambda **texts: 2 * np.array(vowels(**texts)))
    assert any(rewards(actions, shaping=True)[:-1]) and not any(rewards(actions)[:-1])
    assert rewards(actions, shaping=False) == rewards(actions)


def test_shaping_rewards_every_token_and_leaves_the_return_alone(make_env, random_actions):
    # a potential that is kept at the end, or carried into the next episode, would change the return
    plain, shaped = make_env(), make_env(shaping=vowels)
    for k, actions in enumerate(random_actions(12, 6)):
        returns, early = [], []
        for env in (plain, shaped):
            env.reset(options={"index": k})
            rewards = []
            for action in actions:
                _, reward, terminated, _, info = env.step(action)
                rewards.append(reward)
                if terminated:
                    break
            returns.append(sum(rewards))
            early.append(rewards[:-1])
        assert returns[0] == pytest.approx(returns[1], abs=1e-12)
        assert returns[1] == pytest.approx(info["rewards"]["vowels"], abs=1e-12)
        texts = [shaped.tokenizer.decode(actions[: i + 1].tolist()) for i in range(len(early[1]))]
        assert np.cumsum(early[1]) == pytest.approx(vowels(texts)), "not the difference of the metric"


def test_ansi_shows_prompt_completion_and_at_the_end_the_reward(make_env, rows, tokenizer):
    env = make_env(render_mode="ansi", reward_funcs=["length", "repetition"], reward_weights=[1.0, 0.5])
    assert "reset" in env.render()
    env.reset(options={"index": 1})
    env.step(tokenizer.encode(" film")[0])
    assert env.render() == f"Prompt: {rows[1]['prompt']}\nCompletion:  film\n"
    env.step(1)
    assert (
        env.render().splitlines()[2] == "Reward: 0.10 = 1 x length 0.10 + 0.5 x repetition 0.00  (EOS after 1 tokens)"
    )
    env.reset(options={"index": 1})
    assert "Reward" not in env.render()


def test_human_writes_each_token_once_and_whole_characters_only(make_env, tokenizer, capsys):
    env = make_env(render_mode="human")
    env.reset(options={"index": 0})
    capsys.readouterr()
    ids = tokenizer.encode("é!")
    pieces = []
    for token in (*ids, 1):
        env.step(token)
        pieces.append(capsys.readouterr().out)
    assert "".join(pieces).startswith("é!\nReward: ")
    assert "\ufffd" not in "".join(pieces)


def test_human_escapes_what_the_terminal_cannot_print(make_env, tokenizer, monkeypatch):
    # a training that is watched must not die of an accent
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    env = make_env(render_mode="human", dataset=[{"prompt": "Caf\u00e9"}])
    env.reset()
    for token in (*tokenizer.encode(" na\u00efve"), 1):
        env.step(token)
    assert written.getvalue().decode("ascii").startswith("\nCaf\\xe9| na\\xefve\nReward: ")


def test_unknown_render_mode(make_env):
    with pytest.raises(ConfigurationError, match=r"'video'.*ansi, human, rgb_array"):
        make_env(render_mode="video")


@pytest.mark.parametrize("action", [-1, 4096, 2**70, 1.5, "the", None, [3]])
def test_invalid_action_names_value_and_vocabulary(make_env, action):
    env = make_env()
    before = env.reset(seed=0)[0]
    with pytest.raises(InvalidActionError) as error:
        env.step(action)
    assert "ive an integer from 0 to 4095" in str(error.value)
    assert str(action) in str(error.value)
    after = env.step(500)[0]
    assert after["attention_mask"].sum() == before["attention_mask"].sum() + 1  # the episode is unharmed


def test_step_outside_an_episode(make_env):
    env = make_env()
    with pytest.raises(gym.error.ResetNeeded, match=r"env\.reset\(\)"):
        env.step(500)
    run(env, [1])
    with pytest.raises(gym.error.ResetNeeded, match=r"env\.reset\(\)"):
        env.step(500)


@pytest.mark.parametrize("seed", [-1, 1.5, "1", [1], True])
def test_bad_seed(make_env, seed):
    with pytest.raises(ConfigurationError, match=r"seed is .* Give an integer of at least 0, or None"):
        make_env().reset(seed=seed)


def test_what_an_environment_is_made_of_is_public(make_env, make_vector_env, rows, tokenizer):
    for env in (make_env(), make_vector_env(2)):
        assert (env.config.max_new_tokens, env.config.split, env.tokenizer.name) == (6, "train", "textgym-tiny")
        assert len(env.dataset) == len(env.prompts) == len(rows) and env.rewards.names == ["vowels"]
        assert env.prompt_ids(3) == tokenizer.encode(rows[3]["prompt"])


@pytest.mark.parametrize("index", [-1, 40, "first", 1.0, True, [3], np.array([1, 2])])
def test_index_that_is_no_row(make_env, index):
    with pytest.raises(ConfigurationError, match="from 0 to 39"):
        make_env().reset(options={"index": index})


def test_reward_error_names_reward_and_row_of_the_data(make_env):
    def broken(completions, **_):
        return [float("nan")]

    env = make_env(reward_funcs=broken)
    with pytest.raises(RewardError, match="'broken' returned nan at index 11"):
        run(env, [500, 1], options={"index": 11})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"tokenizer": "textgym-tini"}, UnknownNameError, "Did you mean 'textgym-tiny'"),
        ({"dataset": "sentimant"}, UnknownNameError, "Did you mean 'sentiment'"),
        ({"dataset": "sentiment", "split": "validate"}, UnknownNameError, "Did you mean 'validation'"),
        ({"reward_funcs": "sentimental"}, UnknownNameError, "Did you mean 'sentiment'"),
        ({"reward_weights": [1.0, 2.0]}, ConfigurationError, r"\[1.0, 2.0\] do not fit 1"),
        ({"max_new_tokens": 0}, ConfigurationError, "max_new_tokens is 0"),
        ({"max_prompt_tokens": -3}, ConfigurationError, "max_prompt_tokens is -3"),
        ({"shots": 41}, ConfigurationError, "shots is 41. Give an integer from 0 to 39"),
        ({"shots": 1.5}, ConfigurationError, "shots is 1.5"),
        ({"shaping": "vowls"}, UnknownNameError, "reward 'vowls'"),
        ({"shaping": 3}, ConfigurationError, "shaping is 3. Give True"),
        ({"prompt_template": None}, ConfigurationError, "prompt_template is None. Give a format string"),
        ({"max_new_tokens": 3.5}, ConfigurationError, "max_new_tokens is 3.5. Give an integer of at least 1"),
        ({"max_new_tokens": "3"}, ConfigurationError, "max_new_tokens is '3'. Give an integer of at least 1"),
        ({"reward_funcs": None}, ConfigurationError, "reward_funcs is None"),
        ({"reward_weights": 1.0}, ConfigurationError, "reward_weights 1.0 do not fit"),
        ({"dataset": None}, DatasetError, "The data set is None"),
        ({"dataset": ""}, UnknownNameError, "data set ''"),
    ],
)
def test_bad_keywords(make_env, changes, error, message):
    with pytest.raises(error, match=message):
        make_env(**changes)


def test_empty_prompt_is_refused(make_env):
    with pytest.raises(DatasetError, match="index 1: the prompt is empty"):
        make_env(dataset=[{"prompt": "a"}, {"prompt": ""}])


def lines(path, *rows):
    path.write_text("\n\n".join(map(json.dumps, rows)), encoding="utf-8")  # lines 1, 3, 5, ...
    return path


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "", "text": ""}, "the prompt is empty"),
        ({"prompt": "b"}, "the column 'text', which prompt_template names, is None"),
        ({"prompt": "b", "text": "\ud83d"}, r"'\\ud83d' is in what prompt_template '\{prompt\}\{text\}' makes of it"),
    ],
)
def test_rows_that_cannot_be_prompts_are_called_by_their_line(make_env, tmp_path, row, message):
    path = lines(tmp_path / "rows.jsonl", {"prompt": "a", "text": "\U0001f600"}, row)
    with pytest.raises(DatasetError, match=rf"rows\.jsonl, line 3: {message}"):
        make_env(dataset=path, prompt_template="{prompt}{text}")


def test_reward_error_names_the_line_of_a_file(make_env, tmp_path):
    def ratings(completions, ratings, **_):
        return [float(sum(own)) for own in ratings]

    path = lines(tmp_path / "rows.jsonl", {"prompt": "a", "ratings": [1]}, {"prompt": "b", "ratings": "abc"})
    env = make_env(dataset=path, reward_funcs=ratings)
    assert run(env, [1], options={"index": 0})[1][3]["index"] == 0  # in infos it is a number as ever
    with pytest.raises(RewardError, match=r"'ratings' raised TypeError at index 1 \(.*rows\.jsonl, line 3\)"):
        run(env, [1], options={"index": 1})
    path = lines(tmp_path / "rows.jsonl", {"prompt": "a", "items": 5})
    with pytest.raises(DatasetError, match=r"'ndcg' fails at index 0 \(.*rows\.jsonl, line 1\).*'items' is 5"):
        run(make_env(dataset=path, reward_funcs="ndcg"), [1])


def test_a_row_without_a_reference_needs_a_reward_that_does_without(make_env):
    rows = [{"prompt": "a", "reference": None}, {"prompt": "b", "reference": "c"}]
    info = run(make_env(dataset=rows, reward_funcs=["token_f1", "length"]), [1], options={"index": 0})[1][3]
    assert info["reference"] is None and set(info["rewards"]) == {"length"}
    with pytest.raises(RewardError, match=r"applies at index 0: token_f1 .*; the row has no reference: give it one"):
        run(make_env(dataset=rows, reward_funcs="token_f1"), [1], options={"index": 0})


def test_only_rows_with_references_are_solved_examples(make_env):
    rows = [{"prompt": f"Q{i}", "reference": f"a{i}" if i % 2 else None} for i in range(6)]
    prompt = make_env(dataset=rows, shots=2, max_prompt_tokens=40).reset(options={"index": 0})[1]["prompt"]
    assert prompt == "Q1 a1\n\nQ3 a3\n\nQ0"
    assert (
        make_env(dataset=iter(rows), shots=2, max_prompt_tokens=40).reset(options={"index": 0})[1]["prompt"] == prompt
    )
    with pytest.raises(ConfigurationError, match=r"shots is 3\. Give an integer from 0 to 2"):
        make_env(dataset=rows, shots=3)
    with pytest.raises(ConfigurationError, match=r"from 0 to 0, .*'reference' \(it has: prompt\)"):
        make_env(dataset=[{"prompt": "a"}], shots=1)
