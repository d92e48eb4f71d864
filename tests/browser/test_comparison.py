"""The page of `drift compare` in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import settle
from tests.browser.test_layout import CUT_OFF, OVERLAPS, SPILLS, WORDS
from tests.built import ROOT, built_once, run_drift

MONTHS = "data/elec.parquet data/elec.parquet --reference_rows 17424:18864 --current_rows 18864:20304"


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the README's two months."""

    def compare(folder: Path) -> None:
        run_drift(ROOT, "compare", *MONTHS.split(), "--html", str(folder / "months.html"), codes=(3,))

    return built_once(tmp_path_factory, "browser-comparison", compare) / "months.html"


@pytest.mark.parametrize("width", [1300, 800, 400])
def test_it_is_drawn_without_a_network_and_fits(
    page: Page, comparison: Path, width: int, pictures: Path | None
) -> None:
    asked, errors = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(comparison.as_uri())
    page.wait_for_selector(".charts .main-svg")
    settle(page)
    assert page.locator(".plotly-graph-div").count() == 8  # shares, and seven columns
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVERLAPS, WORDS.replace(".xtick text, ", "")) == []  # slanted labels share their boxes
    assert page.evaluate(CUT_OFF, WORDS) == []
    assert page.evaluate(SPILLS) == []
    if pictures and width > 1_000:
        page.screenshot(
            path=pictures / "compare.png", full_page=True, clip={"x": 0, "y": 0, "width": width, "height": 1360}
        )
