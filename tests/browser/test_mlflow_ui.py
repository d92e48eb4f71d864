"""What a person sees in MLflow's own UI."""

import json
from pathlib import Path

import mlflow
from playwright.sync_api import Page, expect

from tests.browser.conftest import Project, settle
from tests.waiting import wait_until

SAME_LINE = """name => {  // the numbers beside a metric
  const middle = e => { const r = e.getBoundingClientRect(); return (r.top + r.bottom) / 2; };
  return [...document.querySelectorAll('main *')]
    .filter(e => !e.children.length && e.textContent.trim() && Math.abs(middle(e) - middle(name)) < 8)
    .sort((a, b) => a.getBoundingClientRect().left - b.getBoundingClientRect().left).map(e => e.textContent.trim());
}"""

SCROLL_VALUES = """name => {  // to the end, as a wheel over them does; the names beside them follow, one event late
  const names = name.closest('.ReactVirtualized__Grid');
  for (let box = names.parentElement; box; box = box.parentElement) {
    const values = [...box.querySelectorAll('.ReactVirtualized__Grid')].filter(grid => grid !== names).at(-1);
    if (!values) continue;
    values.scrollTop = values.scrollHeight;
    setTimeout(() => { values.scrollTop -= 1; }, 300);
    return;
  }
}"""


def picture(page: Page, folder: Path | None, name: str) -> None:
    """Keep a screenshot, if they are wanted."""
    if folder:
        settle(page)
        page.screenshot(path=folder / name)


def test_the_base_run_stands_with_its_children(page: Page, project: Project, pictures: Path | None) -> None:
    (base,) = project.runs("base")
    children = [run for kind in ("trial", "retrain") for run in project.runs(kind)]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {base.info.run_id}
    assert len(children) >= 2
    page.goto(project.page(f"experiments/{project.experiment}/runs"))
    row = page.locator(".ag-row").filter(has=page.get_by_role("link", name="BaseModel"))
    expect(row.first).to_be_visible()
    row.locator("[col-id*='Run Name'] button").first.click()  # a parent's children are folded in at first
    expect(page.get_by_role("link", name="challenger v").first).to_be_visible()
    expect(page.get_by_role("link", name="challenger v2 trial 0").first).to_be_visible()
    picture(page, pictures, "mlflow-runs.png")


def compare(page: Page, project: Project, *runs: mlflow.entities.Run) -> None:
    """MLflow's page that compares runs, folded down to their metrics."""
    ids = json.dumps([run.info.run_id for run in runs])
    page.goto(project.page("compare-runs", runs=ids, experiments=json.dumps([project.experiment])))
    for section in ("Visualizations", "Run details", "Parameters", "Artifacts"):
        page.get_by_text(section, exact=True).first.click()


def test_a_child_can_be_compared_with_its_parent(page: Page, project: Project, pictures: Path | None) -> None:
    (base,), child = project.runs("base"), project.runs("trial")[0]
    assert child.data.tags["mlflow.parentRunId"] == base.info.run_id
    compare(page, project, base, child)
    name = page.get_by_role("link", name="val/accuracy")
    settle(page)  # the sections above are still folding
    name.evaluate(SCROLL_VALUES)
    expect(name).to_be_in_viewport()
    shown = [f"{round(run.data.metrics['val/accuracy'], 3):g}" for run in (base, child)]
    wait_until(  # names and values come to rest, and the list of names is drawn anew
        lambda: name.evaluate(SAME_LINE) == shown, what=lambda: f"{shown} beside the name: {name.evaluate(SAME_LINE)}"
    )
    picture(page, pictures, "mlflow-compare.png")


def test_a_challenger_can_be_compared_with_its_base(page: Page, project: Project) -> None:
    compare(page, project, project.runs("base")[0], project.runs("retrain")[0])
    expect(page.get_by_text("held_out/p_value").first).to_be_visible()


def test_accuracy_by_block_is_a_chart(page: Page, project: Project, pictures: Path | None) -> None:
    (deployment,) = project.runs("deployment")
    history = project.client.get_metric_history(deployment.info.run_id, "block/accuracy")
    assert [point.step for point in history] == list(range(20))
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.goto(project.page(f"experiments/{project.experiment}/runs/{deployment.info.run_id}/model-metrics"))
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_be_visible()
    expect(page.get_by_text("accuracy", exact=False).first).to_be_visible()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.js-plotly-plot')].some(d => d.data && d.data[0].x.length === 20)"
    )
    picture(page, pictures, "mlflow-block-accuracy.png")


def test_the_pictures_of_the_base_run_are_there(page: Page, project: Project) -> None:
    (base,) = project.runs("base")
    names = {item.path for item in project.client.list_artifacts(base.info.run_id, "figures")}
    assert names == {
        f"figures/{name}.png" for name in ("learning_curves", "search_history", "confusion", "calibration")
    }
    run = f"experiments/{project.experiment}/runs/{base.info.run_id}"
    for name in sorted(names):
        page.goto("about:blank")  # or the last picture would still be there
        page.goto(project.page(f"{run}/artifacts/{name}"))
        page.wait_for_function(
            "[...document.images].some(i => i.naturalWidth > 500 && i.getBoundingClientRect().width > 100)"
        )
