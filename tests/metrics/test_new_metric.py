"""What a declaration alone does: the metric is measured, stored, shown on the page, and in Prometheus and files."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from drift import metrics
from drift.cli import app
from drift.metrics import metrics_by_name
from drift.metrics.classification import CLASSIFICATION
from drift.metrics.classification.counts import ClassificationMetric, ClassificationReading, ClassifiedRows
from drift.metrics.protocol import Measure, MetricDeclaration, Sums
from drift.metrics.regression import REGRESSION
from drift.monitor.prometheus import exposition
from drift.monitor.store import MonitorStore
from drift.monitor.web.views import Views
from tests.monitor.worlds import World, agree, monitor_of, take_in

NAME = "error_rate"


def count(rows: ClassifiedRows) -> Sums | None:
    return np.asarray([len(rows.labels), (rows.labels != rows.predictions).sum()], np.float64)


def measure(reading: ClassificationReading) -> Iterator[Measure]:
    rows, wrong = reading.counts.sums[NAME]
    yield Measure(NAME, float(wrong / rows), None, None, int(rows))


def test_a_new_metric_is_measured_and_shown_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry: ClassificationMetric = ClassificationMetric(NAME, "share of wrong answers", measure, count)
    monkeypatch.setitem(CLASSIFICATION, NAME, entry)
    monkeypatch.chdir(tmp_path)
    store = MonitorStore(tmp_path / "monitor.db")
    take_in(store, World(batches=6, rows=100))
    agree(store, 4)
    monitor = monitor_of(store)
    shown = Views(store).overview(monitor, metric=NAME)
    assert shown.metric == NAME
    assert shown.metrics[0] == "accuracy"
    assert NAME in shown.metrics
    assert NAME in Views(store).metric_charts(monitor)
    batch = shown.newest
    assert batch is not None
    assert NAME in {one.measure.name for one, _ in Views(store).batch(monitor, batch)["measures"]}
    assert f'metric="{NAME}"' in exposition(store)
    store.close()
    done = CliRunner().invoke(
        app, ["monitor", "report", "--monitor", monitor.name, "--store", "monitor.db", "--json", "numbers.json",
              "--html", "page.html"]
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert ">error rate</a>" in (tmp_path / "page.html").read_text() or NAME in (tmp_path / "page.html").read_text()
    records = json.loads((tmp_path / "numbers.json").read_text())["records"]
    assert len(records) == 6
    for record in records:
        whole = {one["name"]: one["value"] for one in record["measures"] if not one["of_class"] and not one["of_slice"]}
        assert whole[NAME] == pytest.approx(1 - whole["accuracy"])


def test_a_metric_that_the_monitor_does_not_have_is_an_error(tmp_path: Path) -> None:
    store = MonitorStore(tmp_path / "monitor.db")
    take_in(store, World(batches=2, rows=50))
    with pytest.raises(LookupError, match="there is no metric 'mae' of this monitor; it has accuracy, "):
        Views(store).overview(monitor_of(store), metric="mae")
    store.close()


def test_every_declaration_is_in_the_registry_in_the_order_of_a_page() -> None:
    names = list(metrics_by_name())
    assert names[:3] == ["accuracy", "balanced_accuracy", "f1"]
    assert set(names) == {*CLASSIFICATION, *REGRESSION}
    folder = Path(metrics.__file__).parent
    declared = sum(
        line.split("#")[0].count("= ClassificationMetric(") + line.count("= RegressionMetric(")
        for path in folder.rglob("*.py")
        for line in path.read_text().splitlines()
    )
    assert declared == len(names)
    assert all(isinstance(entry, MetricDeclaration) and entry.help for entry in metrics_by_name().values())
