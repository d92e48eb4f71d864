"""The monitor's page in a real browser: looked at, walked through by keyboard, written to, and accessible."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from drift.monitor.alerts.check import check
from drift.monitor.alerts.messages import Watch
from drift.monitor.store import MonitorStore, alerts, batches
from drift.monitor.web.sections import SECTIONS
from tests.browser.conftest import based_folder, settle
from tests.browser.test_layout import CUT_OFF, OVERLAPS
from tests.built import built_once, copied, run_drift
from tests.monitor.serving import TOKEN, serving
from tests.monitor.worlds import World, agree, monitor_of, take_in

ROWS = 5  # that are triaged
ELEC = (
    "deploy --test_data_rows 13440 --block_size 336 --threshold_accuracy .70 --retrain never",
    "monitor ingest log --slice",
    "monitor reference --training_run deployed --why",
    "monitor check",
)


@dataclass
class Watched:
    """A page, and everything it asked for or complained about."""

    page: Page
    address: str
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)
        self.page.wait_for_load_state("networkidle")

    def sign_in(self) -> None:
        self.open("/sign-in")
        self.page.get_by_label("Your name").fill("Ada")
        self.page.get_by_label("Token").fill(TOKEN)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitorStore]:
    """Batches whose first feature moves and whose answers become worse."""
    made = MonitorStore(tmp_path_factory.mktemp("monitor") / "m.db")
    take_in(made, World(batches=40, rows=200, moved_from=24, wrong_from=24), slices=("north: state == NSW",))
    agree(made, 15)
    check(made, monitor_of(made), Watch())
    yield made
    made.close()


@pytest.fixture
def watched(page: Page, store: MonitorStore) -> Iterator[Watched]:
    with serving(store) as site:
        found = Watched(page, site.address)
        page.on("request", lambda request: found.asked.append(request.url))
        page.on("console", lambda message: found.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: found.errors.append(str(error)))
        yield found
    outside = [url for url in found.asked if not url.startswith((site.address, "data:", "blob:", "about:"))]
    assert outside == []
    assert found.errors == []


def newest(store: MonitorStore) -> int:
    with store.read() as connection:
        return batches.all_batches(connection, monitor_of(store))[-1].id


def test_from_the_overview_to_a_batch_and_a_feature(watched: Watched, store: MonitorStore) -> None:
    page = watched.page
    watched.open("/")
    expect(page.get_by_role("heading", name="m", exact=True)).to_be_visible()
    page.wait_for_selector("[data-chart=drift] .main-svg")
    assert page.locator("[data-chart] .main-svg").count() >= 2
    page.get_by_role("link", name="log loss").click()
    expect(page.locator("[data-chart=metric] .ytitle")).to_have_text("log loss")
    page.get_by_role("link", name="day 039").first.click()
    expect(page.get_by_role("heading", name="day 039")).to_be_visible()
    page.get_by_role("link", name="a", exact=True).first.click()
    page.wait_for_selector("[data-chart=cells] .main-svg")
    expect(page.locator("select")).to_have_value(str(newest(store)))
    page.locator("select").select_option(label="day 003")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="Its values in day 003 and in the reference")).to_be_visible()
    bars = page.evaluate(
        "document.querySelector('[data-chart=cells]').data.map(t => t.customdata.reduce((a, b) => a + b))"
    )
    assert bars == [15 * 200, 200]


def test_a_click_on_a_chart_leads_to_its_batch(watched: Watched) -> None:
    page = watched.page
    watched.open("/")
    page.wait_for_selector("[data-chart=metric] .scatterlayer .point")
    box = page.locator(
        "[data-chart=metric] .scatterlayer .trace:last-of-type .point, [data-chart=metric] .points path"
    ).nth(3)
    box.hover(force=True)
    box.click(force=True)
    page.wait_for_url("**/batches/*")


def test_five_rows_are_triaged_by_keyboard_alone(watched: Watched, store: MonitorStore, pictures: Path | None) -> None:
    page = watched.page
    watched.sign_in()
    watched.open(f"/monitors/1/batches/{newest(store)}/errors")
    page.keyboard.press("j")
    for at in range(ROWS):
        row = page.locator(".row").nth(at)
        expect(row).to_be_focused()
        page.keyboard.press("r" if at % 2 else "a")
        page.keyboard.type(f"reason {at}")
        page.keyboard.press("Enter")
        expect(row.locator("[data-mark]")).to_have_text("✓ real" if at % 2 else "✓ anomaly")
    page.keyboard.press("k")
    expect(page.locator(".row").nth(ROWS - 1)).to_be_focused()
    with store.read() as connection:
        found = alerts.all_findings(connection, monitor_of(store))
    assert [(one.reason, one.verdict, one.by) for one in found[::-1]] == [
        (f"reason {at}", "real" if at % 2 else "anomaly", "Ada") for at in range(ROWS)
    ]
    page.reload()
    page.wait_for_load_state("networkidle")
    assert page.locator(".row.kept").count() == ROWS
    if pictures:
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=pictures / "monitor-errors.png")
    watched.open("/monitors/1/findings")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as Markdown").click()
    text = Path(download.value.path()).read_text()
    assert download.value.suggested_filename == "m-findings.md"
    assert [line for line in text.splitlines() if line.startswith("- reason")] == [
        f"- reason: reason {at}" for at in reversed(range(ROWS))
    ]


def test_a_row_that_cannot_be_kept_says_so(watched: Watched, store: MonitorStore) -> None:
    page = watched.page
    watched.sign_in()
    watched.open(f"/monitors/1/batches/{newest(store)}/errors")
    row = page.locator(".row").nth(7)
    row.get_by_label("real").check()
    row.get_by_role("button", name="Keep").click()
    expect(row.get_by_role("status")).to_contain_text("expected a reason")
    watched.errors = [error for error in watched.errors if "400" not in error]  # the browser's own note of the answer


def test_an_alert_is_acknowledged(watched: Watched, store: MonitorStore) -> None:
    page = watched.page
    watched.sign_in()
    watched.open("/monitors/1/alerts")
    opened = page.locator(".alert.open")
    before = opened.count()
    assert before >= 2
    opened.first.get_by_label("Why").fill("a sensor, looked at")
    opened.first.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".alert.acknowledged")).to_contain_text("a sensor, looked at")
    expect(page.locator(".alert.open")).to_have_count(before - 1)
    assert check(store, monitor_of(store), Watch()).acknowledged[0].acknowledged_by == "Ada"


def test_reading_needs_no_script_and_no_writing_is_offered(watched: Watched, store: MonitorStore) -> None:
    watched.open(f"/monitors/1/batches/{newest(store)}/errors")
    assert watched.page.locator("form.triage").count() == 0
    expect(watched.page.get_by_role("link", name="Sign in", exact=True)).to_be_visible()


@pytest.mark.parametrize("width", [1300, 800])
def test_labels_of_the_overview_do_not_overlap(watched: Watched, width: int) -> None:
    page = watched.page
    page.set_viewport_size({"width": width, "height": 900})
    watched.open("/monitors/1")
    page.wait_for_selector("[data-chart=metric] .main-svg")
    settle(page)
    words = ".xtick text, .ytick text, .y2tick text, .legendtext, .ytitle"
    assert page.evaluate(OVERLAPS.replace(".plotly-graph-div", ".chart"), words) == []
    assert page.evaluate(CUT_OFF.replace(".plotly-graph-div", ".chart"), words) == []
    legend = page.locator("[data-chart=metric] .legendtext").all_text_contents()
    for name in ("bad batch: worse than tolerated", "bad batch: a signal beyond its limit", "alert open"):
        assert name in legend


@pytest.mark.parametrize("width", [1300, 800, 400])
def test_worst_rows_and_their_buttons_are_in_view(watched: Watched, store: MonitorStore, width: int) -> None:
    page = watched.page
    watched.sign_in()
    page.set_viewport_size({"width": width, "height": 900})
    watched.open(f"/monitors/1/batches/{newest(store)}/errors")
    for row in page.locator(".row").all()[:3]:
        frame = row.bounding_box()
        assert frame is not None
        for part in (row.get_by_role("button", name="Keep"), row.get_by_label("real"), row.locator(".scroll")):
            box = part.bounding_box()
            assert box is not None
            assert frame["x"] <= box["x"]
            assert box["x"] + box["width"] <= frame["x"] + frame["width"] <= width
        if width == 1300:  # nothing to scroll: every column is in view
            table = row.locator(".scroll")
            assert table.evaluate("e => e.scrollWidth <= e.clientWidth")


PATHS = ("/monitors/1", "/monitors/1/batches/{}", "/monitors/1/batches/{}/errors",
         *(f"/monitors/1/{name}" for name in SECTIONS), "/monitors/1/signal?signal=feature:a", "/sign-in")  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_pages_are_accessible_and_fit(watched: Watched, store: MonitorStore, path: str) -> None:
    watched.sign_in()
    watched.open(path.format(newest(store)))
    settle(watched.page)
    assert_accessible(watched.page)


def test_the_list_of_monitors_is_accessible_and_fits(page: Page, tmp_path: Path) -> None:
    store = MonitorStore(tmp_path / "m.db")
    take_in(store, World(batches=16, rows=150, moved_from=8))
    agree(store, 8)
    check(store, monitor_of(store), Watch())
    with store.write() as connection:
        batches.begin_monitor(connection, "another model of a long name", monitor_of(store).columns, ())
    with serving(store) as site:
        page.goto(site.address)
        assert_accessible(page)
        page.get_by_role("link", name="open").click()
        expect(page.get_by_role("heading", name="Alerts")).to_be_visible()


def assert_accessible(page: Page) -> None:
    """By axe-core: labels, roles, names, contrast, the order of headings; and nothing is wider than a telephone."""
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
    assert found.violations_count == 0, found.generate_report()
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 900})
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CUT_OFF.replace(".plotly-graph-div", ".chart"), ".ytick text, .legendtext") == []


def test_the_focus_goes_in_the_order_of_the_page_and_can_be_seen(watched: Watched, store: MonitorStore) -> None:
    page = watched.page
    watched.sign_in()
    watched.open(f"/monitors/1/batches/{newest(store)}/errors")
    places: list[tuple[float, float]] = []  # left edge and top
    for step in range(14):
        page.keyboard.press("Tab")
        active = page.evaluate(
            "(() => { const e = document.activeElement, r = e.getBoundingClientRect(), s = getComputedStyle(e);"
            " return [e.textContent.slice(0, 30), [r.left, r.top + scrollY], s.outlineStyle, s.outlineWidth]; })()"
        )
        if step == 0:
            assert active[0] == "Skip to the content"
            page.keyboard.press("Enter")
            continue
        assert active[2] == "solid" and active[3] == "3px", active
        places.append((active[1][0], active[1][1]))
    for (left, top), (next_left, next_top) in pairwise(places):  # down the page, or on to what stands beside
        assert next_top >= top or next_left > left, places


@pytest.fixture(scope="module")
def elec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment on ELEC that was never retrained, followed by the commands of the README."""

    def follow(folder: Path) -> None:
        copied(based_folder(tmp_path_factory), folder)
        for command in ELEC:
            words = command.split()
            words += {"--slice": ["night: day_sin > 0.5"], "--why": ["the rows on which the model was accepted"]}.get(
                words[-1], []
            )
            run_drift(folder, *words, codes=(3 if words[-1] in ("check", "never") else 0,))

    return copied(built_once(tmp_path_factory, "browser-elec", follow), tmp_path_factory.mktemp("elec"))


