"""The monitor's commands killed, its database gone, its webhook away: whatever is stored is whole, and counted once."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sql

from drift.errors import DriftError
from drift.monitor.sources.rows import present
from drift.monitor.store import MonitorStore, alerts, batches
from drift.monitor.store.tables import update
from tests.monitor.commands import Commands
from tests.monitor.receiver import receiver
from tests.monitor.test_monitor_commands import COLUMNS, csv_of
from tests.monitor.worlds import World
from tests.postgres import Cluster, binaries, cluster
from tests.servers import free_port
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WORLD = World(batches=60, rows=3_000)
TOTAL = 60 * 3_000


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a store is."""
    if request.param == "sqlite":
        yield str(tmp_path / "m.db")
        return
    if binaries() is None:
        pytest.skip("no PostgreSQL on this machine; on Debian: make system")
    with cluster() as made:
        yield made.url


def stored(place: str) -> dict[str, tuple[int, int, str]]:
    """Rows, known truths and digest of every batch, each found to be whole."""
    store = MonitorStore(place)
    found = {}
    with store.read() as connection:
        for monitor in batches.all_monitors(connection):
            for batch in batches.all_batches(connection, monitor):
                rows = [part for _, part in batches.rows_of(connection, batch.id)]
                assert sum(len(part) for part in rows) == batch.rows
                assert sum(int(part.labelled.sum()) for part in rows) == batch.known
                keys = np.concatenate([part.keys for part in rows])
                assert len(set(keys.tolist())) == batch.rows
                [accuracy] = batches.history(connection, monitor, ["accuracy"])[batch.id]
                right = sum(int((part.prediction == part.labels)[present(part.labels)].sum()) for part in rows)
                assert accuracy.measure.value == pytest.approx(right / batch.known)
                found[batch.name] = (batch.rows, batch.known, batch.digest)
    store.close()
    return found


def count(place: str) -> int:
    """Batches so far; 0 if there is no store yet."""
    if "://" not in place and not Path(place).exists():
        return 0
    try:
        store = MonitorStore(place)
        with store.read() as connection:
            monitors = batches.all_monitors(connection)
            found = len(batches.all_batches(connection, monitors[0])) if monitors else 0
    except DriftError:  # it is being made
        return 0
    store.close()
    return found


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int, str]]:
    """The same, never interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    csv_of(WORLD, folder / "p.csv")
    done = Commands(folder).run("ingest", "p.csv", *COLUMNS, "--store", "m.db")
    assert done.code == 0, done.err
    return stored(str(folder / "m.db"))


def test_an_ingest_that_is_killed_again_and_again_counts_every_row_once(
    tmp_path: Path, place: str, expected: dict[str, tuple[int, int, str]]
) -> None:
    csv_of(WORLD, tmp_path / "p.csv")
    commands = Commands(tmp_path)
    killed = 0
    for more in (1, 7, 3, 13, 5):
        before = count(place)
        process = commands.start("ingest", "p.csv", *COLUMNS, "--store", place)
        wait_until(lambda: count(place) >= before + more or process.poll() is not None, what="batches")  # noqa: B023
        time.sleep(0.011 * more)  # no event: somewhere in the next batch
        process.send_signal(signal.SIGKILL)
        killed += process.wait(timeout=30) == -signal.SIGKILL
        so_far = stored(place)
        assert so_far == {name: expected[name] for name in so_far}
    assert killed >= 4
    done = commands.run("ingest", "p.csv", *COLUMNS, "--store", place)
    assert done.code == 0, done.err
    assert stored(place) == expected
    assert sum(rows for rows, _, _ in stored(place).values()) == TOTAL


def test_truth_that_is_killed_on_the_way_is_joined_once(tmp_path: Path, place: str) -> None:
    unknown = replace(WORLD, truth_until=0)
    csv_of(unknown, tmp_path / "p.csv")
    commands = Commands(tmp_path)
    assert commands.run("ingest", "p.csv", *COLUMNS, "--store", place).code == 0
    pd.concat(list(WORLD))[["id", "truth"]].to_csv(tmp_path / "t.csv", index=False)
    process = commands.start("truth", "t.csv", "--store", place)
    store = MonitorStore(place)

    def truths() -> int:
        with store.read() as connection:
            [monitor] = batches.all_monitors(connection)
            return sum(batch.known for batch in batches.all_batches(connection, monitor))

    wait_until(lambda: truths() > 5 * 3_000, what="labels of five batches")
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    assert 0 < truths() < TOTAL
    done = commands.run("truth", "t.csv", "--store", place)
    assert done.code == 0, done.err
    assert truths() == TOTAL
    assert sum(known for _, known, _ in stored(place).values()) == TOTAL
    store.close()


def test_a_database_that_goes_away_and_comes_back(tmp_path: Path, expected: dict[str, tuple[int, int, str]]) -> None:
    """PostgreSQL killed in the middle of an ingest: one line, exit code 1; the same command goes on when it is back."""
    if binaries() is None:
        pytest.skip("no PostgreSQL on this machine; on Debian: make system")
    csv_of(WORLD, tmp_path / "p.csv")
    commands = Commands(tmp_path)
    with cluster() as server:
        process = commands.start("ingest", "p.csv", *COLUMNS, "--store", server.url)
        wait_until(lambda: count(server.url) >= 5, what="five batches")
        server.kill()
        assert process.wait(timeout=60) == 1
        said = (tmp_path / "err.txt").read_text().strip()
        assert len(said.splitlines()) == 1 and "the monitor's store" in said and "***" in said
        away = commands.run("check", "--store", server.url)
        assert away.code == 1 and "cannot be opened" in away.err
        server.start()
        assert commands.run("ingest", "p.csv", *COLUMNS, "--store", server.url).code == 0
        assert stored(server.url) == expected


def test_a_source_that_goes_away_leaves_whole_batches(
    tmp_path: Path, expected: dict[str, tuple[int, int, str]]
) -> None:
    """The database that is read from is killed instead; the store is SQLite."""
    if binaries() is None:
        pytest.skip("no PostgreSQL on this machine; on Debian: make system")
    commands = Commands(tmp_path)
    with cluster() as server:
        fill(server)
        line = ("ingest", server.url, "--query", "predictions", *COLUMNS, "--store", "m.db")
        process = commands.start(*line)
        wait_until(lambda: count(str(tmp_path / "m.db")) >= 5, what="five batches")
        server.kill()
        code = process.wait(timeout=60)
        so_far = stored(str(tmp_path / "m.db"))
        assert code == 1 and set(so_far) < set(expected)
        said = (tmp_path / "err.txt").read_text().strip()
        assert len(said.splitlines()) == 1 and "cannot be read" in said
        server.start()
        assert commands.run(*line).code == 0
        assert {name: found[:2] for name, found in stored(str(tmp_path / "m.db")).items()} == {
            name: found[:2] for name, found in expected.items()
        }


def fill(server: Cluster) -> None:
    """The world's rows as a table."""
    engine = sql.create_engine(server.url.replace("postgresql://", "postgresql+psycopg://"))
    pd.concat(list(WORLD), ignore_index=True).to_sql("predictions", engine, index=False, chunksize=20_000)
    engine.dispose()


