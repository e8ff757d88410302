"""What a task is, and what agents wrote."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks import report
from benchmarks.suite import Suite
from textgym.cli.output import find_task, licence, sizes
from textgym.envs import ENVIRONMENTS
from textgym.errors import TextGymError
from textgym.evaluation import TASKS_OWN

LONGEST = 1_200  # characters of a text that are shown
STEPS = (0.5, 1.5, 3.0)  # nats at which a token's colour becomes stronger
END = "■"  # stands for the token that ends a text


class Token(NamedTuple):
    """A part of a text that an agent chose at once.

    Attributes:
        text: It; the end of the text has a sign.
        log_ratio: How many nats likelier it is than under the reference model.
        step: Which of the colours that is, from -3 to 3.
    """

    text: str
    log_ratio: float
    step: int


class Text(NamedTuple):
    """What somebody wrote to a prompt, its scores in words, and its tokens where their likelihood is known."""

    author: str
    text: str
    score: str
    tokens: Sequence[Token] = ()


class Sample(NamedTuple):
    """A prompt and what was written to it."""

    prompt: str
    texts: Sequence[Text]

    @property
    def coloured(self) -> bool:
        """Whether the likelihood of some text's tokens is known."""
        return any(text.tokens for text in self.texts)


def facts(suite: Suite, rows: Sequence[report.Row]) -> dict[str, str]:
    """What a task's rows are of, by name; only what the results say where the task is not known here."""
    env_id = rows[0].env_id
    results = [result for row in rows for result in row.results]
    examples = {result["task"].get("num_examples") for result in results if "task" in result}
    told = {
        "Evaluated on": f"the split {suite.split}, "
        + ", ".join("all examples" if n is None else f"the first {n} examples" for n in examples),
        "Task hash": ", ".join(sorted({result["task_hash"][:16] for result in results})),
    }
    try:
        _, task = find_task(env_id)
    except TextGymError:
        return told
    gold = task.gold if suite.gold == TASKS_OWN else suite.gold
    return {
        "Data": f"{task.dataset}; rows of train / validation / test: {sizes(task.dataset)}",
        "Licence": licence(task.dataset),
        "Reward": f"{task.reward_funcs}, which agents are trained on",
        "Gold": "the same: it is the truth" if gold == task.reward_funcs else f"{gold}, which nothing is trained on",
        "Length": f"prompts of at most {task.max_prompt_tokens} tokens, completions of at most {task.max_new_tokens}",
        **told,
    }


def description(env_id: str) -> list[str]:
    """What a task's class says of it, in paragraphs: its first line, and what stands under "Description"."""
    text = inspect.getdoc(ENVIRONMENTS.get(env_id)) or ""
    summary, _, rest = text.partition("\n\n")
    described = rest.partition("## Description\n")[2].partition("\n## ")[0]
    paragraphs = [" ".join(paragraph.split()) for paragraph in (summary, *described.split("\n\n"))]
    return [paragraph for paragraph in paragraphs if paragraph]


def samples(suite: Suite, rows: Sequence[report.Row]) -> list[Sample]:
    """The first test prompts, what people wrote, and the two agents' texts that the suite names, of its first seed."""
    seed = suite.seeds[0]
    named = [next(row for row in rows if row.agent == suite.report[when]) for when in ("before", "after")]
    records = [row.examples.get(seed, [])[: suite.report["examples"]] for row in named]
    if not all(records):
        return []
    results = [next((result for result in row.finished if result["seed"] == seed), {}) for row in named]
    coloured = [result.get("log_ratios", []) for result in results]  # not in results that are older
    found = []
    for i, pair in enumerate(zip(*records, strict=False)):
        first, second = pair
        if first["prompt"] != second["prompt"]:
            continue
        reference = first.get("reference")
        people = [Text("reference text", cut(" | ".join(reference) if isinstance(reference, list) else reference), "")]
        texts = [
            Text(row.agent, cut(record["completion"]), scores(record), tokens(*ratios[i : i + 1]))
            for row, record, ratios in zip(named, pair, coloured, strict=True)
        ]
        found.append(Sample(cut(first["prompt"]), [*(people if reference else []), *texts]))
    return found


def tokens(log_ratios: Sequence[tuple[str, float]] = ()) -> list[Token]:
    """A text's tokens; none where it is too long to be shown whole."""
    if sum(len(text) for text, _ in log_ratios) > LONGEST:
        return []
    shown = [(text or (END if i == len(log_ratios) else ""), ratio) for i, (text, ratio) in enumerate(log_ratios, 1)]
    return [Token(text, ratio, step(ratio)) for text, ratio in shown if text]


def step(log_ratio: float) -> int:
    """Which colour it is, 0 for none."""
    size = sum(abs(log_ratio) >= bound for bound in STEPS)
    return size if log_ratio > 0 else -size


def scores(record: dict[str, Any]) -> str:
    """A record's scores in words."""
    known = {"reward": record["return"], "gold": record.get("gold"), "KL": record.get("kl")}
    return ", ".join(f"{name} {value:.2f}" for name, value in known.items() if value is not None)


def cut(text: str) -> str:
    """A text without what is too long, which is counted."""
    text = text.strip()
    more = f" … ({len(text) - LONGEST:,} more characters)" if len(text) > LONGEST else ""
    return text[:LONGEST] + more
