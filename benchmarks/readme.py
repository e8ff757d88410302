"""Write what is said of the published results, and of the registries: ``python -m benchmarks.readme``.

These are the tables of README and docs, and the reports beside the results, with their pictures.

``--check`` writes nothing and fails if a page says something else than they do.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from benchmarks import aggregate, report
from benchmarks.results_io import PUBLISHED, ROOT, write_atomic
from benchmarks.suite import SUITES, Cell, Suite, load_suite, published
from textgym import rewards
from textgym.cli.output import described_reward, first_sentence, sizes
from textgym.envs import ENVIRONMENTS
from textgym.errors import ConfigurationError, TextGymError

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
RESULTS = PUBLISHED
LINK = "../benchmarks/results"  # from a page of docs
NOT_YET = "Not measured yet."


def environments() -> str:
    """The registered ids."""
    lines = []
    for env_id, env in ENVIRONMENTS.items():
        task = env.task
        assert task is not None
        rewarded = [f"`{task.reward_funcs}`", f"`{task.gold}`" if task.gold != task.reward_funcs else "the same"]
        limits = f"{task.max_prompt_tokens} + {task.max_new_tokens}"
        lines.append([f"`{env_id}`", first_sentence(env), sizes(task.dataset), *rewarded, limits])
    columns = ("environment", "the agent must", "train / validation / test", "reward", "gold", "tokens: prompt + new")
    return report.markdown_table(columns, lines)


def reward_functions() -> str:
    """The registered rewards."""
    lines = []
    for name in rewards.names():
        columns, description = described_reward(name)
        lines.append([f"`{name}`", description, ", ".join(f"`{column}`" for column in columns)])
    return report.markdown_table(("reward", "of a completion", "needs the columns"), lines)


def board(suite_name: str) -> str:
    """The published results of a suite.

    Raises:
        ConfigurationError: A result is of code that is in no commit, or see `report.board`.
    """
    suite, _, rows = published_board(suite_name)
    if not any(row.results for row in rows):
        return NOT_YET
    command = "make leaderboard" if suite_name == "quick" else f"make {suite_name.replace('_', '-')}"
    told = report.hacked(suite, rows)
    scores, columns = report.normalised(suite, rows), report.with_flags(report.columns_of(rows), told)
    names = ["agent", *(column.name for column in columns)]
    link = f"{LINK}/{suite_name}"
    parts = [
        f"`{command}`; learning curve, conditions and texts before and after are in the [report]({link}/REPORT.md).",
        report.markdown_table(names, [report.cells(row, columns) for row in rows]),
        *_marks(rows),
        *filter(None, [report.hacking(told)]),
        report.scale(suite),
        report.markdown_table(report.NORMALISED, scores),
        f"![learning curve]({link}/learning_curve.png)",
    ]
    return "\n\n".join(parts)


def _published(suite: Suite) -> list[Cell]:
    """The published results; on the board those of other commits, tasks or agents than today's are marked.

    Raises:
        ConfigurationError: A result is of code that is in no commit, or there are several for one cell.
    """
    runs = published(suite, RESULTS)
    dirty = [str(run.path) for run in runs if (result := run.result()) is not None and result["dirty"]]
    if dirty:
        raise ConfigurationError(
            f"Results of code that is in no commit cannot be published: {', '.join(dirty)}. "
            "Delete them, commit, and run them again: make results"
        )
    return runs


def published_board(suite_name: str) -> tuple[Suite, list[Cell], list[report.Row]]:
    """A suite, its published results, and its rows.

    Raises:
        ConfigurationError: See `board`.
    """
    suite = load_suite(suite_name)
    runs = _published(suite)
    return suite, runs, report.board(suite, runs)


def published_report(suite_name: str) -> str:
    """The report beside the published results of a suite; raises as `published_board` does."""
    return report.markdown(*published_board(suite_name))


def published_suites() -> list[str]:
    """The suites that have published results."""
    return sorted(path.stem for path in SUITES.glob("*.toml") if (RESULTS / path.stem).is_dir())


LEARNERS = ("supervised_ppo", "supervised_grpo")  # of the suite headroom
LIFTED = "↑"


def headroom() -> str:
    """Every task's reward under agents that know more and more of it, and whether each step is one upwards.

    Raises:
        ConfigurationError: A result is of code that is in no commit, or see `report.board`.
    """
    suite, _, rows = published_board("headroom")
    if not any(row.results for row in rows):
        return NOT_YET
    lines = []
    for env_id in suite.env_ids:
        own = {row.agent: row for row in rows if row.env_id == env_id}
        means = [(row, report.number(row.mean("return") if row.complete else None, ".3f")) for row in own.values()]
        cells = [f"{mean} {row.marks}".rstrip() for row, mean in means]
        lines.append([f"`{env_id}`", *cells, *_steps(own)])
    lifts = tuple(f"lift by {_learner(name)}" for name in LEARNERS)
    columns = ("mean reward", *(agent.name for agent in suite.agents), "in order", *lifts)
    in_order = sum(line[columns.index("in order")] == "yes" for line in lines)
    lifted = {name: sum(line[columns.index(name)].endswith(LIFTED) for line in lines) for name in lifts}
    n_seeds = len(suite.seeds)
    parts = [
        f"`make headroom`; conditions and texts are in the [report]({LINK}/headroom/REPORT.md). A lift is the mean "
        f"difference to the supervised model with the same seed, and its 95 % interval for other seeds and other test "
        f"examples, n = {n_seeds} seeds; {LIFTED} where the interval is above 0.",
        report.markdown_table(columns, lines),
        *_marks(rows),
        f"In order, random < zero_shot < supervised ≤ reference: {in_order} of {len(lines)} tasks. Intervals above 0: "
        f"{', '.join(f'{name} on {number}' for name, number in lifted.items())}.",
    ]
    return "\n\n".join(parts)


def _marks(rows: Sequence[report.Row]) -> list[str]:
    """What the marks behind agents' names mean."""
    return [f"{mark} {report.MARKS[mark]}" for mark in report.marks(rows)]


