"""Pages of the published results, and what they hold, read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from benchmarks import report, suite
from benchmarks.page import tasks
from benchmarks.page.rendering import render
from benchmarks.results_io import ROOT
from textgym.errors import ConfigurationError

RESULTS = ROOT / "benchmarks" / "results"
VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Parsed(HTMLParser):
    """A page's elements, in order: tags must be balanced."""

    text: str
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)  # cells' texts by the caption's id
    scripts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(self.text)
        self.close()
        assert self.open == [], "elements that are not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len({*names}), f"{tag} has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.rows = []
        elif tag == "caption":
            self.tables[str(dict(attrs)["id"])] = self.rows
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "svg" in self.open, f"<{tag}/> outside a picture"
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes what is not open"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        if {"td", "th"} & {*self.open} and "small" not in self.open:
            self.rows[-1][-1] += data

    def values(self, name: str) -> list[str]:
        """All values of an attribute."""
        return [str(attributes[name]) for _, attributes in self.elements if name in attributes]


@dataclass
class Page:
    suite: suite.Suite
    rows: list[report.Row]
    text: str
    parsed: Parsed


def page_of(name: str) -> Page:
    """The page of published results, without today's hashes of tasks and sizes of data, which take long."""

    def unknown(*_: object) -> None:
        raise ConfigurationError("Not looked at.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suite, "configs", unknown)
        patch.setattr(tasks, "sizes", lambda dataset: "many")
        loaded = suite.load_suite(name)
        rows = report.board(loaded, suite.published(loaded, RESULTS))
        text = render(loaded, rows)
    return Page(loaded, rows, text, Parsed(text))


@pytest.fixture(scope="session")
def headroom() -> Page:
    return page_of("headroom")


@pytest.fixture(scope="session")
def quick() -> Page:
    return page_of("quick")


@pytest.fixture(scope="session", params=["headroom", "quick"])
def page(request: pytest.FixtureRequest) -> Page:
    return request.getfixturevalue(request.param)
