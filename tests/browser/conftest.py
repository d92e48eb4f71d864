"""A real project, MLflow's own UI on it, and a real browser without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import mlflow
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.built import built_once, copied, run_drift
from tests.servers import mlflow_server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
NO_ASSISTANT = """
localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');
localStorage.setItem('mlflow.assistant.panelOpen_v1', 'false');
"""  # MLflow's assistant opens by itself at the first visit and covers a third of the page
STILL = """async () => {  // until fonts are there and nothing moves for 20 frames, longer than plotly waits
  await document.fonts.ready;
  const look = () => [...document.querySelectorAll('svg, canvas, table, .row, h1, h2')].slice(0, 300).map(e => {
    const r = e.getBoundingClientRect();
    return [r.x, r.y, r.width, r.height, e.childElementCount].join();
  }).join(';');
  let before = '', same = 0;
  while (same < 20) {
    await new Promise(next => requestAnimationFrame(next));
    const now = look();
    same = now === before ? same + 1 : 0;
    before = now;
  }
}"""
BASE = "base --train_rows 17424 --total_trials 3"
DEPLOY = (
    "deploy --test_data_rows 6720 --block_size 336 --threshold_accuracy .70 --retrain always --window_rows 4032"
    " --cooldown_blocks 2 --total_trials 3"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these are slow, and need a browser."""
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(600))
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no chromium on the PATH; on Debian: make system"))


def settle(page: Page) -> None:
    """Wait until nothing of the page moves any more; MLflow's goes on asking its server, so that is no sign."""
    page.evaluate(STILL)


@dataclass(frozen=True)
class Project:
    """A folder in which the whole loop has run, and MLflow's UI on it."""

    folder: Path
    ui: str
    client: mlflow.MlflowClient
    experiment: str

    def page(self, path: str, **query: str) -> str:
        """An address in MLflow's UI, in its mode for model training; by default it shows the one for agents."""
        return f"{self.ui}/#/{path}?{urlencode({**query, 'workflowType': 'machine_learning'})}"

    @property
    def report(self) -> Path:
        """The one report."""
        (found,) = (self.folder / "reports").glob("*.html")
        return found

    def runs(self, kind: str) -> list[mlflow.entities.Run]:
        """Runs of a kind, oldest first."""
        query = f"tags.`drift.kind` = '{kind}'"
        return list(self.client.search_runs([self.experiment], query, order_by=["attributes.start_time ASC"]))


def based_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder with the base model of all of these tests, which nobody may change."""
    return built_once(factory, "browser-base", lambda folder: run_drift(folder, *BASE.split()))


def looped_folder(factory: pytest.TempPathFactory) -> Path:
    """Base, deployment, drift, retraining and promotion; nobody may change it."""

    def deploy(folder: Path) -> None:
        run_drift(copied(based_folder(factory), folder), *DEPLOY.split(), codes=(0, 4))

    return built_once(factory, "browser-loop", deploy)


@contextmanager
def shown(folder: Path, experiment: str) -> Iterator[Project]:
    """MLflow's UI on a folder."""
    with mlflow_server(folder / "mlflow.db", folder / "mlruns") as ui:
        client = mlflow.MlflowClient(ui)
        of_the_name = client.get_experiment_by_name(experiment)
        assert of_the_name is not None
        yield Project(folder, ui, client, of_the_name.experiment_id)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The whole loop, then `mlflow server` on what it left."""
    folder = copied(looped_folder(tmp_path_factory), tmp_path_factory.mktemp("project"))
    with shown(folder, "drift") as made:
        yield made


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    expect.set_options(timeout=30_000)  # milliseconds; a busy machine draws slowly
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page, 1280 pixels wide."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(NO_ASSISTANT)
    made = context.new_page()
    made.set_default_timeout(60_000)
    yield made
    context.close()


@pytest.fixture(scope="session")
def pictures() -> Path | None:
    """Where screenshots go: nowhere, or to the folder in DRIFT_SCREENSHOTS (docs/images, to renew the documents)."""
    folder = os.environ.get("DRIFT_SCREENSHOTS")
    return Path(folder).absolute() if folder else None
