"""A ramp's rows for the monitor: the same answers, and alarms where images degrade and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drift.data.readers import open_source
from drift.errors import StateError
from drift.images.rows import ACCEPTED, OF_NO_CLASS, table_of, write_rows
from drift.images.streams.evolution import NEVER_SEEN, Evolution, ImagePool
from drift.monitor.alerts.check import check
from drift.monitor.alerts.messages import Watch
from drift.monitor.pipeline.ingest import ingest
from drift.monitor.pipeline.reference import make_reference
from drift.monitor.sources.batches import Batching
from drift.monitor.sources.column_roles import Columns
from drift.monitor.sources.rows import joined
from drift.monitor.store import MonitorStore, batches, references
from tests.images.conftest import CLASSES, Digits, noisy

BATCHES = 16
COLUMNS = Columns("predicted", truth="truth", key="row", batch="batch", probability="confidence")


def rows_of(digits: Digits, severities: tuple[float, ...], **ingredients: object) -> pd.DataFrame:
    pool = ImagePool(digits.pool.pixels[500:], digits.pool.labels[500:])
    evolution = Evolution(pool, severities, 49, perturb=noisy, **ingredients)  # type: ignore[arg-type]
    reference = ImagePool(digits.pool.pixels[:500], digits.pool.labels[:500])
    return table_of(digits.network, evolution, reference, classes=CLASSES)


def alarms(path: Path, table: pd.DataFrame) -> dict[str, str]:
    """Signals that alarm, with the batch at which they do; the accepted rows are the reference."""
    write_rows(table, path / "rows.parquet")
    store = MonitorStore(path / "m.db")
    source = open_source(str(path / "rows.parquet"))
    ingest(store, "m", source, source="", columns=COLUMNS, batching=Batching(column="batch"), ordered=True)
    with store.write() as connection:
        [monitor] = batches.all_monitors(connection)
        first = batches.all_batches(connection, monitor)[0]
        assert first.name == ACCEPTED
        rows = joined([rows for _, rows in batches.rows_of(connection, first.id)])
        references.add_reference(connection, monitor, make_reference(rows, chosen="", by="", why=""))
    return {one.signal.removeprefix("feature:"): one.batch for one in check(store, monitor, Watch()).opened}


def test_rows_hold_what_the_network_answered(digits: Digits) -> None:
    table = rows_of(digits, (0.0, 0.9))
    assert table["batch"].value_counts().to_dict() == {ACCEPTED: 500, "batch 000": 49, "batch 001": 49}
    answer = digits.network.predict(digits.pool.pixels[:500]).probabilities
    first = table[table["batch"] == ACCEPTED]
    np.testing.assert_array_equal(first["predicted"].to_numpy(), np.asarray(CLASSES, object)[answer.argmax(axis=1)])
    np.testing.assert_allclose(first["confidence"], answer.max(axis=1))
    np.testing.assert_allclose(first["brightness"], digits.pool.pixels[:500].mean(axis=(1, 2, 3)) / 255, rtol=1e-5)
    assert table["row"].is_unique


def test_a_ramp_alarms_in_the_monitor_and_a_clean_one_does_not(digits: Digits, tmp_path: Path) -> None:
    ramp = tuple(float(s) for s in np.r_[np.zeros(4), np.linspace(0.1, 0.9, BATCHES - 4)])
    found = alarms(tmp_path, rows_of(digits, ramp))
    assert {"brightness", "confidence", "accuracy"} <= set(found)
    assert min(found.values()) >= "batch 006"  # three bad ones after the four that are clean
    (tmp_path / "clean").mkdir()
    assert alarms(tmp_path / "clean", rows_of(digits, (0.0,) * BATCHES)) == {}


def test_images_of_no_known_class_are_wrong_rows_with_a_truth(digits: Digits) -> None:
    strangers = ImagePool(digits.pool.pixels[:100], np.full(100, NEVER_SEEN))
    table = rows_of(digits, (1.0,), out_of_distribution=strangers, most_strange=1.0)
    assert set(table[table["batch"] == "batch 000"]["truth"]) == {OF_NO_CLASS}


def test_a_file_that_cannot_be_written_is_told(digits: Digits, tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be written"):
        write_rows(rows_of(digits, (0.0,)), tmp_path / "no" / "rows.csv")


def test_no_cell_is_a_formula_to_a_spreadsheet(tmp_path: Path) -> None:
    """A class is called like a folder of somebody's images."""
    table = pd.DataFrame({"truth": ["=cmd|' /C calc'!A1", "+1", "-x", "@sum", "cats", "\tx"], "confidence": [-0.5] * 6})
    write_rows(table, tmp_path / "rows.csv")
    lines = (tmp_path / "rows.csv").read_text().splitlines()[1:]
    assert [line.lstrip('"')[0] for line in lines] == ["'", "'", "'", "'", "c", "'"]
    assert all(line.endswith(",-0.5") for line in lines)
    write_rows(table, tmp_path / "rows.parquet")
    assert pd.read_parquet(tmp_path / "rows.parquet")["truth"].tolist() == table["truth"].tolist()