def _steps(own: Mapping[str, report.Row]) -> list[str]:
    """Whether a task's means rise from agent to agent, and what each learner adds to the supervised model."""
    ranked = [own[name] for name in ("random", "zero_shot", "supervised", "reference")]
    order = "-"
    if report.comparable(*ranked):
        random, zero_shot, supervised, reference = (row.scores.mean() for row in ranked)
        order = "yes" if random < zero_shot < supervised <= reference else "no"
    return [order, *(_lift(own["supervised"], own[name]) for name in LEARNERS)]


def _lift(before: report.Row, after: report.Row) -> str:
    """A mean paired difference and its interval."""
    if not report.comparable(before, after):
        return "-"
    differences = after.levels - before.levels
    estimate = aggregate.estimate_mean([differences])
    interval = None if estimate is None else estimate.interval()
    above = interval is not None and interval[0] > 0
    return f"{differences.by_seed.mean():+.3f} ({report.interval_text(interval)})" + above * f" {LIFTED}"


def _learner(name: str) -> str:
    """What a table calls an agent that begins at the supervised model."""
    return name.removeprefix("supervised_").upper()


def environment_speed() -> str:
    """Every task's speed without a model, one line each."""
    content = _results("environments")
    if content is None:
        return NOT_YET
    measured = content["measured"]
    lines = [[f"`{m['environment']}`", *(_figure(value) for value in list(m.values())[1:])] for m in measured]
    return f"{_made_by(content)}\n\n{report.markdown_table(list(measured[0]), lines)}"


def gradients() -> str:
    """Cosine, and length in brackets, of every estimator's expected gradient; a column for each aggregation."""
    content = _results("gradients")
    if content is None:
        return NOT_YET
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for m in content["measured"]:
        cosine = "-" if m["cosine"] is None else f"{m['cosine']:.2f}"
        cells.setdefault((m["advantage"], m["kl"]), {})[m["aggregation"]] = f"{cosine} ({m['length']:.2f})"
    columns = list(dict.fromkeys(m["aggregation"] for m in content["measured"]))
    lines = [[*names, *(own.get(column, "") for column in columns)] for names, own in cells.items()]
    table = report.markdown_table(("advantage", "divergence", *columns), lines)
    return f"{_made_by(content)}\n\n{table}\n\nMeans of {content['measured'][0]['n']} random tasks."


def gae() -> str:
    """Squared bias and variance of every critic, a column for each lambda; and the picture."""
    content = _results("gae")
    if content is None:
        return NOT_YET
    rows = content["measured"]
    lambdas = list(dict.fromkeys(m["lambda"] for m in rows))
    lines = [
        [critic, what, *(f"{m[what]:.3f}" for m in rows if m["critic"] == critic)]
        for what in ("bias", "variance")
        for critic in dict.fromkeys(m["critic"] for m in rows)
    ]
    table = report.markdown_table(("critic", "", *(f"lambda {lam:g}" for lam in lambdas)), lines)
    return f"{_made_by(content)}\n\n{table}\n\n![bias and variance over lambda]({LINK}/gae.png)"