def test_a_webhook_that_is_away_for_a_while_is_told_once(tmp_path: Path, place: str) -> None:
    csv_of(World(batches=16, rows=150, moved_from=8), tmp_path / "p.csv")
    commands = Commands(tmp_path, {"HOOK_SECRET": "s3cret"})
    assert commands.run("ingest", "p.csv", *COLUMNS, "--store", place).code == 0
    assert commands.run("reference", "--first_batches", "8", "--why", "good", "--store", place).code == 0
    port = free_port()
    line = (
        "check",
        "--store",
        place,
        "--webhook",
        f"http://127.0.0.1:{port}/hook?key=hush",
        "--webhook_secret",
        "HOOK_SECRET",
    )
    away = commands.run(*line)
    assert away.code == 3
    assert "not delivered yet" in away.out and "1 message waits to be delivered" in away.out
    assert "hush" not in away.out + away.err
    with receiver(port) as there:
        age(place, 60)
        process = commands.start(*line)  # and is killed while it sends, as the receiver takes its time
        there.seconds = 3
        wait_until(
            lambda: attempts(place) == 2 and there.asked == 1, what="a second try"
        )  # written down first, then sent
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        there.seconds = 0
        wait_until(lambda: len(there.ids) == 1, what="the message")  # it has it, though nobody could write that down
        age(place, 200)
        assert commands.run(*line).code == 3
        assert commands.run(*line).code == 3
        assert len(set(there.ids)) == 1 and len(there.ids) <= 2  # the same id tells the receiver that it has it
        assert all("Drift-Signature" in headers for headers, _ in there.came)


def test_a_webhook_that_is_back_is_told_once_by_checks_at_once(tmp_path: Path, place: str) -> None:
    csv_of(World(batches=16, rows=150, moved_from=8), tmp_path / "p.csv")
    commands = Commands(tmp_path)
    commands.run("ingest", "p.csv", *COLUMNS, "--store", place)
    commands.run("reference", "--first_batches", "8", "--why", "good", "--store", place)
    port = free_port()
    line = ("check", "--store", place, "--webhook", f"http://127.0.0.1:{port}/")
    assert commands.run(*line).code == 3
    age(place, 60)
    with receiver(port) as there:
        there.seconds = 0.5
        folders = [tmp_path / name for name in ("one", "two", "three")]
        for folder in folders:
            folder.mkdir()
        running = [Commands(folder).start(*line) for folder in folders]
        assert [process.wait(timeout=60) for process in running] == [3, 3, 3]
        assert len(there.ids) == 1


def attempts(place: str) -> int:
    store = MonitorStore(place)
    with store.read() as connection:
        [monitor] = batches.all_monitors(connection)
        [one] = alerts.deliveries_of(connection, monitor)
    store.close()
    return one.attempts


def age(place: str, seconds: float) -> None:
    """As if so much time had passed since the last try."""
    store = MonitorStore(place)
    with store.write() as connection:
        [monitor] = batches.all_monitors(connection)
        for one in alerts.deliveries_of(connection, monitor, "pending"):
            update(connection, replace(one, not_before=one.not_before - seconds))
    store.close()
