"""The page in Chromium: nothing is asked of the network, tables are sorted, links lead, and narrow windows suffice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.page.rendering import render
from tests.benchmarks.page.conftest import Page
from tests.benchmarks.page.test_page import hostile_rows
from tests.benchmarks.page.webdriver import CHROMEDRIVER, CHROMIUM, ENTER, TAB, Browser

pytestmark = pytest.mark.skipif(not (CHROMIUM and CHROMEDRIVER), reason="chromium or chromedriver is not installed")
COLUMN = """
    const rows = document.querySelectorAll("#overall--caption ~ tbody tr");
    return [...rows].map((row) => row.cells[arguments[0]].textContent.trim());
"""
HEADINGS = """
    return [...document.querySelectorAll("#overall--caption ~ thead th")].map((th) => th.getAttribute("aria-sort"));
"""
BROKEN = """
    const range = document.createRange();
    const broken = (cell) => {
        const text = [...cell.childNodes].find((node) => node.nodeType === Node.TEXT_NODE);
        if (!text || !/^[-+≤\\d]/.test(text.data)) return false;
        range.selectNodeContents(text);
        return new Set([...range.getClientRects()].map((box) => box.top)).size > 1;
    };
    return [...document.querySelectorAll("td")].filter(broken).map((cell) => cell.textContent);
"""
SMALLEST = """
    const size = (element) => parseFloat(getComputedStyle(element).fontSize);
    const charts = [...document.querySelectorAll(".chart text")].map((text) => text.getScreenCTM().a * size(text));
    return Math.min(...charts, ...[...document.querySelectorAll("p, td, th, small, code")].map(size));
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def written(page: Page, folder: Path) -> Path:
    path = folder / "report.html"
    path.write_text(page.text, encoding="utf-8")
    return path


@pytest.fixture
def file(quick: Page, tmp_path: Path) -> Path:
    return written(quick, tmp_path)


@pytest.mark.parametrize(("width", "scheme"), [(400, "light"), (1200, "dark")])
def test_it_is_legible_and_shown_without_errors_and_requests(
    browser: Browser, page: Page, tmp_path: Path, width: int, scheme: str
) -> None:
    path = written(page, tmp_path)
    browser.requests()
    browser.open(path, width=width, scheme=scheme)
    assert browser.log("browser") == []
    assert {*browser.requests()} <= {path.as_uri(), "data:,"}
    assert browser.run("return document.documentElement.scrollWidth") <= width, "only tables scroll sideways"
    assert browser.run(SMALLEST) >= 11, "pixels"
    assert browser.run(BROKEN) == [], "numbers on two lines"
    dark = browser.run("return getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")


def test_a_click_sorts_and_another_turns_it_round(browser: Browser, file: Path) -> None:
    browser.open(file)
    browser.click("#overall--caption ~ thead th:nth-child(1) button")
    names = browser.run(COLUMN, 0)
    assert names == sorted(names)
    assert browser.run(HEADINGS)[:2] == ["ascending", None]
    score = "#overall--caption ~ thead th:nth-child(2) button"
    browser.click(score)
    assert browser.run(HEADINGS)[:2] == [None, "descending"]
    found = [*map(float, browser.run(COLUMN, 1))]
    assert found == sorted(found, reverse=True)
    browser.run("document.querySelector(arguments[0]).focus()", score)
    browser.press(ENTER)
    assert browser.run(HEADINGS)[:2] == [None, "ascending"]
    assert [*map(float, browser.run(COLUMN, 1))] == found[::-1]


def test_what_has_no_number_comes_last_either_way(browser: Browser, headroom: Page, tmp_path: Path) -> None:
    browser.open(written(headroom, tmp_path))
    for _ in range(2):
        browser.click("#overall--caption ~ thead th:nth-child(2) button")
        texts = browser.run(COLUMN, 1)
        assert texts == [text for text in texts if text != "-"] + [text for text in texts if text == "-"]


