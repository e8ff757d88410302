"""Tasks that are sound have no findings, and everything that can be wrong with a task or a file is found."""

import json

import pytest

from textgym.checks.validation import check_file, check_folder, check_task
from textgym.data.datasets import SPLITS
from textgym.envs import ENVIRONMENTS
from textgym.errors import DatasetError, MissingPackageError

ARITHMETIC = "TextGen-Arithmetic-v0"
ROWS = [{"prompt": f"Repeat {word}", "reference": word} for word in ("red", "green", "blue", "white", "black")]


def check(rows, reward="exact_match", splits=("test",), **changes):
    """The findings about other data and another reward."""
    env_kwargs = {"dataset": rows, "reward_funcs": reward, "prompt_template": "{prompt}:", **changes}
    return [finding for r in check_task(ARITHMETIC, splits, env_kwargs=env_kwargs) for finding in r.findings]


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_every_task_is_sound(env_id):
    # the train splits are checked by the command: a minute, mostly for metrics of 4,000 wrong answers
    try:
        reports = check_task(env_id, ["validation", "test"])
    except MissingPackageError as error:
        pytest.skip(str(error))
    assert {report.split: report.findings for report in reports} == {"validation": [], "test": []}


def test_the_report_says_what_texts_are_worth():
    (report,) = check_task(ARITHMETIC, ["validation"])
    assert report.rows == 832 and report.compared
    assert report.means["the reference"] == report.at_maximum["the reference"] == 1.0
    assert 0.0 < report.at_maximum["another row's reference"] < 0.02  # sums of the same result
    (report,) = check_task("TextGen-Sentiment-v0", ["validation"])
    # a judge of texts alone: references are those of positive reviews, and wrong ones those of negative reviews
    assert not report.compared
    assert report.means["the reference"] > report.means["empty text"] > report.means["another row's reference"]


def test_labels_do_not_matter_where_the_reward_compares():
    # a positive review's text in place of the row's own would look like a reference that scores less than 1.0
    (report,) = check_task("TextGen-Sentiment-v0", ["validation"], env_kwargs={"reward_funcs": "token_f1"})
    assert report.compared and report.means["the reference"] == 1.0


def test_sound_rows_have_no_findings():
    assert check(ROWS) == []


def one_class(share, classes=("yes", "no", "perhaps")):
    """Rows of which a share has the first class."""
    labels = [classes[0] if i < 20 * share else classes[1 + i % (len(classes) - 1)] for i in range(20)]
    return [{"prompt": f"Question {i}", "reference": label} for i, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("rows", "reward", "kinds"),
    [
        (one_class(0.5), "accuracy", []),  # two classes of like size are a task
        (one_class(0.7), "accuracy", ["one token", "the most frequent answer, ' yes'"]),
        (
            one_class(0.7, ("of unsound mind", "no", "yes")),
            "accuracy",
            ["the most frequent answer, ' of unsound mind'"],
        ),
    ],
)
def test_one_answer_to_all_rows_is_found(rows, reward, kinds):
    findings = check(rows, reward)
    assert len(findings) == len(kinds), findings
    for finding, kind in zip(findings, kinds, strict=True):
        assert "scores as well as the reference in 70% of the rows, and may in 50%: " + kind in finding


def test_one_answer_of_all_rows_is_found():
    """Rows that all have it cannot be told apart by shifting them."""
    rows = [{"prompt": f"Question {i}", "reference": "yes"} for i in range(40)]
    assert check(rows) == ["All references are 'yes': one answer solves the task. Add rows with other answers."]
    assert check(rows[:1]) == []


def test_silence_that_earns_too_much_is_found():
    def lazy(completions, reference, **_):
        return [float(a.strip() == b or (not a and b == "yes")) for a, b in zip(completions, reference, strict=True)]

    assert check(one_class(0.25), lazy) == []
    (finding,) = check(one_class(0.3), lazy)
    assert finding == "A wrong answer scores as well as the reference in 30% of the rows, and may in 25%: empty text."


def test_a_token_that_fools_the_reward_is_found():
    def fooled(completions, reference, **_):
        return [float(a.strip() in (b, "red")) for a, b in zip(completions, reference, strict=True)]

    assert any(finding.endswith("and may in 50%: one token, ' red'.") for finding in check(ROWS, fooled))


def half(completions, reference, **_):
    return [0.5 * (a.strip() == b) for a, b in zip(completions, reference, strict=True)]


def generous(completions, reference, **_):
    return [float(a.strip() == b or not a) for a, b in zip(completions, reference, strict=True)]


def upside_down(completions, **_):
    return [-float(len(text)) for text in completions]


@pytest.mark.parametrize(
    ("rows", "reward", "finding"),
    [
        (ROWS, half, "The reference scores less than 1.0 (0.500 at index 0): indices 0, 1, 2, 3, 4."),
        (
            ROWS,
            generous,
            "A wrong answer scores as well as the reference in 100% of the rows, and may in 25%: empty text.",
        ),
        (ROWS, upside_down, "on average, the reference -5.400: empty text."),
        ([*ROWS, ROWS[1]], "exact_match", "The same prompt, 'Repeat green:'"),
        ([*ROWS, {"prompt": "x", "reference": "red " * 60}], "token_f1", "no room in 48 tokens: index 5."),
        ([{"prompt": "x", "reference": None}, {"prompt": "y"}], "length", "No row has a reference"),
    ],
)
def test_an_unsound_task_is_found(rows, reward, finding):
    findings = check(rows, reward)
    assert any(finding in found for found in findings), findings


