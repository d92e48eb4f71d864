"""A user's own CSV from training to retraining, and the same seed twice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.built import FIVE_BLOCKS, QUICK_RETRAIN, QUICK_TRAINING, TRAIN_ROWS
from tests.faults.conftest import ALL_FLAGGED, Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def write_table(path: Path, *, rows: int = 2_000, drift_from: int = 1_700) -> None:
    """Four features, three classes by name, ISO times; the rule turns round at `drift_from`."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(rows, 4)).round(4)
    signs = np.where(np.arange(rows) < drift_from, 1.0, -1.0)
    level = signs * (features[:, 0] + 0.5 * features[:, 1])
    names = np.select([level < -0.5, level > 0.5], ["low", "high"], "middle")
    times = np.datetime64("2024-01-01T00:00:00") + np.arange(rows) * np.timedelta64(15, "m")
    lines = [f"{time},{','.join(map(str, row))},{name}" for time, row, name in zip(times, features, names, strict=True)]
    path.write_text("t,a,b,c,d,y\n" + "\n".join(lines) + "\n")


def test_own_table_from_training_to_retraining(fresh: Project) -> None:
    """The model remembers its table: `deploy` and `retrain` need no `--data`."""
    table = fresh.folder / "table.csv"
    write_table(table)
    options = ("--label", "y", "--time", "t", "--train_rows", "1600", "--total_trials", "2")
    assert fresh.run("base", "--data", "table.csv", *options).code == 0
    deployed = fresh.run("deploy", "--test_data_rows", "400", "--block_size", "20", "--json", "out.json")
    assert deployed.code == 3, deployed.err
    fresh.assert_complete(20)
    accuracies = [record["accuracy"] for record in json.loads((fresh.folder / "out.json").read_text())["records"]]
    assert np.mean(accuracies[:5]) > np.mean(accuracies[5:]) + 0.2
    assert fresh.log("select distinct label from predictions order by 1") == [(0,), (1,), (2,)]
    retrained = fresh.run("retrain", *QUICK_RETRAIN[:4], "--window_rows", "300", "--promote", "always")
    assert retrained.code == 0, retrained.err
    assert fresh.alias("champion") == 2
    too_few = fresh.run("deploy", "--block_size", "500", "--test_data_rows", "500")
    assert (too_few.code, too_few.error[:25]) == (1, "expected at least one blo")
    fresh.assert_settled()


def test_same_seed_same_numbers(project: Project) -> None:
    """Base, deployment, retrain and all: a second run with the same seed prints the same numbers."""
    project.experiment = f"seed-{project.model}"
    ended = project.run("base", *QUICK_TRAINING, "--train_rows", str(TRAIN_ROWS))
    assert ended.code == 0, ended.err
    assert _numbers(ended.out) == _numbers((project.folder / "base.txt").read_text())
    found = []
    for model in (project.model, f"{project.model}b"):
        project.model = model
        options = ("deploy", *FIVE_BLOCKS, *ALL_FLAGGED, *QUICK_RETRAIN, "--retrain", "always", "--promote", "always")
        assert project.run(*options, "--json", f"{model}.json").code == 0
        records = json.loads((project.folder / f"{model}.json").read_text())["records"]
        found.append([(r["accuracy"], r["version"], r["mean_confidence"], r["scores"]) for r in records])
    assert found[0] == found[1]


def _numbers(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("chosen:", "validation accuracy"))]
