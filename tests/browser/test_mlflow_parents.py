"""Base model and retrain in different experiments: what MLflow's own UI shows of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Project, looped_folder, shown
from tests.browser.test_mlflow_ui import picture
from tests.built import built_once, copied, run_drift

pytestmark = pytest.mark.timeout(1800)  # the module's fixture runs three commands

RETRAIN = "retrain --max_epochs 3 --total_trials 2 --mlflow_experiment_name drift2"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A base model in `drift` and a retrain in `drift2`; the project's experiment is that of the retrain."""

    def retrain(folder: Path) -> None:
        run_drift(copied(looped_folder(tmp_path_factory), folder), *RETRAIN.split(), codes=(0, 4))

    folder = built_once(tmp_path_factory, "browser-elsewhere", retrain)
    with shown(copied(folder, tmp_path_factory.mktemp("elsewhere")), "drift2") as made:
        yield made


def base_run(project: Project) -> mlflow.entities.Run:
    experiment = project.client.get_experiment_by_name("drift")
    assert experiment is not None
    (run,) = project.client.search_runs([experiment.experiment_id], "tags.`drift.kind` = 'base'")
    return run


def test_retrains_elsewhere_are_children_of_a_copy(page: Page, elsewhere: Project, pictures: Path | None) -> None:
    (parent,) = elsewhere.runs("retrain_parent")
    children = [*elsewhere.runs("retrain"), *elsewhere.runs("trial")]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    page.goto(elsewhere.page(f"experiments/{elsewhere.experiment}/runs"))
    row = page.locator(".ag-row").filter(has=page.get_by_role("link", name="BaseModel of drift"))
    expect(row.first).to_be_visible()
    row.locator("[col-id*='Run Name'] button").first.click()
    challenger = elsewhere.runs("retrain")[0].info.run_name
    expect(page.get_by_role("link", name=challenger, exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=f"{challenger} trial 1")).to_be_visible()
    picture(page, pictures, "mlflow-parent-elsewhere.png")


def test_the_copy_leads_to_the_base_run(page: Page, elsewhere: Project) -> None:
    (parent,), base = elsewhere.runs("retrain_parent"), base_run(elsewhere)
    page.goto(elsewhere.page(f"experiments/{elsewhere.experiment}/runs/{parent.info.run_id}"))
    with page.expect_popup() as opened:
        page.get_by_role("link", name="BaseModel", exact=True).click()
    expect(opened.value.get_by_text(base.info.run_id).first).to_be_visible()
    expect(opened.value.get_by_text("Base model: the best of 3 trials").first).to_be_visible()


def test_parent_and_challenger_are_compared(page: Page, elsewhere: Project, pictures: Path | None) -> None:
    (parent,), (challenger,), base = elsewhere.runs("retrain_parent"), elsewhere.runs("retrain"), base_run(elsewhere)
    assert parent.data.params == base.data.params
    assert parent.data.metrics.items() <= base.data.metrics.items()
    page.set_viewport_size({"width": 1280, "height": 1100})
    ids = [parent.info.run_id, challenger.info.run_id]
    page.goto(elsewhere.page("compare-runs", runs=json.dumps(ids), experiments=json.dumps([elsewhere.experiment])))
    for section in ("Visualizations", "Parameters", "Artifacts"):
        page.get_by_text(section, exact=True).first.click()
    expect(page.get_by_text("BaseModel of drift").first).to_be_visible()
    expect(page.get_by_text(str(challenger.info.run_name)).first).to_be_visible()
    for run in (parent, challenger):
        shown = f"{round(run.data.metrics['reference/accuracy'], 3):g}"
        expect(page.get_by_text(shown, exact=True).first).to_be_visible()
    picture(page, pictures, "mlflow-compare-elsewhere.png")