@pytest.mark.parametrize("rows", [[{"prompt": "x"}, {"prompt": "y"}], [ROWS[0], {"prompt": "y"}]])
def test_few_references_or_none_are_no_fault(rows):
    """The only reference there is was told to be a wrong answer."""
    assert check(rows, "length" if "reference" not in rows[0] else "exact_match") == []


def test_rows_without_a_reference_are_not_scored():
    # the reward does not apply to them, which is no score below the maximum
    rows = [{"prompt": "Repeat grey", "reference": " "}, *ROWS, {"prompt": "Repeat pink"}]
    assert check(rows) == []
    (finding,) = check(rows, half)
    assert finding.endswith("(0.500 at index 1): indices 1, 2, 3, 4, 5.")


def test_findings_about_a_task_name_the_lines_of_its_file(tmp_path):
    lines = [ROWS[0], b"", *ROWS[1:], {"prompt": "x\ufffd", "reference": "x"}]
    assert check(written(tmp_path / "rows.jsonl", *lines))[0].endswith("some program could not read: line 7.")


def test_prompts_that_two_splits_share_are_found():
    # a list of rows is every split
    assert check(ROWS, splits=SPLITS[:2]) == ["Prompts that another split has too: indices 0, 1, 2, 3, 4."]


def written(path, *lines):
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
    return path


@pytest.mark.parametrize(
    ("lines", "findings"),
    [
        ([{"prompt": "a"}, {"prompt": "b"}], []),
        ([{"prompt": "a"}, b"", {"prompt": " a "}], ["The same prompt, 'a': lines 1, 3."]),  # a blank line counts
        ([{"text": "a"}], ["No column 'prompt' among text"]),
        ([{"prompt": "a", "completions": 1}], ["The column 'completions' is an argument of every reward function"]),
        ([{"prompt": 5}, {}], ["The prompt is no text: lines 1, 2."]),
        ([{"prompt": " "}], ["The prompt is empty: line 1."]),
        ([{"prompt": "a", "reference": []}], ["The reference is neither a text nor a list of texts: line 1."]),
        ([{"prompt": "a", "reference": [""]}], ["The reference is empty: line 1."]),
        ([{"prompt": "a", "reference": None}, {"prompt": "b", "reference": "c"}, {"prompt": "d"}], []),
        ([{"prompt": "a", "reference": None}, {"prompt": "b"}], ["No row has a reference"]),
        ([{"prompt": "\ud83d"}, {"prompt": "b"}], ["The column 'prompt' has a lone surrogate, half of a character"]),
        ([{"prompt": "a", "n": ["\U0001f600", "\ud83d"]}], ["The column 'n' has a lone surrogate"]),
        ([{"prompt": "a", "n": 1}, {"prompt": "b", "n": 1.5}], []),
        ([{"prompt": "a", "n": 1}, {"prompt": "b", "n": "1"}], ["The column 'n' holds number and str"]),
        ([{"prompt": "a\ufffd"}], ["The column 'prompt' has the character U+FFFD"]),
        ([{"prompt": "a"}, b'{"prompt": "\xff"}'], ["line 2: not UTF-8"]),
        ([{"prompt": "a"}, b'{"prompt":'], ["line 2: not JSON"]),
        ([{"prompt": "a"}, ["a"]], ["Not an object with columns: line 2."]),
        ([], ["has no rows"]),
    ],
)
def test_json_lines(tmp_path, lines, findings):
    found = check_file(written(tmp_path / "rows.jsonl", *lines)).findings
    assert len(found) == len(findings) and all(a in b for a, b in zip(findings, found, strict=True)), found


def test_many_findings_are_summed_up(tmp_path):
    # a thousand rows that are wrong in the same way must not be a thousand lines
    lines = [{"prompt": "", "n": i} for i in range(1000)] + [{"prompt": f"{i % 20}"} for i in range(100)]
    findings = check_file(written(tmp_path / "rows.jsonl", *lines)).findings
    assert "The prompt is empty: lines 1, 2, 3, 4, 5, 6, 7, 8 and 992 more." in findings
    assert "13 more prompts occur more than once." in findings and len(findings) < 12


def test_a_folder_has_one_file_per_split(tmp_path):
    with pytest.raises(DatasetError, match=r"has no data\. Put one file per split there"):
        check_folder(tmp_path)
    train = written(tmp_path / "train.jsonl", *ROWS)
    test = written(tmp_path / "test.jsonl", {"prompt": "new"}, b"", ROWS[2], {"prompt": 5})
    extra = written(tmp_path / "extra.jsonl", b"no JSON")
    reports = check_folder(tmp_path)
    assert list(reports) == [train, test, extra] and reports[train].findings == []
    assert reports[test].findings == [
        "The prompt is no text: line 4.",
        "Prompts that another split has too: line 3.",
    ]
    assert "line 1: not JSON" in reports[extra].findings[0]


def test_csv_lines_are_counted_with_breaks_in_values(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('prompt,reference\na,1\n"two\nlines",2\na,3\n', encoding="utf-8")
    report = check_file(path)
    assert report.rows == 3 and report.findings == ["The same prompt, 'a': lines 2, 5."]


def test_parquet(tmp_path):
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([{"prompt": "a", "n": i} for i in range(2)]), path)
    assert check_file(path).findings == ["The same prompt, 'a': rows 1, 2."]


def test_columns_are_summed_up(tmp_path):
    lines = [{"prompt": "a", "tags": ["long one", "b"]}, {"prompt": "abc", "tags": []}, {"prompt": "abc d"}]
    prompt, tags = check_file(written(tmp_path / "rows.jsonl", *lines)).columns
    assert (prompt.name, prompt.types, prompt.empty, prompt.different, prompt.longest) == ("prompt", ["str"], 0, 3, 5)
    assert (tags.types, tags.empty, tags.different, tags.longest) == (["list"], 2, 3, 8)
