"""The report in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request

from tests.browser.conftest import Project, settle


def open_report(page: Page, project: Project) -> tuple[list[str], list[str]]:
    """Open it and return the addresses it asked for and the errors it made."""
    asked, errors = list[str](), list[str]()

    def on_request(request: Request) -> None:
        asked.append(request.url)

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    page.on("request", on_request)
    page.on("console", on_console)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(project.report.as_uri())
    page.wait_for_selector(".plotly-graph-div .main-svg")
    return asked, errors


def test_no_request_leaves_the_page(page: Page, project: Project) -> None:
    asked, errors = open_report(page, project)
    settle(page)
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []


def test_everything_is_drawn(page: Page, project: Project, pictures: Path | None) -> None:
    open_report(page, project)
    assert page.locator(".plotly-graph-div").count() == 4  # accuracy, p-values, forecast, comparisons
    names = page.locator(".legendtext").all_text_contents()
    assert {"version 1", "version 2", "flagged", "version 1, had it stayed"} <= set(names)
    chart = page.locator(".plotly-graph-div").first
    traces = chart.evaluate("div => div.data.map(t => [t.name, t.x.filter((_, i) => t.y[i] !== null).length])")
    marked = sum(count for name, count in traces if name and name.startswith(("version", "flagged")))
    assert chart.locator(".scatterlayer .points path").count() == marked
    scored = sum(count for name, count in traces if name in {f"version {n}" for n in range(1, 9)})
    assert scored == 20
    assert chart.locator(".annotation-text").count() >= 3
    text = page.inner_text("body")
    for expected in ("What was decided, by whom, why", "McNemar", "promoted", "had version 1 stayed", "Audit trail"):
        assert expected in text
    if pictures:
        page.set_viewport_size({"width": 1280, "height": 1440})
        page.screenshot(path=pictures / "report.png")


@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_fits_its_window(page: Page, project: Project, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    open_report(page, project)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_same_report_is_an_artifact(project: Project) -> None:
    (deployment,) = project.runs("deployment")
    names = [item.path for item in project.client.list_artifacts(deployment.info.run_id)]
    assert project.report.name in names
