"""What is exported has the form that its readers ask for, and says what was measured."""

import hashlib
import io
import json
import sys

import numpy as np
import pyarrow.parquet
import pytest
import yaml
from huggingface_hub import parse_eval_result_entries
from rich.console import Console

from benchmarks.aggregate import Scores, estimate_mean
from benchmarks.export import __main__ as export
from tests.benchmarks.export.conftest import RETURNS, record

SCORE = 0.625
TABLE = np.array([RETURNS[seed] for seed in RETURNS])


@pytest.fixture
def write(published, tmp_path):
    """Export on the command line; returns the status, what was printed, and the folder."""

    def write(form, *arguments):
        console = Console(file=io.StringIO(), width=200)
        fixed = ["--suite", str(published / "small.toml"), "--results", str(published)]
        folder = tmp_path / "out"
        return (
            export.main(["--format", form, str(folder), *fixed, *arguments], console),
            console.file.getvalue(),
            folder,
        )

    return write


def conforms(value, form, place="top"):
    """Raise unless a value has a form: a type, a set of values, a list of one form, or a dict of forms.

    Optional keys end in ``?``. ``...: form`` allows any other keys, with values of this form.
    """
    if isinstance(form, dict):
        assert isinstance(value, dict), place
        required = {key for key in form if key is not ... and not key.endswith("?")}
        assert required <= value.keys(), f"{place} lacks {required - value.keys()}"
        for key, held in value.items():
            own = form.get(key, form.get(f"{key}?", form.get(...)))
            assert own is not None, f"{place} has {key}"
            conforms(held, own, f"{place}.{key}")
    elif isinstance(form, list):
        assert isinstance(value, list), place
        for i, held in enumerate(value):
            conforms(held, form[0], f"{place}[{i}]")
    elif isinstance(form, set):
        assert value in form, f"{place} is {value!r}"
    else:
        assert isinstance(value, form) and not (isinstance(value, bool) and form is not bool), f"{place} is {value!r}"


NUMBER, TEXTS = (int, float), {...: str}
# what Every Eval Ever's eval.schema.json 0.2.2 asks for and allows, of what is used of it
AGGREGATE = {
    "schema_version": {"0.2.2"},
    "evaluation_id": str,
    "evaluation_timestamp?": str,
    "retrieved_timestamp": str,
    "source_metadata": {
        "source_name?": str,
        "source_type": {"documentation", "evaluation_run"},
        "source_organization_name": str,
        "evaluator_relationship": {"first_party", "third_party", "collaborative", "other"},
        "additional_details?": TEXTS,
    },
    "eval_library": {"name": str, "version": str, "additional_details?": TEXTS},
    "model_info": {
        "name": str,
        "id": str,
        "developer?": str,
        "inference_engine?": {"name": str, "version": str},
        "additional_details?": TEXTS,
    },
    "evaluation_results": [
        {
            "evaluation_result_id?": str,
            "evaluation_name": str,
            "source_data": {"dataset_name": str, "source_type": {"other"}, "additional_details?": TEXTS},
            "metric_config": {
                "evaluation_description?": str,
                "metric_id?": str,
                "metric_name?": str,
                "lower_is_better": bool,
                "score_type": {"continuous"},
                "min_score": NUMBER,
                "max_score": NUMBER,
            },
            "score_details": {
                "score": NUMBER,
                "uncertainty?": {
                    "standard_error": {"value": NUMBER, "method?": str},
                    "confidence_interval": {
                        "lower": NUMBER,
                        "upper": NUMBER,
                        "confidence_level?": NUMBER,
                        "method?": str,
                    },
                    "num_samples?": int,
                },
            },
            "generation_config?": {
                "generation_args": {"execution_command?": str, "max_tokens?": int, "prompt_template?": str},
                "additional_details?": TEXTS,
            },
        }
    ],
    "detailed_evaluation_results?": {
        "format": {"jsonl", "json"},
        "file_path": str,
        "hash_algorithm": {"sha256", "md5"},
        "checksum": str,
        "total_rows": int,
    },
}
# and its instance_level_eval.schema.json 0.2.2
INSTANCE = {
    "schema_version": {"instance_level_eval_0.2.2"},
    "evaluation_id": str,
    "model_id": str,
    "evaluation_name": str,
    "evaluation_result_id?": str,
    "sample_id": str,
    "sample_hash?": str,
    "interaction_type": {"single_turn"},
    "input": {"raw": str, "reference": [str]},
    "output": {"raw": [str]},
    "answer_attribution": [
        {
            "turn_idx": int,
            "source": str,
            "extracted_value": str,
            "extraction_method": str,
            "is_terminal": bool,
        }
    ],
    "evaluation": {"score": NUMBER, "is_correct": bool},
    "metadata?": TEXTS,
}


