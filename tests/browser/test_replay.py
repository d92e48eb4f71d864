"""The page of `drift replay` in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import settle
from tests.browser.test_layout import CUT_OFF, OVERLAPS, SPILLS, WORDS
from tests.built import built_once, run_drift

WORDS_OF_PLOTS = WORDS.replace(".xtick text, ", "")  # slanted labels share their boxes
POLICIES = "never,spaced:2,spaced:2+mix,ddm,ddm+mix,harm,every:1,every:1+mix,adwin,oracle:2"  # more than colours
LOOKS = """chart => chart.data.filter(t => t.name && t.name !== 'hindsight')
  .map(t => [t.name, t.marker.color, t.marker.symbol.replace('-open', ''), t.line?.dash ?? ''])"""


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine blocks of ELEC under ten policies."""

    def replay(folder: Path) -> None:
        line = ("replay", "--block_size", "1007", "--test_data_rows", "9063", "--window_rows", "2014")
        assert "page: page.html" in run_drift(folder, *line, "--policies", POLICIES, "--html", "page.html")

    return built_once(tmp_path_factory, "browser-replay", replay) / "page.html"


@pytest.mark.parametrize("width", [1300, 800, 400])
def test_it_is_drawn_without_a_network_and_fits(page: Page, replayed: Path, width: int, pictures: Path | None) -> None:
    asked, errors = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(replayed.as_uri())
    page.wait_for_selector(".plotly-graph-div .main-svg")
    settle(page)
    assert page.locator(".plotly-graph-div").count() == 5  # frontier, accuracy, truth, estimates, risk
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(SPILLS) == []
    if width >= 800:
        assert page.evaluate(CUT_OFF, WORDS_OF_PLOTS) == []
        assert page.evaluate(OVERLAPS, WORDS_OF_PLOTS) == []
    if pictures and width > 1_000:
        page.screenshot(path=pictures / "replay.png", full_page=True)


def test_policies_look_different_and_the_same_in_every_chart(page: Page, replayed: Path) -> None:
    page.goto(replayed.as_uri())
    page.wait_for_selector(".plotly-graph-div .main-svg")
    frontier, accuracy = (page.locator(".plotly-graph-div").nth(at).evaluate(LOOKS) for at in (0, 1))
    names = POLICIES.split(",")
    assert [name for name, *_ in frontier] == [name for name, *_ in accuracy] == names
    assert len({(colour, marker) for _, colour, marker, _ in frontier}) == len(names)
    assert len({(colour, dash) for _, colour, _, dash in accuracy}) == len(names)
    assert [look[:3] for look in frontier] == [look[:3] for look in accuracy]