def test_elec_is_followed_from_the_scoring_log_and_alarms(page: Page, elec: Path, pictures: Path | None) -> None:
    store = MonitorStore(elec / ".drift" / "monitor.db")
    with store.read() as connection:
        [monitor] = batches.all_monitors(connection)
        opened = alerts.all_alerts(connection, monitor)
        assert len(batches.all_batches(connection, monitor)) == 40
    signals = {alert.signal for alert in opened}
    assert {"feature:nswprice", "feature:vicprice", "confidence"} <= signals
    page.set_viewport_size({"width": 1200, "height": 900})
    with serving(store) as site:
        for name, path in (("overview", "/monitors/1"), ("batch", "/monitors/1/batches/18"),
                           ("feature", "/monitors/1/signal?signal=feature:vicdemand&batch=36")):  # fmt: skip
            page.goto(site.address + path)
            page.wait_for_load_state("networkidle")
            settle(page)
            if pictures:
                clip = {"x": 0, "y": 0, "width": 1200, "height": 1500 if name != "feature" else 1400}
                page.screenshot(path=pictures / f"monitor-{name}.png", full_page=True, clip=clip)
        assert page.locator(".main-svg").count() >= 3


def test_the_report_is_drawn_without_a_network(page: Page, elec: Path) -> None:
    path = Path(re.findall(r"report: (\S+)", run_drift(elec, "monitor", "report"))[0])
    asked, errors = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector("[data-chart=drift] .main-svg")
    settle(page)
    assert page.locator(".chart .main-svg").count() >= page.locator(".chart").count()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []
    assert path.stat().st_size < 6_000_000
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]})
    assert found.violations_count == 0, found.generate_report()