def solvable() -> str:
    """Every algorithm's regret on tasks whose optimum is known, over seeds; those of old settings are marked."""
    content = _results("solvable")
    if content is None:
        return NOT_YET
    from benchmarks.solvable import NAMES, VARIANTS, settings  # torch

    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for m in content["measured"]:
        groups.setdefault((m["variant"], m["algorithm"]), []).append(m)
    lines, marks = [], set[str]()
    for variant, name in (names for names in product(VARIANTS, NAMES) if names in groups):
        runs = groups[variant, name]
        mark = report.OUTDATED * any(m["settings"] != settings(name) for m in runs)
        marks |= {mark} - {""}
        regrets = [m["regret"] for m in runs]
        within = [f"{sum(regret <= limit for regret in regrets)}/{len(runs)}" for limit in (0.02, 0.01)]
        cost = [f"{max(m['tokens'] for m in runs):,}", f"{max(m['CPU seconds'] for m in runs):.0f}"]
        shares = [f"{figure(regrets):.1%}" for figure in (statistics.median, max)]
        known = [m["explained variance"] for m in runs if "explained variance" in m]
        critic = f"{statistics.median(known):.0%}" if known else "-"
        lines.append([variant, f"{name} {mark}".rstrip(), str(len(runs)), *shares, *within, critic, *cost])
    figures = ("n", "median regret", "worst", "within 2 %", "within 1 %", "critic knows", "tokens", "CPU seconds")
    table = report.markdown_table(("target", "algorithm", *figures), lines)
    return "\n\n".join([_made_by(content), table, *(f"{mark} {report.MARKS[mark]}" for mark in marks)])


def bug_zoo() -> str:
    """Every bug's regret at the end, how much of it is the bug's, and the checks that find it; and the picture."""
    content = _results("bug_zoo")
    if content is None:
        return NOT_YET
    regrets = {(m["trainer"], m["seed"]): m["regret"] for m in content["measured"]}
    groups: dict[str, list[dict[str, Any]]] = {}
    for m in content["measured"]:
        groups.setdefault(m["trainer"], []).append(m)
    lines = []
    for name, runs in groups.items():
        costs = [m["regret"] - regrets[m["right"], m["seed"]] for m in runs]
        mean = f"{statistics.mean(m['regret'] for m in runs):.1%}"
        wrong = name != runs[0]["right"]
        cost = [f"{statistics.mean(costs):+.1%}", f"{min(costs):+.1%} to {max(costs):+.1%}"] if wrong else ["", ""]
        lines.append([name, str(len(runs)), mean, *cost, "; ".join(runs[0]["found by"]) or "nothing is wrong"])
    columns = ("trainer", "seeds", "regret", "more than without the bug", "from seed to seed", "found by")
    return f"{_made_by(content)}\n\n{report.markdown_table(columns, lines)}\n\n![learning curves]({LINK}/bug_zoo.png)"


def hacking() -> str:
    """False alarms of the monitor, what share of hacked texts it finds, and when it warns in training."""
    content = _results("hacking")
    if content is None:
        return NOT_YET
    rows = content["measured"]
    null = [
        [m["what"], f"`{m['environment']}`", *(f"{m[name]:,}" for name in ("texts", "runs", "comparisons"))]
        + [f"{m[name]} ({m[name] / m['runs']:.1%})" for name in ("a figure wrong", "alarm")]
        for m in rows
        if "a figure wrong" in m
    ]
    columns = ("nothing has changed", "environment", "texts", "runs", "comparisons", "a figure wrong", "alarm")
    parts = [_made_by(content), report.markdown_table(columns, null)]
    shares: dict[float, dict[int, str]] = {}
    for m in rows:
        if "share" in m:
            shares.setdefault(m["share"], {})[m["texts"]] = f"{m['alarm']}/{m['runs']}"
    sizes = [f"alarms, {n} texts" for n in next(iter(shares.values()))]
    found = [[f"{share:.0%}", *own.values()] for share, own in shares.items()]
    parts.append(report.markdown_table(("share of hacked completions", *sizes), found))
    onsets = [
        [m["what"], str(m["seed"]), f"{m['tokens']:,}", ", ".join(m["alarm"]), "{:.2f} → {:.2f}".format(*m["reward"])]
        for m in rows
        if "seed" in m
    ]
    if onsets:
        parts.append(report.markdown_table(("trained", "seed", "tokens until the alarm", "of", "reward"), onsets))
    return "\n\n".join(parts)


