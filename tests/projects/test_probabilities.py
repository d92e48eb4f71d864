"""The served base model answers as the model in this process does, on every row after its training rows."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from drift.datasets.elec import load_elec
from drift.loop.releases.loading import fetched, load_fetched
from drift.loop.releases.promote import card_of
from drift.models.predict import LocalPredictor
from drift.serving import ModelService
from drift.tracking.connection.store import connect
from drift.tracking.registry import Registry
from drift.tracking.runs.lookup import find_runs
from drift.tracking.runs.open_runs import LoggedModel
from tests.built import TRAIN_ROWS, copied, trained_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained base model."""
    return copied(trained_folder(tmp_path_factory), tmp_path_factory.mktemp("probabilities"))


@pytest.mark.parametrize("format", ["npy", "json"])
def test_every_test_row_gets_the_same_probabilities(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: Literal["npy", "json"]
) -> None:
    monkeypatch.chdir(project)
    store = connect()
    (run,) = find_runs(store, "drift", kind="base")
    registry = Registry(store, f"model-{format}")
    version = registry.register(LoggedModel(run.tags["drift.model_id"], run.tags["drift.sha256"]), run.id)
    local = LocalPredictor.from_file(registry.release(version).model_file)
    card = card_of(registry, version)
    rows = card.fit_to(load_elec()).features[card.seen :]
    assert len(rows) == 45_312 - TRAIN_ROWS
    with ModelService.start(tmp_path / "server", registry.name, format=format) as service:
        load_fetched(registry, version, fetched(registry, version), service)
        served = [service.predict(part).probabilities for part in np.array_split(rows, 20)]
    np.testing.assert_allclose(np.concatenate(served), local.predict(rows).probabilities, atol=1e-6, rtol=0)
