"""The page is one sound file that asks for nothing, says what the board says, and shows hostile texts as they are."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import compare, report
from benchmarks.page import __main__ as command
from benchmarks.page.anchors import short_name
from benchmarks.page.rendering import TEMPLATES, render, sha256
from benchmarks.results_io import read_run, write_run
from benchmarks.suite import load_suite
from tests.benchmarks.page.conftest import Page, Parsed
from tests.benchmarks.test_results_io import HISTORIC, RESULT

LARGEST = 600_000  # bytes
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;{{ 7 * 7 }}\u202e\x00\x1b[31m</dd></main>"


def test_ids_are_unique_and_every_link_has_its_target(page: Page) -> None:
    ids = page.parsed.values("id")
    assert [name for name, n in Counter(ids).items() if n > 1] == []
    links = [link for link in page.parsed.values("href") if link != "data:,"]
    assert links and all(link.startswith("#") and link[1:] in ids for link in links)
    named = page.parsed.values("aria-labelledby")
    assert named and all(name in ids for names in named for name in names.split())


def test_nothing_is_loaded(page: Page) -> None:
    assert not {"src", "srcset", "action", "data", "poster", "background", "style"} & {
        name for _, attributes in page.parsed.elements for name in attributes
    }
    assert not {"iframe", "object", "embed", "base", "form-action"} & {tag for tag, _ in page.parsed.elements}
    assert not [name for _, attributes in page.parsed.elements for name in attributes if name.startswith("on")]
    assert "url(" not in page.text and "@import" not in page.text
    (policy,) = [a["content"] for tag, a in page.parsed.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None and policy.startswith("default-src 'none';")
    assert [sha256(script) in policy for script in page.parsed.scripts] == [True], "the page's own script may run"


def test_the_page_is_small(page: Page) -> None:
    assert len(page.text.encode()) < LARGEST


def test_every_number_of_a_tasks_board_is_the_reports(page: Page) -> None:
    for env_id in page.suite.env_ids:
        own = [row for row in page.rows if row.env_id == env_id]
        columns = report.with_flags(report.columns_of(own), report.hacked(page.suite, own))
        _, *lines = page.parsed.tables[f"task-{short_name(env_id)}--caption"]
        shown = [[line[0].strip(), *line[1:3], *line[4:]] for line in lines]  # the fourth is a picture
        expected = [[row.agent, *report.cells(row, columns)[1:]] for row in own]
        assert shown == expected


def test_every_normalised_score_is_the_reports(page: Page) -> None:
    _, *lines = page.parsed.tables["overall--caption"]
    shown = {line[0].strip(): [*line[1:3], *line[6:11]] for line in lines}
    assert shown == {name: numbers for name, *numbers in report.normalised(page.suite, page.rows)}
    scores = [float(line[1]) for line in lines if line[1] != "-"]
    assert scores == sorted(scores, reverse=True)


def test_the_best_comes_first_and_what_is_missing_is_said(headroom: Page) -> None:
    missing = [row for row in headroom.rows if not row.results]
    counts = [cell for line in headroom.parsed.tables["overall--caption"] for cell in line if "missing" in cell]
    assert bool(counts) == bool(missing)


def test_warnings_are_words(quick: Page) -> None:
    (found,) = [report.hacked(quick.suite, quick.rows)]
    assert found
    for flag in found:
        assert f"<strong>{flag.agent}</strong>, started as {flag.start}: {flag}" in quick.text


def test_every_column_has_a_heading_and_every_line_a_head(page: Page) -> None:
    cells = [(tag, attributes.get("scope")) for tag, attributes in page.parsed.elements if tag == "th"]
    assert {scope for _, scope in cells} == {"col", "row"}
    for lines in page.parsed.tables.values():
        assert {len(line) for line in lines} == {len(lines[0])}
        assert all(name.strip() for name in lines[0])
    assert sum(tag == "table" for tag, _ in page.parsed.elements) == len(page.parsed.tables)


def test_pictures_are_described(page: Page) -> None:
    pictures = [attributes for tag, attributes in page.parsed.elements if tag == "svg"]
    assert all(one.get("aria-hidden") == "true" or one.get("role") == "img" for one in pictures)
    charts = sum(one.get("role") == "img" for one in pictures)
    assert charts == len(
        re.findall(r"<svg class=\"chart\".*?>\n<title id=.*?>.+</title>\n<desc id=.*?>.+</desc>", page.text)
    )


def hostile_rows(tmp_path, **fields):
    """A board whose every text is hostile, of results that are of the oldest schema but for `fields`."""
    suite = load_suite("quick")
    rows = []
    for agent in suite.agents:
        path = tmp_path / agent.name / "seed-000.json"
        result = RESULT | {"agent": agent.name, "commit": HOSTILE, "hardware": HOSTILE} | fields
        records = [
            {"prompt": HOSTILE, "completion": HOSTILE, "reference": [HOSTILE], "return": 0.5, "gold": None}
            for _ in range(2)
        ]
        write_run(path, result, records)
        rows.append(report.Row(suite.env_ids[0], agent.name, [result], 1, paths=[path]))
    return replace(suite, seeds=(0,)), rows


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"hyperparameters": {HOSTILE: HOSTILE}, "command": HOSTILE, "overrides": {"a": HOSTILE}},
        {"settings": {"a.py": {"chosen": HOSTILE}}, "task": {"num_examples": None}, "file": HOSTILE, "version": 1},
        {"status": "failed", "error": HOSTILE},
    ],
)
def test_hostile_texts_are_shown_and_do_nothing(tmp_path, fields) -> None:
    suite, rows = hostile_rows(tmp_path, **fields)
    text = render(suite, rows)
    parsed = Parsed(text)
    tags = Counter(tag for tag, _ in parsed.elements)
    assert tags["script"] == 1 and not tags["img"] and tags["main"] == 1
    assert "{{ 7 * 7 }}" in text and "&lt;script&gt;" in text
    assert not {"\u202e", "\x00", "\x1b"} & {*text}, "what turns letters around, or is no HTML"


def test_results_that_never_were_are_missing_ones() -> None:
    suite = load_suite("quick")
    rows = [report.Row(suite.env_ids[0], agent.name, [], 3) for agent in suite.agents]
    parsed = Parsed(render(suite, rows))
    assert all("0/3 (3 missing)" in line for line in parsed.tables["overall--caption"][1:])


def test_the_command_writes_the_page(tmp_path, capsys) -> None:
    output = tmp_path / "folder" / "report.html"
    assert command.main(["--output", str(output)]) == 0
    assert output.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert str(output) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--results", "{tmp}"], "has no results of the suite quick. Run it"),
        (["--suite", "nonsense"], "nonsense"),
        (["--output", "/dev/null/report.html"], "could not be written"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, capsys, monkeypatch, arguments, message) -> None:
    monkeypatch.setattr(command, "render", lambda suite, rows: "a page")
    assert command.main([argument.format(tmp=tmp_path) for argument in arguments]) == 2
    assert message in capsys.readouterr().err


def test_two_agents_are_compared_as_the_command_does_it(page: Page) -> None:
    first, second = (page.suite.report[when] for when in ("after", "before"))
    compared = compare.pairs(page.suite, page.rows, first, second)
    expected = [compare.line(*one)[1:] for one in zip(compared, compare.p_values(compared), strict=True)]
    (lines,) = [
        page.parsed.tables[name] for name in page.parsed.tables if name == f"agent-{first}--agent-{second}--caption"
    ]
    shown = []
    for _, _, difference, ends, _, p, mean, other, n, *above in lines[1:]:
        shown.append([n, mean, other, difference, ends, *above, p])
    assert shown == expected


@pytest.mark.parametrize("path", HISTORIC, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_results_of_every_schema_are_shown(path: Path) -> None:
    suite, result = load_suite("quick"), read_run(path)
    assert result is not None
    rows = [report.Row(suite.env_ids[0], agent.name, [], 1) for agent in suite.agents if agent.name != "ppo"]
    rows.append(report.Row(suite.env_ids[0], "ppo", [result], 1, paths=[path]))
    parsed = Parsed(render(suite, rows))
    score = f"{result['metrics']['return']:.3f}" if result["status"] == "finished" else "incomplete"
    assert [line[1] for line in parsed.tables["task-Sentiment--caption"][1:]] == ["incomplete"] * 6 + [score]


def test_ids_of_hostile_names_do_not_meet() -> None:
    suite = load_suite("quick")
    names = ["a", "a caption", "a--caption", "a--agent-b", "b"]
    agents = tuple(replace(suite.agents[0], name=name, file="random") for name in names)
    roles = {"zero": "a", "one": "b", "report": {"before": "a", "after": "b", "examples": 1}}
    suite = replace(suite, agents=agents, **roles)
    result = RESULT | {"curve": [[1, 1, 0.5, 0.0], [2, 2, 0.75, 1.0]]}
    rows = [report.Row(suite.env_ids[0], name, [result] * 3, 3) for name in names]
    ids = Parsed(render(suite, rows)).values("id")
    assert [name for name, n in Counter(ids).items() if n > 1] == []


def test_tokens_are_coloured_by_what_training_made_of_them(quick: Page) -> None:
    """Older results do not say it, and are shown without colours."""
    assert not re.search(r'class="token|nats">', render(quick.suite, [without_tokens(row) for row in quick.rows]))
    told = [[["Well", 3.0], [" <b>made", -0.51], [".", 0.2], ["", -9.0]]]
    rows = [
        with_tokens(row, told) if row.agent == quick.suite.report["after"] else without_tokens(row)
        for row in quick.rows
    ]
    text = render(quick.suite, rows)
    Parsed(text)
    sample = re.search(r'<dd dir="auto">(<span.*?)</dd>', text)
    assert sample and sample[1] == (
        '<span title="+3.00 nats" class="token more3">Well</span>'
        '<span title="-0.51 nats" class="token less1"> &lt;b&gt;made</span>'
        '<span title="+0.20 nats">.</span>'
        '<span title="-9.00 nats" class="token less3">■</span>'
    )
    assert "likelier its writer makes it than textgym-tiny" in text


def with_tokens(row: report.Row, log_ratios: list) -> report.Row:
    """Of the first texts of every seed."""
    return replace(row, results=[result | {"log_ratios": log_ratios} for result in row.results])


def without_tokens(row: report.Row) -> report.Row:
    return with_tokens(row, [])


def test_colours_are_told_from_the_page() -> None:
    """By WCAG 2.2: 4.5 for letters, 3 for lines."""
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    schemes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--([\w-]+): #([0-9a-f]{6});", scheme))
        letters = {("page", name) for name in ("ink", "quiet", "link", "warn")} | {
            ("raised", "ink"),
            ("raised", "quiet"),
        }
        letters |= {(f"{kind}{step}", "ink") for kind in ("less", "more") for step in (1, 2, 3)}
        lines = {("page", name) for name in colours if re.fullmatch(r"c\d|focus", name)}
        for back, front in letters | {("warn-back", "warn"), ("warn-back", "ink"), ("raised", "link")}:
            assert contrast(colours[back], colours[front]) >= 4.5, (back, front)
        for back, front in lines:
            assert contrast(colours[back], colours[front]) >= 3, (back, front)


def contrast(one: str, other: str) -> float:
    """The ratio of two colours' luminances, 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_learners_are_ranked_again_at_equal_seconds() -> None:
    suite = load_suite("quick")
    results = {
        name: RESULT
        | {"curve": [[1, 1, score, 0.0], [2, 2, score, 1.0]], "cost": RESULT["cost"] | {"train_seconds": 2}}
        for name, score in (("best_of_4", 0.25), ("ppo", 0.75))
    }
    rows = [
        report.Row(suite.env_ids[0], agent.name, [results.get(agent.name, RESULT)] * 2, 2) for agent in suite.agents
    ]
    told, ranked = report.ranked_at_equal_seconds(rows)
    text = render(suite, rows)
    assert Parsed(text).tables["task-Sentiment--seconds--caption"][1:] == ranked
    assert [line[0] for line in ranked] == ["ppo", "best_of_4"] and told in text