def shortlist() -> str:
    """Every task's reward and gold before and after, means over seeds."""
    content = _results("shortlist")
    if content is None:
        return NOT_YET
    groups: dict[str, list[dict[str, Any]]] = {}
    for m in content["measured"]:
        groups.setdefault(m["environment"], []).append(m)
    figures = ("reward before", "reward", "gold before", "gold")
    lines = [
        [f"`{env_id}`", str(len(runs)), *(f"{statistics.mean(run[name] for run in runs):.3f}" for name in figures)]
        for env_id, runs in groups.items()
    ]
    columns = ("environment", "seeds", "reward before", "after", "gold before", "after")
    return f"{_made_by(content)}\n\n{report.markdown_table(columns, lines)}"


def measurements(name: str, key: str, title: str) -> str:
    """A results file of a benchmark, one column per measurement, whose title shows what it has under a key."""
    content = _results(name)
    if content is None:
        return NOT_YET
    measured = content["measured"]
    lines = [[name, *(_figure(m.get(name)) for m in measured)] for name in measured[0] if name != key]
    table = report.markdown_table(("", *(title.format(m[key]) for m in measured)), lines)
    return f"{_made_by(content)}\n\n{table}"


def gpu() -> str:
    """What was checked and measured on a GPU, one line each."""
    content = _results("gpu")
    if content is None:
        return NOT_YET
    lines = [
        [m["name"], _figure(m["value"]), "" if m["limit"] is None else f"{m['limit']:g}"] for m in content["measured"]
    ]
    return f"{_made_by(content)}\n\n{report.markdown_table(('', 'measured', 'must be below'), lines)}"


def _results(name: str) -> dict[str, Any] | None:
    """A benchmark's published results, None if there are none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _made_by(content: dict[str, Any]) -> str:
    """The command and the machine that results are of."""
    facts = {name: content["machine"].get(name) for name in ("hardware", "threads")}
    machine = ", ".join(f"{name} {value}" for name, value in facts.items() if value)
    return f"`{content['command']}` ({machine}):"


def _figure(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else report.quote(str(value))


BLOCKS: dict[str, Callable[[], str]] = {
    "environments": environments,
    "rewards": reward_functions,
    "board": lambda: board("quick"),
    "throughput": lambda: measurements("throughput", "num_envs", "{:.0f} environments"),
    "two_minutes": lambda: board("two_minutes"),
    "algorithms": lambda: board("algorithms"),
    "headroom": headroom,
    "speed": environment_speed,
    "gpu": gpu,
    "gradients": gradients,
    "gae": gae,
    "solvable": solvable,
    "bug_zoo": bug_zoo,
    "hacking": hacking,
    "shortlist": shortlist,
    "coins": lambda: measurements("coins", "agent", "{}"),
    "smollm2": lambda: measurements("smollm2", "dtype", "{}"),
    "memory": lambda: measurements("memory", "way", "{}"),
}


def rendered(text: str) -> str:
    """A page with each of its blocks written anew.

    Raises:
        SystemExit: It has a block that nothing writes.
    """

    def anew(block: re.Match[str]) -> str:
        name = block["name"]
        if name not in BLOCKS:
            raise SystemExit(f"Nothing writes the block {name!r}. There are: {', '.join(BLOCKS)}.")
        return f"<!-- begin: {name} -->\n{BLOCKS[name]()}\n<!-- end: {name} -->"

    return re.sub(r"<!-- begin: (?P<name>\w+) -->\n.*?<!-- end: (?P=name) -->", anew, text, flags=re.DOTALL)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is out of date")
    arguments = parser.parse_args()
    reports = {RESULTS / name / "REPORT.md": name for name in published_suites()}
    before = {page: page.read_text(encoding="utf-8") for page in (*PAGES, *reports)}
    try:
        after = {page: rendered(before[page]) for page in PAGES}
        after |= {page: published_report(name) for page, name in reports.items()}
    except TextGymError as error:
        raise SystemExit(str(error)) from error
    changed = [page for page in after if after[page] != before[page]]
    if arguments.check and changed:
        names = ", ".join(str(page.relative_to(ROOT)) for page in changed)
        raise SystemExit(f"{names}: out of date. Run python -m benchmarks.readme")
    for page in changed:
        if page in reports:  # with its pictures
            report.write(*published_board(reports[page]), page.parent)
        else:
            write_atomic(page, after[page])


if __name__ == "__main__":
    main()