def test_every_eval_ever(write):
    status, printed, folder = write("every-eval-ever")
    assert status == 0
    assert "Left out, for seeds are missing: reference on TextGen-NER-v0." in printed
    (path,) = (folder / "data" / "textgym-small" / "textgym" / "random").glob("*.json")
    content = json.loads(path.read_text())
    conforms(content, AGGREGATE)
    names = [result["evaluation_result_id"] for result in content["evaluation_results"]]
    assert names == [
        f"{task}.{metric}" for task in ("TextGen-QA-v0", "TextGen-NER-v0") for metric in ("return", "gold")
    ]
    details, known = content["evaluation_results"][0]["score_details"], estimate_mean([Scores.of(TABLE)])
    assert details["score"] == SCORE
    assert details["uncertainty"]["standard_error"]["value"] == known.error
    interval = details["uncertainty"]["confidence_interval"]
    assert (interval["lower"], interval["upper"]) == known.interval()
    texts = path.with_suffix(".jsonl").read_bytes()
    kept = content["detailed_evaluation_results"]
    assert kept["file_path"] == path.with_suffix(".jsonl").name
    assert kept["checksum"] == hashlib.sha256(texts).hexdigest()
    lines = [json.loads(line) for line in texts.decode().splitlines()]
    assert len(lines) == kept["total_rows"] == 8
    for line in lines:
        conforms(line, INSTANCE)
        assert line["evaluation_id"] == content["evaluation_id"]
    assert [line["evaluation"]["is_correct"] for line in lines] == [False, True, False, False] * 2
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    write("every-eval-ever")  # again: the same files
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


def test_lm_eval(write):
    """Read as lm-eval's own readers do: ``<metric>,<filter>`` and its standard error, or N/A."""
    status, _, folder = write("lm-eval")
    assert status == 0
    (path,) = (folder / "random").glob("results_*.json")
    assert path.name == "results_2026-11-28T03-28-51+00-00.json"
    content = json.loads(path.read_text())
    tasks = ["TextGen-QA-v0", "TextGen-NER-v0"]
    for name in ("results", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples"):
        assert list(content[name]) == tasks, name
    assert {"config", "git_hash", "date", "task_hashes", "model_name", "total_evaluation_time_seconds"} <= set(content)
    own = content["results"]["TextGen-QA-v0"]
    assert own["return,none"] == SCORE
    assert own["return_stderr,none"] == estimate_mean([Scores.of(TABLE)]).error
    assert (own["length,none"], own["length_stderr,none"]) == (3.0, "N/A")
    assert "kl,none" not in own
    assert content["n-samples"]["TextGen-QA-v0"] == {"original": 2, "effective": 2}
    assert content["configs"]["TextGen-QA-v0"]["repeats"] == 2
    lines = [json.loads(line) for line in next((folder / "random").glob("samples_TextGen-QA*.jsonl")).open()]
    assert [line["doc_id"] for line in lines] == [0, 1]
    assert lines[0]["resps"] == [["seed 0\n", "seed 1\n"]] and lines[0]["return"] == 0.375
    assert lines[0]["target"] == "" and lines[1]["target"] == "an answer"
    assert len(lines[0]["doc_hash"]) == len(lines[0]["prompt_hash"]) == len(lines[0]["target_hash"]) == 64
    assert not list((folder / "reference").glob("samples_TextGen-NER*"))


def test_hub(write):
    _, _, folder = write("hub")
    content = yaml.safe_load((folder / "random" / ".eval_results" / "small.yaml").read_text())
    first, second = parse_eval_result_entries(content)
    assert (first.dataset_id, first.task_id, first.value) == ("textgym/qa", "TextGen-QA-v0", SCORE)
    assert second.task_id == "TextGen-NER-v0"
    assert first.date == "2026-11-28T03:28:51+00:00" and "2 seeds, 95 % interval" in first.notes
    assert len(yaml.safe_load((folder / "reference" / ".eval_results" / "small.yaml").read_text())) == 1


def test_parquet(write):
    _, _, folder = write("parquet")
    rows = pyarrow.parquet.read_table(folder / "small.parquet").to_pylist()
    assert len(rows) == 12  # three complete rows, two seeds of two examples
    first, expected = rows[0], record(0, 0)
    assert {name: first[name] for name in ("suite", "env_id", "agent", "seed")} == {
        "suite": "small", "env_id": "TextGen-QA-v0", "agent": "random", "seed": 0
    }  # fmt: skip
    assert dict(first["rewards"]) == expected["rewards"] and first["reference"] == []
    assert {name: first[name] for name in expected.keys() - {"rewards", "metrics", "reference"}} == {
        name: expected[name] for name in expected.keys() - {"rewards", "metrics", "reference"}
    }


def test_without_pyarrow_the_remedy_is_told(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    status, printed, _ = write("parquet")
    assert status == 2 and "pip install pyarrow" in printed


def test_what_cannot_be_exported_is_told(write, published, tmp_path):
    (tmp_path / "out").write_text("a file")
    status, printed, _ = write("hub")
    assert status == 2 and "out cannot be written to" in printed
    status, printed, _ = write("hub", "--suite", "quik")
    assert status == 2 and "Did you mean 'quick'?" in " ".join(printed.split())
    status, printed, _ = write("hub", "--results", str(tmp_path / "nowhere"))
    assert status == 1 and "has no complete row of the suite small" in " ".join(printed.split())
