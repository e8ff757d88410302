"""Problems of the optional package reasoning-gym: each once, in one split, with an answer that their verifier takes."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import combinations

import gymnasium as gym
import pytest

from textgym import data, rewards, worker
from textgym.data import reasoning_gym
from textgym.envs.tasks.reasoning_gym import ReasoningGymEnv
from textgym.errors import ConfigurationError, DatasetError, MissingPackageError, RewardError, UnknownNameError
from textgym.rewards import registry
from textgym.wrappers import WholeResponse

SPLITS = ("train", "validation", "test")
needs_package = pytest.mark.skipif(find_spec("reasoning_gym") is None, reason="needs the package reasoning-gym")


class Generator:
    """Of a package that is not there: a repeated question, answers that fail or are missing, and one more."""

    problems = ("What is 1 + 1?", "2"), ("What is 1 + 1?", "2"), ("Broken?", "no"), ("Any?", None), ("Raises?", "x")

    def __len__(self):
        return len(self.problems)

    def __getitem__(self, index):
        question, answer = self.problems[index]
        return {"question": question, "answer": answer, "metadata": {}}

    def score_answer(self, answer, entry):
        if entry["question"] == "Raises?":
            raise KeyError(answer)
        return {"2": 1.0, "two": 2.0, "nan": float("nan")}.get(answer, 0.0)


@pytest.fixture
def stub(monkeypatch):
    monkeypatch.setattr(reasoning_gym, "_generator", lambda spec: Generator())
    monkeypatch.setattr(reasoning_gym, "COMPARES", {"stub"})  # the worker's process does not know it
    monkeypatch.setattr(reasoning_gym, "MOST_CONSTANT", 1.0)  # its one usable problem has one answer
    reasoning_gym._problems.cache_clear()
    yield
    reasoning_gym._problems.cache_clear()


def test_repeated_and_failing_problems_are_left_out_and_the_latter_counted(stub, caplog):
    (row,) = [row for split in SPLITS for row in reasoning_gym.rows(split, "stub")]
    assert (row["prompt"], row["reference"]) == ("What is 1 + 1?", "2")
    assert "3 of 4 problems of 'stub' left out" in caplog.text


def test_a_generator_without_any_right_answer_is_refused(stub, monkeypatch):
    monkeypatch.setattr(Generator, "problems", Generator.problems[2:])
    with pytest.raises(DatasetError, match="None of the 3 problems of reasoning-gym's 'stub'"):
        reasoning_gym.rows("train", "stub")


@pytest.mark.parametrize("answer", ["two", "nan"])
def test_a_verdict_out_of_range_is_an_error(stub, answer):
    # a reward of 2.0 or NaN would go into a mean without a word
    with pytest.raises(RewardError, match=r"'stub' gives .* no number from 0 to 1"):
        reasoning_gym.verdicts([({"spec": "stub", "question": "What is 1 + 1?"}, answer)])


@pytest.mark.parametrize("entry", ["{", "[]", "{}", None])
def test_an_entry_that_is_no_problem_is_named(entry):
    with pytest.raises(DatasetError, match=r"is no problem of reasoning-gym\. Load the data by its name"):
        reasoning_gym.problem_and_answer("2", entry)


@pytest.mark.parametrize(("accepted", "text"), [("nan", "'nan'"), ("", "''"), ("42", "'42'")])
def test_a_generator_that_one_text_solves_is_refused_unless_it_is_asked_for(stub, monkeypatch, caplog, accepted, text):
    """Whether the verifier is fooled, as by a NaN, or a few problems of four have one answer: 42."""
    monkeypatch.setattr(reasoning_gym, "MOST_CONSTANT", 0.2)
    answers = ["1", "22", "333", "42", "42"] if accepted == "42" else ["a", "b", "c", "d", "e"]
    monkeypatch.setattr(Generator, "problems", [(f"What {n}?", answer) for n, answer in enumerate(answers)])
    monkeypatch.setattr(
        Generator,
        "score_answer",
        lambda self, answer, entry: float(answer in {entry["answer"], accepted} - {"42"} or answer == entry["answer"]),
    )
    share = "40%" if accepted == "42" else "100%"
    refusal = rf"'stub\?size=5' takes the answer {text} for right in {share} .* 'reasoning_gym:stub\?size=5&allow_c"
    with pytest.raises(DatasetError, match=refusal):
        reasoning_gym.rows("train", "stub?size=5")
    rows = [row for split in SPLITS for row in reasoning_gym.rows(split, "stub?allow_constant=true&size=5")]
    assert sorted(row["reference"] for row in rows) == answers
    assert {json.loads(row["entry"])["spec"] for row in rows} == {"stub?size=5"}  # the generator has no such option


def test_without_the_package_the_id_is_listed_and_making_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)  # as if it could not be imported
    monkeypatch.delitem(sys.modules, "textgym.rewards.reasoning_gym", raising=False)
    monkeypatch.delitem(registry._REGISTRY, "reasoning_gym", raising=False)  # as if it had not been asked for before
    assert "TextGen-ReasoningGym-v0" in gym.registry and len(data.load("reasoning_gym", "test")) == 600
    for make in (
        lambda: gym.make("TextGen-ReasoningGym-v0"),
        lambda: data.load("reasoning_gym:gcd?size=77"),
        lambda: rewards.get("reasoning_gym"),
    ):
        with pytest.raises(MissingPackageError, match=r'pip install "textgym\[reasoning\]"'):
            make()


def test_splits_share_no_question_and_have_the_usual_sizes():
    questions = {split: data.load("reasoning_gym", split).columns["prompt"] for split in SPLITS}
    assert [len(questions[split]) for split in SPLITS] == [3601, 299, 600]
    assert all(len(set(texts)) == len(texts) for texts in questions.values())
    assert not any(set(questions[first]) & set(questions[second]) for first, second in combinations(SPLITS, 2))


@needs_package
@pytest.mark.parametrize("split", SPLITS)
def test_prompts_and_answers_fit_and_the_answers_are_right(split, tokenizer):
    columns = data.load("reasoning_gym", split).columns
    task = ReasoningGymEnv.task
    prompts = [task.prompt_template.format(prompt=prompt) for prompt in columns["prompt"]]
    answers = [f" {answer}" for answer in columns["reference"]]
    assert max(map(len, tokenizer.encode_batch(prompts))) <= task.max_prompt_tokens
    assert max(map(len, tokenizer.encode_batch(answers))) < task.max_new_tokens
    assert set(rewards.get("reasoning_gym")(completions=answers, **columns)) == {1.0}
    assert set(rewards.get("reasoning_gym")(completions=[" cousin"] * len(answers), **columns)) == {0.0}


@needs_package
def test_every_process_makes_the_same_problems():
    # a generator that goes through a set would make others, and put test problems into another's train split
    code = "import json; from recipes.data import reasoning_gym as made; print(json.dumps(made.build()))"
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    made = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
    for split in SPLITS:  # the embedded rows were made by another process, on another day
        columns = data.load("reasoning_gym", split).columns
        embedded = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        assert sorted(made[split], key=str) == sorted(embedded, key=str)


@needs_package
def test_the_package_is_imported_no_earlier_than_for_a_verdict():
    # importing it takes longer than all else that making an environment does
    code = (
        "import sys, gymnasium as gym, textgym; env = gym.make('TextGen-ReasoningGym-v0'); env.reset(seed=0);"
        "assert 'reasoning_gym' not in sys.modules; env.step(env.unwrapped.tokenizer.eos_token_id);"
        "assert 'reasoning_gym' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@needs_package
@pytest.mark.parametrize("name", ["chain_sum", "leg_counting", "letter_counting", "number_sequence", "syllogism"])
def test_any_generator_goes_by_its_name(name):
    source = f"reasoning_gym:{name}?size=40&allow_constant=true"  # most syllogisms are answered by Yes
    env = WholeResponse(gym.make("TextGen-ReasoningGym-v0", dataset=source, max_prompt_tokens=128))
    columns = data.load(source).columns
    assert 20 < len(columns["prompt"]) <= 40
    for index, answer in enumerate(columns["reference"][:5]):
        prompt, _ = env.reset(options={"index": index})
        assert prompt == f"{columns['prompt'][index]}\nAnswer:"
        assert env.step(f" {answer}")[1] == 1.0


@needs_package
def test_options_reach_the_generator():
    name = "reasoning_gym:chain_sum?min_terms=4&max_terms=4&allow_negation=true&size=30"
    columns = data.load(name).columns
    assert len(columns["prompt"]) <= 30
    assert {json.loads(entry)["metadata"]["num_terms"] for entry in columns["entry"]} == {4}
    assert any(" -" in prompt.replace(" - ", "") for prompt in columns["prompt"]), "no negative number"
    assert columns["prompt"] != data.load(f"{name}&seed=3").columns["prompt"]


@needs_package
@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("reasoning_gym:leg_count", UnknownNameError, "Did you mean 'leg_counting'"),
        ("reasoning_gym:", UnknownNameError, "Unknown generator of reasoning-gym ''"),
        ("reasoning_gym:gcd?sise=3", ConfigurationError, "refuses the options .*sise.* It has: .*size"),
        ("reasoning_gym:gcd?size=many", ConfigurationError, "refuses the options"),
        ("reasoning_gym:propositional_logic?size=10", DatasetError, "have no answers"),
        ("reasoning_gym:game_of_life_halting?size=10", DatasetError, "takes any text"),
        ("reasoning_gym:complex_arithmetic?size=40", DatasetError, "'nan' for right in 100%"),
        ("reasoning_gym:syllogism?size=100", DatasetError, "takes the answer '(Yes|No)' for right in [4-7]"),
        ("reasoning_gym:chain_sum?size=1e99", ConfigurationError, "refuses the options"),
    ],
)
def test_errors_name_the_remedy(name, error, message):
    with pytest.raises(error, match=message):
        data.load(name)


@needs_package
def test_rows_survive_arrow():
    # TRL gets them so: metadata of many shapes would not fit a table's columns
    pytest.importorskip("datasets")
    table = data.to_hf("reasoning_gym:number_sequence?size=60")
    columns = {name: table[name][:] for name in table.column_names}
    assert set(rewards.get("reasoning_gym")(completions=columns["reference"], **columns)) == {1.0}


@needs_package
def test_an_answer_that_hangs_its_verifier_is_wrong(monkeypatch, caplog):
    columns = data.load("reasoning_gym:countdown?size=3&min_numbers=2&max_numbers=2").columns
    monkeypatch.setattr(worker, "TIME_LIMIT", 1.0)
    texts = [*columns["reference"][:-1], " 9**9**9"]
    assert rewards.get("reasoning_gym")(completions=texts, **columns) == [1.0] * (len(texts) - 1) + [0.0]
    assert "'9**9**9'" in caplog.text and "countdown" in caplog.text


@needs_package
def test_the_default_verifier_says_the_same_here_and_in_the_worker(monkeypatch):
    columns = data.load("reasoning_gym", "validation").columns
    texts = [answer if n % 2 else answer[:-1] for n, answer in enumerate(columns["reference"])]
    here = rewards.get("reasoning_gym")(completions=texts, **columns)
    monkeypatch.setattr(reasoning_gym, "COMPARES", set())
    assert rewards.get("reasoning_gym")(completions=texts, **columns) == here
    assert set(here) == {0.0, 1.0}
