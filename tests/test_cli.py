"""The command as a user meets it: what it prints, on a terminal of 80 columns and through a pipe, and how it exits."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from textgym import rewards
from textgym.cli import app, lint_reward
from textgym.data.datasets import names
from textgym.envs import ENVIRONMENTS
from textgym.rewards import registry

SENTIMENT, ARITHMETIC = "TextGen-Sentiment-v0", "TextGen-Arithmetic-v0"
COMMANDS = ("list", "show", "sample", "play", "validate", "lint-reward", "doctor", "new", "new task", "new reward")


@pytest.fixture(autouse=True)
def state(monkeypatch):
    """80 columns, and what commands change in the process undone."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = rewards.names()
    yield
    for name in set(rewards.names()).difference(before):
        del registry._REGISTRY[name]


def textgym(*arguments, typed=None, status=0):
    """What a command prints, errors among it."""
    result = CliRunner().invoke(app, [*map(str, arguments)], input=typed)
    assert result.exit_code == status, (result.output, result.exception)
    return result.output


def process(*arguments, **options):
    """The same in a process of its own."""
    command = [sys.executable, "-m", "textgym", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def fits_a_terminal(output):
    """A table that is too wide is broken in the middle of words."""
    return max(map(len, output.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_examples(command):
    output = textgym(*command.split(), "--help")
    assert "Examples:" in output and f"textgym {command}" in output


def test_examples_name_tasks_that_exist():
    # "validate reviews.jsonl --id sentiment" looked right, and failed
    examples = [textgym(*command.split(), "--help").partition("Examples:")[2] for command in COMMANDS]
    ids = re.findall(r"(?<=--id )\S+|TextGen-\S+", " ".join(examples))
    assert len(ids) >= 6 and set(ids) <= set(ENVIRONMENTS)


def test_without_a_command_help_is_shown():
    output = textgym(status=2)
    assert all(command.split()[0] in output for command in COMMANDS)


def test_what_needs_no_model_imports_none():
    # torch alone would make every command take seconds
    code = """
import sys
from typer.testing import CliRunner
from textgym.cli import app
for line in ("--help", "list", "list rewards", "show TextGen-Sentiment-v0", "validate TextGen-ReasoningGym-v0",
             "lint-reward rougeL --no-search --rows 4"):
    CliRunner().invoke(app, line.split())
    heavy = {"torch", "transformers", "evaluate", "datasets", "pandas", "sklearn"} & set(sys.modules)
    assert not heavy, (line, heavy)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1", "TERM": "xterm-256color", "COLORTERM": "truecolor"}])
def test_a_pipe_gets_no_colour(environment):
    for arguments in (["--help"], ["list"], ["show", ARITHMETIC], ["show", "none"]):
        done = process(*arguments, env={**os.environ, **environment})
        assert "\x1b" not in done.stdout + done.stderr and done.stdout + done.stderr


def test_what_the_output_cannot_show_is_replaced():
    # the name of Popović ended the list in a traceback
    done = process("list", "rewards", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "") and "Popovi?" in done.stdout and "vader" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["list", "rewards"],
        ["list", "datasets"],
        ["list", "models"],
        ["show", ARITHMETIC],
        ["lint-reward", "rougeL", "--no-search", "--rows", 4],
    ],
)
def test_lines_fit_a_terminal(arguments):
    assert fits_a_terminal(textgym(*arguments))


def test_list():
    output = textgym("list")
    assert all(f"\n{env_id} " in output for env_id in ENVIRONMENTS)
    assert "3,800 / 300 / 600" in output and "Continue the opening of a film review" in output
    assert all(f"\n{name} " in textgym("list", "rewards") for name in registry.names())
    assert "items, ratings" in textgym("list", "rewards")
    datasets = textgym("list", "datasets")
    assert all(f"\n{name} " in datasets for name in names()) and "CC BY 4.0" in datasets
    assert {"textgym-tiny", "textgym-letters", "smollm2-135m"} <= set(textgym("list", "models").split())


def test_show():
    output = textgym("show", SENTIMENT)
    for part in ("Discrete(4096)", "3,800 / 300 / 600", "CC BY 4.0", "sentiment: ", "gold: ", "{prompt}", "empty text"):
        assert part in output
    assert "the reference            1.000   1.000    1.000" in textgym("show", ARITHMETIC)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("show Sentiment", "Did you mean 'TextGen-Sentiment-v0'?"),
        ("show textgen-qa-v0", "Did you mean 'TextGen-QA-v0'?"),
        ("show CartPole-v1", "no task of textgym"),
        ("show no_module:TextGen-Mine-v0", "'no_module' cannot be imported"),
        (f"show {SENTIMENT} --split tset", "Did you mean 'test'?"),
        (f"sample {SENTIMENT} -n 601", "has 600 prompts"),
        (f"sample {SENTIMENT} --model textgym-tyni", "Did you mean 'textgym-tiny'?"),
        (f"play {SENTIMENT} --whole --index 600", "index 600 is no row"),
        ("validate none.jsonl", "no file 'none.jsonl'"),
        (f"validate none.jsonl --id {ARITHMETIC}", "no file 'none.jsonl'"),
        (f"validate none --id {ARITHMETIC}", "'none' is none. Give its path"),
        (f"validate --id {ARITHMETIC}", "--id is for the data of a file or a folder"),
        ("validate none.jsonl --prompt-template {text}", "Name the task too: --id"),
        ("validate none.jsonl --reward rougeL", "no file 'none.jsonl'"),
        ("validate .", "has no data. Put one file per split there"),
        ("validate . --id TextGen-Arithmetic-v1", "Did you mean 'TextGen-Arithmetic-v0'?"),
        ("validate TextGen-Sentimant-v0", "Did you mean 'TextGen-Sentiment-v0'?"),
        ("lint-reward rougel", "Did you mean 'rougeL'?"),
        ("lint-reward none.py", "no file 'none.py'"),
        (f"lint-reward coverage --id {SENTIMENT}", "the column 'concepts'"),
        ("new reward 9lives", "no name for a module"),
        ("new reward Polite", "no name for a module"),
        ("new task class", "no name for a module"),
        ("new reward json", "a module 'json'"),
        ("new reward rouge1", "a reward 'rouge1'"),
        ("new reward bleu", "a reward 'bleu'"),
        ("new reward rougel", "a reward 'rougeL'"),  # two names that differ by their case are soon confused
        ("new task sentiment", "TextGen-Sentiment-v0 is taken"),
        ("new task qa", "TextGen-QA-v0 is taken"),
        ("new task datatotext", "TextGen-DataToText-v0 is taken"),
        ("new task haiku --folder none", "no folder 'none'"),
        (f"new task {'a' * 300}", "Choose a shorter name"),
        (f"new reward {'a' * 251}", "Choose a shorter name"),
    ],
)
def test_errors_are_one_line(line, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = textgym(*line.split(), status=2)
    assert message in output and output.startswith("Error: ") and output.count("\n") == 1
    assert not [*tmp_path.iterdir()]


def test_version():
    assert textgym("--version") == f"textgym {version('textgym')}\n"


@pytest.mark.parametrize(("line", "hint"), [("lsit", "'list'"), ("list rewrads", "'rewards'")])
def test_mistyped_commands_get_a_hint(line, hint):
    assert hint in textgym(*line.split(), status=2)


def test_sample_shows_every_score_and_repeats_itself():
    output = textgym("sample", SENTIMENT, "-n", 2, "--seed", 1)
    assert output.count("prompt ") == output.count("completion ") == output.count("reference ") == 2
    assert output.count("sentiment 0.") == output.count("gold 0.") == 3  # the last are the means
    assert textgym("sample", SENTIMENT, "-n", 2, "--seed", 1) == output
    assert textgym("sample", SENTIMENT, "-n", 2, "--seed", 2) != output


def test_play_a_whole_response_from_a_pipe():
    output = textgym("play", ARITHMETIC, "--whole", "--index", 0, typed="69 + 87 = 156. Answer: 156\n")
    assert "What is 69 + 87?" in output and "arithmetic 1.000" in output and "EOS after" in output
    assert "arithmetic 0.000" in textgym("play", ARITHMETIC, "--whole", "--index", 0, typed="")


@pytest.mark.parametrize("typed", ["1\n12\n the end\n\n", "1\n12\n the end"])
def test_play_token_by_token(typed):
    # the first offered token, a number that is not offered and so a text, a text, and the end by line or by input
    output = textgym("play", SENTIMENT, "--index", 3, typed=typed)
    (first,) = [line for line in output.splitlines() if line.startswith("1 ")][:1]
    chosen = first.split("'")[1]
    assert f"completion  {chosen.strip()}12 the end" in output
    assert "sentiment 0." in output and "EOS after" in output


def test_play_ends_with_the_room_for_tokens():
    output = textgym("play", ARITHMETIC, "--index", 0, typed="1 " * 200 + "\n")
    assert "token limit after 48 tokens" in output


def test_validate_a_task():
    output = textgym("validate", "TextGen-Recommendation-v0")
    assert "train (3,600)" in output and output.endswith("Nothing is wrong.\n") and fits_a_terminal(output)


def test_validate_a_file(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"prompt": "a", "re\x1b[31md": 1}) + "\n", encoding="utf-8")
    output = textgym("validate", path)
    assert "Nothing is wrong" in output and "re\\x1b[31md" in output  # a name cannot colour the terminal
    path.write_text('{"prompt": "a"}\n{"prompt": "a"}\n', encoding="utf-8")
    output = textgym("validate", path, status=1)
    assert "The same prompt, 'a': lines 1, 2.\nFindings: 1.\n" in output
    (tmp_path / "rows.xlsx").touch()
    assert "none of the known formats" in textgym("validate", tmp_path / "rows.xlsx", status=1)


def test_validate_a_folder(tmp_path):
    row = {"prompt": "Which film?", "reference": "Heat"}
    rows = {"train": [row], "test": [{"prompt": "Which town?", "reference": "Rome"}, row]}
    for split, own in rows.items():
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, own)), encoding="utf-8")
    output = textgym("validate", tmp_path, status=1)
    assert "train.jsonl: 1 rows" in output and "test.jsonl: 2 rows" in output
    assert "\ntest.jsonl: Prompts that another split has too: line 2.\nFindings: 1.\n" in output
    output = textgym("validate", tmp_path, "--id", "TextGen-QA-v0", status=1)
    assert "train (1)" in output and "test (2)" in output
    assert "\nTextGen-QA-v0, test: Prompts that another split has too: line 2.\nFindings: 1.\n" in output


def test_what_cannot_be_read_is_told_once(tmp_path):
    """It was found by the file's check and again by the task's, beside a table of 0 rows."""
    path = tmp_path / "latin.csv"
    path.write_bytes("prompt,reference\nCaf\xe9,yes\n".encode("latin-1"))
    output = textgym("validate", path, "--id", "TextGen-QA-v0", status=1)
    assert "latin.csv: no row was read" in output and output.endswith("Findings: 1.\n")


def test_validate_a_file_as_data_of_a_task(tmp_path):
    path, id_ = tmp_path / "rows.jsonl", ("--id", "TextGen-Recommendation-v0")
    first = '{"prompt": "b", "reference": "Alien", "items": ["Alien"]}\n'
    path.write_text(first + '{"prompt": "a", "reference": "Heat", "items": ["Heat"]}\n', encoding="utf-8")
    output = textgym("validate", path, *id_)
    assert re.search(r"the reference +1\.000", output) and output.endswith("Nothing is wrong.\n")
    path.write_text(first + '\n{"prompt": "a", "reference": "Heat", "items": ["Jaws"]}\n', encoding="utf-8")
    assert "The reference scores less than 1.0 (0.000 at line 3): line 3." in textgym("validate", path, *id_, status=1)
    path.write_text('{"prompt": "a", "reference": "Heat", "items": 5}\n', encoding="utf-8")
    assert "The column 'items' is 5." in textgym("validate", path, *id_, status=1)
    path.write_text('{"text": "a"}\n', encoding="utf-8")
    output = textgym("validate", path, *id_, status=1)
    assert "\nNo column 'prompt' among text" in output and "cannot be filled" in output
    path.write_text('{"text": "a", "reference": "Heat", "items": ["Heat"]}\n', encoding="utf-8")
    assert textgym("validate", path, *id_, "--prompt-template", "Film: {text}").endswith("Nothing is wrong.\n")
    output = textgym("validate", path, *id_, "--prompt-template", "Film: {txt}", status=1)
    assert "cannot be filled" in output and "Findings: 1." in output


def test_validate_a_file_by_a_reward_of_its_own(tmp_path):
    path, mine = tmp_path / "rows.csv", tmp_path / "mine.py"
    path.write_text("prompt,reference,year\nWhich film?,Heat,1995\nWhich town?,Rome,\n", encoding="utf-8")
    head = "def same(completions, reference, **_):\n    return "
    mine.write_text(head + "[float(text.strip() == right) for text, right in zip(completions, reference)]\n")
    output = textgym("validate", path, "--reward", mine)
    assert re.search(r"same of +train \(2\)\nthe reference +1\.000", output) and output.endswith("Nothing is wrong.\n")
    assert "TextGen" not in output  # it is the data of no task
    mine.write_text(head + "[float(bool(text)) for text in completions]\n")
    assert "\nrows.csv, train: A wrong answer scores" in textgym("validate", path, "--reward", mine, status=1)
    # another reward than the task's; a name of the registry
    output = textgym("validate", path, "--id", "TextGen-QA-v0", "--reward", "exact_match")
    assert "\nTextGen-QA-v0\nexact_match of" in output
    assert "Did you mean 'rougeL'?" in textgym("validate", path, "--reward", "rougel", status=2)
    assert "--reward is for the data of a file" in textgym("validate", ARITHMETIC, "--reward", "rougeL", status=2)


def test_validate_reports_halves_of_characters(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "a\\ud83d", "\\ud83d": "b"}\n', encoding="utf-8")
    for options in ([], ["--id", "TextGen-QA-v0"]):
        assert "has a lone surrogate, half of a character" in textgym("validate", path, *options, status=1)


REWARDS = """
import random
from textgym.rewards.reference import chrf
from textgym.rewards.text import Length, length

Texts = list[str]

def polite(completions, **_):
    return [float("please" in text) for text in completions]

def unsteady(completions, **_):
    return [random.random() for _ in completions]

short = Length(words=5)
"""


def test_lint_reward_takes_functions_of_files(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(REWARDS, encoding="utf-8")
    options = ("--no-search", "--rows", 4)
    assert "steady: called again" in textgym("lint-reward", f"{path}:polite", *options)
    assert "steady: called again" in textgym("lint-reward", f"{path}:short", *options)
    assert "Problem: Not deterministic" in textgym("lint-reward", f"{path}:unsteady", *options, status=1)
    unnamed = textgym("lint-reward", path, status=2)
    assert "has the functions polite, unsteady, short. Name one" in unnamed and "lint-reward" not in unnamed
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a", "reference": "b"}\n', encoding="utf-8")
    # another command is given it in the same way
    assert textgym("validate", tmp_path / "rows.jsonl", "--reward", path, status=2) == unnamed
    assert "Did you mean 'polite'?" in textgym("lint-reward", f"{path}:polit", status=2)
    # an object is one of the file's, though its class is imported
    path.write_text('from textgym.rewards import Gated\npolite = Gated("length", by="json")\n', encoding="utf-8")
    assert "length: 4 rows" in textgym("lint-reward", path, *options)
    path.write_text("1 / 0\n", encoding="utf-8")
    assert "does not run (ZeroDivisionError" in textgym("lint-reward", path, status=2)
    path.write_text("raise SystemExit(0)\n", encoding="utf-8")  # it looked as if all were well
    assert "does not run (SystemExit: 0)" in textgym("lint-reward", path, status=2)


def test_lint_reward_uses_the_task_that_has_the_reward(tmp_path):
    assert lint_reward.task_with("arithmetic") == ARITHMETIC
    assert lint_reward.task_with("gold") == lint_reward.task_with("vader") == SENTIMENT
    data = tmp_path / "rows.jsonl"
    data.write_text('{"prompt": "a", "pattern": "x+"}\n{"prompt": "b", "pattern": "y"}\n', encoding="utf-8")
    assert "format: 2 rows" in textgym("lint-reward", "format", "--data", data, "--no-search")


@pytest.mark.parametrize("reward", ["kindness", "kindness.py"])
def test_lint_reward_of_the_task_that_imports_it(reward, tmp_path, monkeypatch):
    # the name was looked up before the task had registered it, the file's function taken for another of that name
    monkeypatch.chdir(tmp_path)
    textgym("new", "reward", "kindness")
    textgym("new", "task", "haiku")
    source = Path("haiku.py").read_text(encoding="utf-8").replace("from pathlib", "import kindness\nfrom pathlib")
    Path("haiku.py").write_text(source.replace('funcs="exact_match"', 'funcs="kindness"'), encoding="utf-8")
    # in a process of its own, for the modules would stay imported
    done = process("lint-reward", reward, "--id", "haiku:TextGen-Haiku-v0", "--no-search")
    assert done.returncode == 0 and "kindness: 2 rows of TextGen-Haiku-v0" in done.stdout, done.stdout + done.stderr


def test_lint_reward_shows_the_text_that_scores_most():
    output = textgym("lint-reward", "sentiment", "--rows", 4)
    assert "best of 64 samples: 0.9" in output and "beam search, 8 beams: 1.000" in output


def run_pytest(folder):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_doctor_of_two_functions(tmp_path):
    # every token as likely, and drawn so; then drawn from the first half alone, which the chi-square sees
    code = """
import math, random

def sample(prompts, max_new_tokens):
    completions = [[random.randrange(2, {tokens}) for _ in range(max_new_tokens)] for _ in prompts]
    return completions, log_prob(prompts, completions)

def log_prob(prompts, completions):
    return [[math.log(1 / 6) if token > 1 else -99.0 for token in completion] for completion in completions]
"""
    file = tmp_path / "uniform.py"
    file.write_text(code.format(tokens=8))
    output = textgym("doctor", file)
    assert "Right: 6. Wrong: 0." in output and "the reference stands still: Needs a model of SB3" in output
    file.write_text(code.format(tokens=5))
    assert re.search("samples fit the stated probabilities +WRONG", textgym("doctor", file, status=1))
    file.write_text("")
    assert "neither make_agent nor the two functions" in textgym("doctor", file, status=2)


def test_new_task_passes_its_test_until_it_is_broken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    textgym("new", "task", "last_word")
    source = Path("last_word.py").read_text(encoding="utf-8")
    assert sum("TODO" in line for line in source.splitlines()) < 30
    done = run_pytest(tmp_path)
    assert done.returncode == 0 and "4 passed" in done.stdout, done.stdout
    # in a process of its own, for the id would stay registered
    assert "the reference            1.000" in process("show", "last_word:TextGen-LastWord-v0").stdout
    Path("last_word.py").write_text(source.replace('"exact_match"', '"length"'), encoding="utf-8")
    assert "A wrong answer scores" in run_pytest(tmp_path).stdout


def test_new_reward_passes_its_test_until_it_is_broken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    textgym("new", "reward", "polite")
    done = run_pytest(tmp_path)
    assert done.returncode == 0 and "3 passed" in done.stdout, done.stdout
    assert "polite: 4 rows" in textgym("lint-reward", "polite.py", "--no-search", "--rows", 4)
    path = Path("polite.py")
    path.write_text(path.read_text(encoding="utf-8").replace("float(", "1 / len(completion) + ("), encoding="utf-8")
    assert "ZeroDivisionError" in run_pytest(tmp_path).stdout


@pytest.mark.parametrize("kind", ["task", "reward"])
def test_new_overwrites_nothing(kind, tmp_path):
    (tmp_path / "test_mine.py").write_text("mine", encoding="utf-8")
    output = textgym("new", kind, "mine", "--folder", tmp_path, status=2)
    assert "test_mine.py would be overwritten" in output
    assert [path.name for path in tmp_path.iterdir()] == ["test_mine.py"]
    assert (tmp_path / "test_mine.py").read_text(encoding="utf-8") == "mine"