def test_thousands_are_sorted_by_value(browser: Browser, file: Path) -> None:
    """As texts, 9,567 would be above 44,661."""
    browser.open(file)
    headings = "return [...document.querySelectorAll('#overall--caption ~ thead th')].map((th) => th.innerText)"
    at = next(i for i, name in enumerate(browser.run(headings)) if name.startswith("tokens"))
    browser.click(f"#overall--caption ~ thead th:nth-child({at + 1}) button")
    found = [int(text.replace(",", "")) for text in browser.run(COLUMN, at)]
    assert found == sorted(found, reverse=True)


def test_two_agents_are_chosen(browser: Browser, file: Path, quick: Page) -> None:
    browser.open(file)
    shown = "return [...document.querySelectorAll('.pair')].filter((one) => !one.hidden).map((one) => one.id)"
    before, after = (quick.suite.report[when] for when in ("before", "after"))
    (first,) = browser.run(shown)
    assert {*first.split("--")} == {f"agent-{before}", f"agent-{after}"}
    choose = """
        const menu = document.getElementById(arguments[0]);
        menu.value = arguments[1];
        menu.dispatchEvent(new Event("change"));
    """
    browser.run(choose, "first", "agent-random")
    browser.run(choose, "second", "agent-reference")
    (second,) = browser.run(shown)
    assert {*second.split("--")} == {"agent-random", "agent-reference"}
    assert browser.run("return document.getElementById(arguments[0]).open", second)
    browser.run(choose, "second", "agent-random")
    assert browser.run(shown) == [] and "two different agents" in browser.run("return told.textContent")


def test_links_lead_to_what_they_name(browser: Browser, file: Path) -> None:
    browser.open(file)
    for selector in ("#overall--caption ~ tbody a", "#by-task--caption ~ tbody a", ".up a", "nav li:last-child > a"):
        browser.click(selector)
        target = browser.run("return document.querySelector(':target').getBoundingClientRect().top")
        assert -1 <= target <= 900, selector
    pair = browser.run("return document.querySelector('.pair[hidden]').id")
    browser.run("location.hash = arguments[0]", pair)
    browser.run("return 0")
    assert browser.run("return !document.getElementById(arguments[0]).hidden", pair), "a link to a comparison opens it"


def test_the_first_key_leads_past_the_contents(browser: Browser, file: Path) -> None:
    browser.open(file)
    browser.press(TAB)
    assert browser.run("return document.activeElement.className") == "skip"
    assert browser.run("return document.activeElement.getBoundingClientRect().left") >= 0, "it is seen"
    browser.press(ENTER)
    assert browser.run("return document.activeElement.id") == "main"


def test_hostile_texts_run_nothing(browser: Browser, tmp_path: Path) -> None:
    suite, rows = hostile_rows(tmp_path)
    path = tmp_path / "report.html"
    path.write_text(render(suite, rows), encoding="utf-8")
    browser.requests()
    browser.open(path)
    assert browser.log("browser") == []
    assert {*browser.requests()} <= {path.as_uri(), "data:,"}
    assert "<script>alert(1)</script>" in browser.run("return document.querySelector('.sample').textContent")


def test_what_comes_in_runs_nothing_and_loads_nothing(browser: Browser, file: Path) -> None:
    """The policy holds even if a text were not escaped."""
    browser.open(file)
    browser.log("browser")
    browser.requests()
    browser.run(
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"https://example.org/a.png\" onerror=\"x = 1\">')"
    )
    browser.run("const s = document.createElement('script'); s.text = 'window.x = 1'; document.body.append(s)")
    assert browser.run("return window.x === undefined")
    assert not [url for url in browser.requests() if url.startswith("https:")]


def test_everything_is_there_without_scripts(file: Path, tmp_path: Path) -> None:
    with Browser(tmp_path / "profile", scripts=False) as browser:
        browser.open(file)
        assert browser.run("return document.querySelectorAll('th button').length") == 0
        assert browser.run("return getComputedStyle(document.getElementById('choose')).display") == "none"
        assert browser.run("return document.querySelectorAll('.pair[hidden]').length") == 0
        assert browser.run("return document.querySelectorAll('.pair').length") > 0
