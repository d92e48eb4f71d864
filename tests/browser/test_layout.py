"""Nothing in the report is cut off or lies on something else, on a desk or on a telephone."""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Project, settle
from tests.browser.test_report import open_report

WORDS = ".xtick text, .ytick text, .legendtext, .annotation-text, .xtitle, .ytitle"
OVERLAPS = """(words) => [...document.querySelectorAll('.plotly-graph-div')].flatMap(chart => {
  const found = [...chart.querySelectorAll(words)].filter(e => e.textContent.trim())
    .map(e => [e.textContent, e.getBoundingClientRect()]);
  return found.flatMap(([a, p], i) => found.slice(i + 1)
    .filter(([b, q]) => p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 2 && q.top < p.bottom - 2)
    .map(([b, _]) => `${a} on ${b}`));
})"""
CUT_OFF = """(words) => [...document.querySelectorAll('.plotly-graph-div')].flatMap(chart => {
  const frame = chart.getBoundingClientRect();
  return [...chart.querySelectorAll(words)].filter(e => {
    const r = e.getBoundingClientRect();
    return r.left < frame.left - 1 || r.right > frame.right + 1 || r.top < frame.top - 1 || r.bottom > frame.bottom + 1;
  }).map(e => e.textContent);
})"""
SPILLS = """() => [...document.querySelectorAll('h1, h2, p, .tile, section, .pair > div')]
  .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.slice(0, 60))"""
FLAGS_IN_VIEW = """() => {
  const chart = document.querySelector('.plotly-graph-div');
  const [low, high] = chart.layout.yaxis.range;
  const flags = chart.data.find(t => t.name === 'flagged');
  return [...flags.y].every(y => y > low && y < high);
}"""
SECOND_CHART_IN_VIEW = """() => {
  const chart = [...document.querySelectorAll('.plotly-graph-div')].at(-1);
  const low = Math.pow(10, chart.layout.yaxis.range[0]);
  return chart.data.every(t => [...t.y].every(y => y > low));
}"""
PROMOTIONS = "() => document.querySelector('.plotly-graph-div').layout.annotations.map(a => [a.text, a.hovertext])"


@pytest.mark.parametrize("width", [1300, 800, 400])
def test_words_neither_overlap_nor_are_cut_off(page: Page, project: Project, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    open_report(page, project)
    settle(page)  # charts answer to the window's size
    assert page.evaluate(OVERLAPS, WORDS) == []
    assert page.evaluate(CUT_OFF, WORDS) == []
    assert page.evaluate(SPILLS) == []


def test_every_point_is_inside_its_chart(page: Page, project: Project) -> None:
    """Tests of shift give p-values of 1e-200 on a stream: they belong at the edge of the chart, not outside of it."""
    open_report(page, project)
    assert page.evaluate(FLAGS_IN_VIEW)
    assert page.evaluate(SECOND_CHART_IN_VIEW)


def test_promotions_are_marked_where_they_happened(page: Page, project: Project) -> None:
    open_report(page, project)
    marks = page.evaluate(PROMOTIONS)
    promoted = page.locator("td.good", has_text="promoted")
    assert 3 * len(marks) == promoted.count() >= 3  # a row among the comparisons, the versions and the decisions
    for text, hover in marks:
        assert f"version {text.removeprefix('▸v')} promoted after block" in hover


def test_the_first_sentence_says_what_came_of_it(page: Page, project: Project) -> None:
    open_report(page, project)
    told = page.inner_text(".verdict")
    assert "of 20 blocks fell below the threshold of 0.7" in told
    for number in page.locator(".tile b").all_inner_texts()[2:]:  # since the promotion, without it, and who serves
        assert number in told


def test_the_report_names_versions_and_moved_features(page: Page, project: Project) -> None:
    open_report(page, project)
    made = page.locator("section", has=page.get_by_role("heading", name="Versions", exact=True))
    text = made.inner_text()
    for words in ("0 to 14,809", "first champion", "promoted", "learning_rate", "batch_size"):
        assert words in text
    moved = page.locator("section", has=page.get_by_role("heading", name="Which features moved")).locator("td")
    assert {"vicprice", "transfer"} <= set(moved.all_inner_texts())
