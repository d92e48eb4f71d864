"""What a first-time user of `drift monitor` gets wrong, or could not know, is said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sql
import typer

from drift.commands.monitor import ingestion
from drift.data.readers import open_source
from drift.errors import DataError, UsageError
from drift.monitor.collection import row_source
from drift.monitor.pipeline.batch_writer import Ingested
from drift.monitor.pipeline.ingest import ingest
from drift.monitor.sources.batches import Batching
from drift.monitor.sources.column_roles import Columns
from drift.monitor.store import MonitorStore, batches
from tests.monitor.commands import Commands
from tests.monitor.worlds import COLUMNS, World, agree, monitor_of, take_in


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


def of_one_class(world: World) -> list[pd.DataFrame]:
    """With P(UP), whatever is predicted, in the place of the predicted class's probability."""
    return [frame.assign(p=np.where(frame["prediction"] == "UP", frame["p"], 1 - frame["p"])) for frame in world]


def taken(store: MonitorStore, frames: list[pd.DataFrame], columns: Columns = COLUMNS, **more: Any) -> Ingested:
    return ingest(
        store, "m", frames, source="test", columns=columns, batching=Batching(column="day"), ordered=True, **more
    )


def test_a_probability_of_one_class_is_refused_at_the_first_ingest(commands: Commands) -> None:
    folder = commands.folder
    pd.concat(of_one_class(World(batches=4))).to_csv(folder / "rows.csv", index=False)
    words = ("rows.csv", "--prediction", "prediction", "--truth", "truth", "--probability", "p", "--batch", "day")
    refused = commands.run("ingest", *words, "--ignore", "id,at,model")
    assert refused.code == 2 and refused.err.count("\n") == 1
    assert "expected the probability of the predicted class in column 'p', 0.5 or more of 2 classes (DOWN, UP)" in (
        refused.err
    )
    assert "of 800 rows: if they are of one class, name it with --positive CLASS" in refused.err
    named = commands.run("ingest", *words, "--ignore", "id,at,model", "--positive", "UP")
    assert named.code == 0 and "4 batches stored (800 rows)" in named.out


def test_later_ingests_only_warn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = MonitorStore(tmp_path / "m.db")
    world = World(batches=4)
    assert taken(store, list(world)[:2]).unlikely == ""
    found = taken(store, of_one_class(world)[2:])
    assert found.stored == 2
    assert "got less in" in found.unlikely and "of 400 rows" in found.unlikely
    ingestion.print_ingested(found, {})
    assert "warning: expected the probability of the predicted class in column 'p'" in capsys.readouterr().out


def test_probabilities_that_are_possible_are_not_looked_at_twice(tmp_path: Path) -> None:
    frame = next(iter(World(batches=1)))
    few = frame.assign(p=frame["p"].where(np.arange(200) > 1, 0.3))  # 2 of 200: 1 %
    three = frame.assign(prediction=np.array(["a", "b", "c"])[np.arange(200) % 3], truth="a", p=0.4)
    for at, (rows, columns) in enumerate(
        ((few, COLUMNS), (three, COLUMNS), (of_one_class(World(batches=1))[0].head(99), COLUMNS))
    ):
        assert taken(MonitorStore(tmp_path / f"{at}.db"), [rows], columns).unlikely == ""
    own = of_one_class(World(batches=1))
    assert taken(MonitorStore(tmp_path / "log.db"), own, of_one_class=False).unlikely == "", (
        "the log knows what it holds"
    )
    assert taken(MonitorStore(tmp_path / "named.db"), own, replace(COLUMNS, positive="UP")).unlikely == ""
    with pytest.raises(UsageError, match=r"0\.33 or more of 3 classes"):
        taken(MonitorStore(tmp_path / "3.db"), [three.assign(p=0.2)])


