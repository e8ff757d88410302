"""As lm-evaluation-harness 0.4 writes results: ``<agent>/results_<date>.json``, and ``samples_<task>_<date>.jsonl``.

An agent is a model, its seeds are repeats, and their mean is what is reported, with the standard error of both levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.export import (
    HIGHER_IS_BETTER,
    as_json,
    as_lines,
    by_prompt,
    complete,
    ended,
    estimate,
    metrics,
    references,
    sha256,
)
from benchmarks.report import Row
from benchmarks.results_io import write_atomic
from benchmarks.suite import Suite

FILTER = "none"  # what lm-eval calls answers that are taken as they are


def write(suite: Suite, rows: Sequence[Row], folder: Path) -> list[Path]:
    """Write every agent's results and samples; returns the files."""
    files: list[Path] = []
    for agent, own in complete(rows).items():
        stamp = ended(own).isoformat().replace(":", "-")
        content = {folder / agent / f"results_{stamp}.json": as_json(results(suite, agent, own))}
        for row in own:
            content[folder / agent / f"samples_{row.env_id}_{stamp}.jsonl"] = as_lines(samples(row))
        for path, text in content.items():
            write_atomic(path, text)
        files += content
    return files


def results(suite: Suite, agent: str, rows: Sequence[Row]) -> dict[str, Any]:
    """The content of a results file."""
    last = rows[-1].finished[-1]
    seconds = sum(result["cost"]["eval_seconds"] for row in rows for result in row.finished)
    versions = {name: version for name, version in last["versions"].items() if version}
    tasks = {row.env_id: row for row in rows}
    return {
        "results": {env_id: {"alias": env_id, **figures(row)} for env_id, row in tasks.items()},
        "group_subtasks": {env_id: [] for env_id in tasks},
        "configs": {env_id: config(suite, row) for env_id, row in tasks.items()},
        "versions": {env_id: int(env_id.rpartition("-v")[2]) for env_id in tasks},
        "n-shot": dict.fromkeys(tasks, 0),
        "higher_is_better": {env_id: known(metrics(row)) for env_id, row in tasks.items()},
        "n-samples": {
            env_id: {"original": len(by_prompt(row)), "effective": len(by_prompt(row))} for env_id, row in tasks.items()
        },
        "config": {
            "model": "textgym",
            "model_args": f"agent={agent},reference={suite.reference}",
            "batch_size": suite.num_envs,
            "device": last.get("device", "cpu"),
            "limit": suite.num_examples,
            "random_seed": last["seed"],
            "seeds": list(suite.seeds),
        },
        "git_hash": last["commit"],
        "date": ended(rows).timestamp(),
        "pretty_env_info": f"{last['hardware']}, {last['threads']} threads; "
        + ", ".join(f"{name} {version}" for name, version in versions.items()),
        "transformers_version": versions.get("transformers"),
        "lm_eval_version": f"textgym {versions.get('textgym')}",
        "task_hashes": {env_id: row.finished[0]["task_hash"] for env_id, row in tasks.items()},
        "model_source": "textgym",
        "model_name": agent,
        "model_name_sanitized": agent,
        "total_evaluation_time_seconds": str(round(seconds, 3)),
    }


def figures(row: Row) -> dict[str, float | str]:
    """Every metric and its standard error, as lm-eval names them; ``N/A`` where it is not known."""
    found: dict[str, float | str] = {}
    for name, value in metrics(row).items():
        sure = estimate(row, name)
        found |= {f"{name},{FILTER}": value, f"{name}_stderr,{FILTER}": "N/A" if sure is None else sure.error}
    return found


def config(suite: Suite, row: Row) -> dict[str, Any]:
    """What the task is."""
    keywords = row.finished[0].get("env", {}).get("kwargs", {})
    return {
        "task": row.env_id,
        "dataset_path": keywords.get("dataset"),
        "test_split": suite.split,
        "output_type": "generate_until",
        "doc_to_text": keywords.get("prompt_template"),
        "generation_kwargs": {"max_gen_toks": keywords.get("max_new_tokens")},
        "metric_list": [{"metric": name, "aggregation": "mean"} for name in metrics(row)],
        "num_fewshot": 0,
        "repeats": len(row.finished),
    }


def known(names: dict[str, float]) -> dict[str, bool]:
    """Which metrics are better when higher, as far as that is known."""
    return {name: HIGHER_IS_BETTER[name] for name in names if name in HIGHER_IS_BETTER}


def samples(row: Row) -> list[dict[str, Any]]:
    """A line for each test example, with every seed's completion."""
    lines = []
    limit = row.finished[0].get("env", {}).get("kwargs", {}).get("max_new_tokens")
    for records in by_prompt(row):
        first, completions = records[0], [record["completion"] for record in records]
        doc = {"prompt": first["prompt"], "reference": references(first)}
        target = references(first)[0] if references(first) else ""
        means = {
            name: sum(record[name] for record in records) / len(records)
            for name in ("return", "gold")
            if first[name] is not None
        }
        lines.append(
            {
                "doc_id": first["index"],
                "doc": doc,
                "target": target,
                "arguments": {"gen_args_0": {"arg_0": first["prompt"], "arg_1": {"max_gen_toks": limit}}},
                "resps": [completions],
                "filtered_resps": completions,
                "filter": FILTER,
                "metrics": list(means),
                "doc_hash": sha256(doc),
                "prompt_hash": sha256(first["prompt"]),
                "target_hash": sha256(target),
                **means,
            }
        )
    return lines
