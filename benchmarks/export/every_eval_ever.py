"""As Every Eval Ever's schema 0.2.2 has it: ``data/<benchmark>/textgym/<agent>/<uuid>.json``, and texts beside it.

The schema is at https://github.com/evaleval/every_eval_ever. File names are made of what is in them, so that the same
results give the same files.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import aggregate
from benchmarks.export import METHOD, as_json, as_lines, complete, ended, estimate, references, sha256
from benchmarks.report import Row, score_name
from benchmarks.results_io import write_atomic
from benchmarks.suite import Suite

SCHEMA_VERSION = "0.2.2"
DEVELOPER = "textgym"
DESCRIPTIONS = {
    "return": "Mean return of the test prompts' completions, the reward that agents train on",
    "gold": "Mean score of a judge that nothing is trained on",
}


def write(suite: Suite, rows: Sequence[Row], folder: Path) -> list[Path]:
    """Write every agent's results and texts; returns the files."""
    files = []
    for agent, own in complete(rows).items():
        identity = f"textgym-{suite.name}/{DEVELOPER}/{agent}/{ended(own).timestamp()}"
        lines = [line for row in own for line in instances(identity, row)]
        text, content = as_lines(lines), evaluation(suite, identity, own)
        name = uuid.uuid5(uuid.NAMESPACE_URL, sha256(content) + sha256(text))
        path = folder / "data" / f"textgym-{suite.name}" / DEVELOPER / agent / f"{name}.json"
        if lines:
            content["detailed_evaluation_results"] = {
                "format": "jsonl",
                "file_path": path.with_suffix(".jsonl").name,
                "hash_algorithm": "sha256",
                "checksum": sha256(text),
                "total_rows": len(lines),
            }
            write_atomic(path.with_suffix(".jsonl"), text)
            files.append(path.with_suffix(".jsonl"))
        write_atomic(path, as_json(content))
        files.append(path)
    return files


def evaluation(suite: Suite, identity: str, rows: Sequence[Row]) -> dict[str, Any]:
    """The content of an aggregate file, of one agent."""
    agent, last = rows[0].agent, rows[-1].finished[-1]
    version = last["versions"].get("textgym") or "unknown"
    shown = {"hardware": last["hardware"], "threads": str(last["threads"]), "device": last.get("device", "cpu")}
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": identity,
        "evaluation_timestamp": ended(rows).isoformat(),
        "retrieved_timestamp": str(ended(rows).timestamp()),
        "source_metadata": {
            "source_name": f"textgym's leaderboard, suite {suite.name}",
            "source_type": "evaluation_run",
            "source_organization_name": "textgym",
            "evaluator_relationship": "first_party",
            "additional_details": {"commit": str(last["commit"]), **shown},
        },
        "eval_library": {"name": "textgym", "version": version},
        "model_info": {
            "name": agent,
            "id": f"{DEVELOPER}/{agent}",
            "developer": DEVELOPER,
            "inference_engine": {"name": "textgym", "version": version},
            "additional_details": {
                "reference_model": suite.reference,
                "agent_version": str(last.get("version", 0)),
                "train_tokens": str(last["cost"]["train_tokens"]),
            },
        },
        "evaluation_results": [
            result for row in rows for metric in DESCRIPTIONS if (result := figure(suite, row, metric)) is not None
        ],
    }


def figure(suite: Suite, row: Row, metric: str) -> dict[str, Any] | None:
    """One metric of one task; None where the task has none."""
    score, sure, first = row.mean(metric), estimate(row, metric), row.finished[0]
    if score is None:
        return None
    keywords = first.get("env", {}).get("kwargs", {})
    values = [record[metric] for records in row.examples.values() for record in records] or [score]
    name = score_name([row]) if metric == "return" else metric
    return {
        "evaluation_result_id": f"{row.env_id}.{metric}",
        "evaluation_name": row.env_id,
        "source_data": {
            "dataset_name": str(keywords.get("dataset")),
            "source_type": "other",
            "additional_details": {"split": suite.split, "task_hash": first["task_hash"]},
        },
        "metric_config": {
            "evaluation_description": DESCRIPTIONS[metric],
            "metric_id": f"textgym.{name}",
            "metric_name": name,
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": min(0.0, *values),  # rewards are fractions as a rule, and need not be
            "max_score": max(1.0, *values),
        },
        "score_details": {"score": score, **({} if sure is None else {"uncertainty": uncertainty(row, sure)})},
        "generation_config": {
            "generation_args": {
                "execution_command": first["command"],
                "max_tokens": keywords.get("max_new_tokens", 1),
                "prompt_template": str(keywords.get("prompt_template")),
            },
            "additional_details": {"seeds": ", ".join(str(result["seed"]) for result in row.finished)},
        },
    }


def uncertainty(row: Row, sure: aggregate.Estimate) -> dict[str, Any]:
    """A standard error and its interval."""
    low, high = sure.interval()
    return {
        "standard_error": {"value": sure.error, "method": METHOD},
        "confidence_interval": {
            "lower": low,
            "upper": high,
            "confidence_level": aggregate.LEVEL,
            "method": METHOD,
        },
        "num_samples": sum(map(len, row.examples.values())) or len(row.finished),
    }


def instances(identity: str, row: Row) -> list[dict[str, Any]]:
    """A line for each completion. One is called correct that returns 1 or more, which few of a judge's rewards do."""
    return [
        {
            "schema_version": f"instance_level_eval_{SCHEMA_VERSION}",
            "evaluation_id": identity,
            "model_id": f"{DEVELOPER}/{row.agent}",
            "evaluation_name": row.env_id,
            "evaluation_result_id": f"{row.env_id}.return",
            "sample_id": str(record["index"]),
            "sample_hash": sha256(record["prompt"] + "".join(references(record))),
            "interaction_type": "single_turn",
            "input": {"raw": record["prompt"], "reference": references(record)},
            "output": {"raw": [record["completion"]]},
            "answer_attribution": [
                {
                    "turn_idx": 0,
                    "source": "output.raw",
                    "extracted_value": record["completion"],
                    "extraction_method": "custom",
                    "is_terminal": True,
                }
            ],
            "evaluation": {"score": record["return"], "is_correct": record["return"] >= 1},
            "metadata": {"seed": str(seed), "gold": str(record["gold"]), "finish_reason": record["finish_reason"]},
        }
        for seed, records in row.examples.items()
        for record in records
    ]