@pytest.mark.parametrize(("word", "period"), [("week", "1w"), ("Daily", "1d"), ("6h", "6h")])
def test_a_period_that_is_taken_for_a_column_is_explained(word: str, period: str, tmp_path: Path) -> None:
    frame = World(batches=1).batch(0)
    with pytest.raises(DataError, match=rf"got none called {word}\..*; for a batch of every {word}: --every {period}$"):
        taken(MonitorStore(tmp_path / "m.db"), [frame], replace(COLUMNS, batch=word))
    frame.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(DataError, match=f"--every {period}$"):
        list(open_source(str(tmp_path / "rows.csv"), columns=("a", word)))
    engine = sql.create_engine(f"sqlite:///{tmp_path}/rows.db")
    frame.to_sql("t", engine)
    engine.dispose()
    with pytest.raises(DataError, match=f"--every {period}$"):
        list(open_source(f"sqlite:///{tmp_path}/rows.db", query="t", order=(word,)))
    with pytest.raises(DataError, match=r"state$|truth$"):
        list(open_source(str(tmp_path / "rows.csv"), columns=("a", "weekday")))


@pytest.mark.slow
def test_the_reason_is_the_users_own(commands: Commands) -> None:
    store = MonitorStore(commands.folder / "m.db")
    take_in(store, World(batches=16, rows=150, moved_from=8))
    named = ("--monitor", "m", "--store", "m.db")
    for line in (commands.run("reference", *named).out, commands.run("check", *named).out):
        assert "--first_batches 20 --why REASON" in line
    refused = commands.run("reference", *named, "--first_batches", "8", "--why", "REASON")
    assert refused.code == 2 and refused.err.count("\n") == 1
    assert "expected --why TEXT: on what grounds are these rows good?; got the word REASON" in refused.err
    agree(store, 8)
    store.close()
    commands.run("check", *named)
    refused = commands.run("alerts", *named, "--close", "1", "--why", "REASON")
    assert refused.code == 2 and "got the word REASON" in refused.err


class Log(row_source.LogRows):
    """A deployment that scored blocks of seven rows, with a version that changed."""

    @property
    def columns(self) -> Columns:
        return replace(row_source.COLUMNS, time="")

    def __iter__(self) -> Iterator[pd.DataFrame]:
        for block in range(6):
            rows = np.arange(7)
            yield pd.DataFrame(
                {
                    "row": 7 * block + rows, "block": f"block {block}", "version": 1 + block // 4, "truth": "a",
                    "prediction": "a", "confidence": 0.9, "x": rows * 1.0,
                }
            )  # fmt: skip


def test_a_log_of_small_blocks_and_several_versions_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".drift").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFT_MONITOR_STORE", raising=False)
    deployment: Any = SimpleNamespace(id="shop-1", model="shop_model")
    monkeypatch.setattr(row_source.LogRows, "newest", classmethod(lambda _class, path, name="": Log(path, deployment)))
    with pytest.raises(typer.Exit):
        ingestion.ingest(source="log", store=str(tmp_path / "m.db"))
    told = capsys.readouterr().out
    assert "note: a batch has 7.0 rows in the mean, fewer than 20" in told
    assert "note: 2 versions of the model answered: 1 (28 rows), 2 (14 rows)" in told


@pytest.mark.slow
def test_closing_an_alert_that_may_open_again_says_so(commands: Commands) -> None:
    named = ("--monitor", "m", "--store", "m.db")
    store = MonitorStore(commands.folder / "m.db")
    world = World(batches=16, rows=150, moved_from=8)
    take_in(store, world)
    agree(store, 8)
    commands.run("check", *named)
    closed = commands.run("alerts", *named, "--close", "1", "--why", "looked into")
    assert closed.code == 0
    assert "note: alert 1 may open again, for the newest batch is still beyond the limit: batch day 015, a: " in (
        closed.out
    )
    for name, last in (("over", World(batches=17, rows=150, seed=0)), ("wrong", World(batches=24, wrong_from=8))):
        other = MonitorStore(commands.folder / f"{name}.db")
        frames = [*list(world), last.batch(16)] if name == "over" else list(last)
        take_in(other, frames)
        agree(other, 8)
        with other.read() as connection:
            newest = batches.all_batches(connection, monitor_of(other))[-1].name
        place = ("--monitor", "m", "--store", f"{name}.db")
        commands.run("check", *place)
        said = commands.run("alerts", *place, "--close", "1", "--why", "looked into").out
        expected = f"beyond the limit: batch {newest}, error rate " if name == "wrong" else "note: "
        assert (expected in said) == (name == "wrong"), said
        other.close()
    store.close()
