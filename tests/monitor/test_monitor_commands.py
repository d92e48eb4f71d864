"""`drift monitor ...` from a shell: the way of the README, exit codes, and one line for whatever goes wrong."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import numpy as np
import pandas as pd
import pytest
import requests
import sqlalchemy as sql

from drift.monitor.store import MonitorStore
from drift.monitor.store.opening import file_of_store
from tests.monitor.commands import Commands
from tests.monitor.worlds import World, agree, take_in
from tests.postgres import PASSWORD

COLUMNS = ("--prediction", "prediction", "--truth", "truth", "--key", "id", "--time", "at", "--probability", "p",
           "--version", "model", "--batch", "day")  # fmt: skip


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


def csv_of(world: World, path: Path) -> str:
    pd.concat(list(world), ignore_index=True).to_csv(path, index=False)
    return path.name


@pytest.mark.slow
def test_the_way_of_the_readme(commands: Commands) -> None:
    folder = commands.folder
    world = World(batches=16, rows=150, moved_from=8, truth_until=14)
    source = csv_of(world, folder / "predictions.csv")
    first = commands.run("ingest", source, *COLUMNS, "--json", "ingest.json")
    assert (first.code, first.err) == (0, "")
    assert "16 batches stored (2,400 rows)" in first.out
    assert f"next: {sys.executable} -m drift monitor reference --first_batches 10 --why" in first.out
    again = commands.run("ingest", source)
    assert "0 batches stored (0 rows), 16 there already" in again.out
    truths = pd.concat(list(world.known()))[["id", "truth"]].iloc[14 * 150 :]
    pd.concat([truths, pd.DataFrame({"id": [10**9], "truth": ["UP"]})]).to_csv(folder / "truths.csv", index=False)
    joined = commands.run("truth", "truths.csv")
    assert joined.code == 0 and "300" in joined.out
    nothing = commands.run("check")
    assert nothing.code == 0 and "no reference yet" in nothing.out
    agreed = commands.run(
        "reference",
        "--first_batches",
        "8",
        "--why",
        "accepted in May",
        "--by",
        "Ada",
        "--name",
        "spring",
        "--expected_run_length",
        "500",
    )
    assert (
        "reference 1, spring of default: the first 8 batches, 1,200 rows, agreed by Ada: accepted in May" in agreed.out
    )
    assert "note: the reference has the rows of 8.0 batches" in agreed.out
    secret = ("--webhook", "http://127.0.0.1:1/services/hush", "--command", "true --token hush")
    quiet = commands.run("check", *secret, "--quiet_hours", "00:00-23:59", "--json", "quiet.json")
    assert quiet.code == 3 and "2 messages wait to be delivered" in quiet.out
    assert "hush" not in (folder / "quiet.json").read_text() + quiet.out + quiet.err
    (folder / ".drift" / "monitor.db").unlink()
    commands.run("ingest", source, *COLUMNS)
    commands.run("reference", "--first_batches", "8", "--why", "accepted in May")
    checked = commands.run("check", "--file", "alerts.jsonl", "--json", "check.json")
    assert checked.code == 3 and "opened: alert 1, a, batch day 010" in checked.out
    assert checked.out.splitlines()[-1] == f"next: {sys.executable} -m drift monitor alerts"
    [message] = [json.loads(line) for line in (folder / "alerts.jsonl").read_text().splitlines()]
    assert (message["event"], message["signal"]) == ("opened", "a")
    assert json.loads((folder / "check.json").read_text())["records"][0]["batch"] == "day 010"
    listed = commands.run("alerts")
    assert "day 010" in listed.out
    assert commands.run("alerts", "--acknowledge", "1", "--why", "on it").code == 0
    assert commands.run("check", "--file", "alerts.jsonl").code == 0
    assert len((folder / "alerts.jsonl").read_text().splitlines()) == 2
    reported = commands.run("report")
    assert reported.out.startswith("report: ") and (folder / "reports" / "monitor-default.html").is_file()
    assert "None yet." in commands.run("findings").out
    told = json.loads((folder / "ingest.json").read_text())
    assert told["records"][0]["stored"] == 16


@pytest.mark.slow
def test_a_check_with_open_alerts_names_the_command_that_lists_them(commands: Commands) -> None:
    store = MonitorStore(commands.folder / "m.db")
    take_in(store, World(batches=16, rows=150, moved_from=8))
    agree(store, 8)
    store.close()
    named = ("--monitor", "m", "--store", "m.db")
    checked = commands.run("check", *named)
    words = [sys.executable, "-m", "drift", "monitor", "alerts", *named]
    assert (checked.code, checked.out.splitlines()[-1]) == (3, f"next: {shlex.join(words)}")
    listed = commands.run(*words[4:])
    assert listed.code == 0 and "open" in listed.out
    following = listed.out.splitlines()[-1]
    assert following.startswith(f"next: {shlex.join(words)} --acknowledge 1 --why 'on it'; when it is done: ")
    acknowledged = commands.run(*shlex.split(following.removeprefix("next: ").partition(";")[0])[3:][1:])
    assert acknowledged.code == 0
    closing = acknowledged.out.splitlines()[-1]
    assert (
        closing.startswith("next, when it is done: ") and closing.removeprefix("next, when it is done: ") in following
    )
    closed = commands.run(*shlex.split(closing.partition(": ")[2])[4:])
    assert closed.code == 0 and "next" not in closed.out
    quiet = commands.run("check", *named)
    assert quiet.code == 0 and "next:" not in quiet.out


def test_the_page_is_served_until_it_is_told_to_stop_and_nothing_listens_afterwards(commands: Commands) -> None:
    commands.run("ingest", csv_of(World(batches=2), commands.folder / "p.csv"), *COLUMNS)
    process = commands.start("serve", "--port", "0", "--write")
    try:
        address = commands.wait_for("Ctrl-C").split(" at ")[-1].split(" ")[0]
        token = commands.said().split("token, for writing: ")[1].splitlines()[0]
        assert requests.get(address, timeout=60).status_code == 200
        assert requests.post(f"{address}sign-in", data={"name": "Ada", "token": token}, timeout=60).status_code == 200
        taken = address.rsplit(":", 1)[1].strip("/")
        second = Commands(commands.folder / ".drift").run("serve", "--port", taken, "--store", "monitor.db")
        assert second.code == 2 and "choose another --host or --port" in second.err
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)  # an impatient second one, which may come when all is ended
        assert process.wait(timeout=120) in (0, -signal.SIGINT)
        assert "Traceback" not in commands.said()
    finally:
        process.kill()
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("ingest", "missing.csv", "--prediction", "p"), 1, "there is no file missing.csv"),
        (("ingest", "p.csv"), 2, "expected --prediction COLUMN"),
        (("ingest", "p.csv", "--prediction", "nope", "--batch", "day"), 1, "got none called nope"),
        (("ingest", "p.csv", *COLUMNS, "--every", "1d"), 2, "expected one of --batch"),
        (("ingest", "p.csv", "--prediction", "prediction", "--every", "1 day", "--time", "at"), 2, "30min"),
        (("ingest", "p.csv", *COLUMNS, "--slice", "x: nope < 1"), 2, "expected a feature, got 'nope'"),
        (("ingest", "p.csv", *COLUMNS, "--task", "guessing"), 2, "expected --task"),
        (("ingest", "log"), 1, "there is no scoring log"),
        (("ingest", "postgresql://u:hush@127.0.0.1:1/d", "--query", "t", *COLUMNS), 1, "cannot be read"),
        (("ingest", "p.csv", *COLUMNS, "--store", "postgresql://u:hush@127.0.0.1:1/d"), 1, "cannot be opened"),
        (("ingest", "p.csv", *COLUMNS, "--store", "no/folder/m.db"), 2, "there is no folder"),
        (("ingest", "postgresql:/u:hush@h/d", *COLUMNS), 1, "there is no file postgresql:***@h/d"),
        (("ingest", "postgresql:/u:hush@h/d", "--query", "t", *COLUMNS), 2, "got the file postgresql:***@h/d"),
        (("check", "--store", "postgresql:/u:hush@h/d"), 2, "there is no folder postgresql:***@h"),
        (("ingest", "p.csv", *COLUMNS, "--slice", "x: a < 1", "--slice", "x: a > 1"), 2, "several called 'x'"),
        (("ingest", "p.csv", "--prediction", "prediction", "--every", "999999999w", "--time", "at"), 2, "ten years"),
        (("check", "--webhook", "http://host:abc/x"), 2, "expected a webhook's address"),
        (("check", "--webhook", "http://[bad/"), 2, "expected a webhook's address"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_a_right_exit_code(
    commands: Commands, arguments: tuple[str, ...], code: int, words: str
) -> None:
    csv_of(World(batches=2), commands.folder / "p.csv")
    done = commands.run(*arguments)
    assert done.code == code, done
    assert words in done.err
    assert "Traceback" not in done.err and "hush" not in done.err + done.out
    assert len(done.err.strip().splitlines()) == 1, done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "--monitor", "nope"), "expected a monitor"),
        (("serve", "--host", "no.such.host.invalid"), "cannot be listened on"),
    ],
)
def test_bad_input_beside_a_store_is_one_line(commands: Commands, arguments: tuple[str, ...], words: str) -> None:
    MonitorStore(commands.folder / "m.db").close()
    done = commands.run(*arguments, "--store", "m.db")
    assert done.code == 2 and words in done.err
    assert len(done.err.strip().splitlines()) == 1, done.err


@pytest.mark.parametrize(
    ("arguments", "store"),
    [
        (("check",), ""),
        (("alerts",), "m.db"),
        (("report",), "sqlite:///m.db"),
        (("findings", "--out", "f.md"), ""),
        (("serve", "--port", "0"), ""),
        (("reference", "--monitor", "shop"), "m.db"),
    ],
)
def test_without_a_monitor_nothing_is_made(commands: Commands, arguments: tuple[str, ...], store: str) -> None:
    before = {path.name for path in commands.folder.iterdir()}
    named = ("--store", store) if store else ()
    done = commands.run(*arguments, *named)
    assert done.code == 2
    place = "m.db" if store else f"{commands.folder}/.drift/monitor.db"
    monitor = ("--monitor", "shop") if "shop" in arguments else ()
    drift = [sys.executable, "-m", "drift", "monitor", "ingest"]
    assert done.err == (
        f"error: there is no monitor yet: no store {place}. To begin one:"
        f" {shlex.join([*drift, 'log', *monitor, *named])} (the log of a deployment)"
        f" or {shlex.join([*drift, 'FILE', *monitor, *named, '--prediction', 'COLUMN'])}\n"
    )
    assert {path.name for path in commands.folder.iterdir()} - before <= {"out.txt", "err.txt"}


@pytest.mark.slow
def test_how_rows_are_cut_is_remembered_and_not_changed(commands: Commands) -> None:
    source = csv_of(World(batches=4), commands.folder / "p.csv")
    begun = commands.run("ingest", source, *COLUMNS[:-2], "--ignore", "day", "--every", "1d")
    assert "3 batches stored" in begun.out
    assert "features: a (number), b (number), state (category); classification, answers in column" in begun.out
    assert "column prediction, truth in column truth" in begun.out
    assert "0 batches stored (0 rows), 3 there already" in commands.run("ingest", source).out
    other = commands.run("ingest", source, "--every", "7d")
    assert other.code == 2 and "expected --every 1d, as when the monitor began; got '7d'" in other.err
    other = commands.run("ingest", source, "--batch", "day")
    assert other.code == 2 and "expected no --batch" in other.err
    (commands.folder / "empty.csv").write_text("a,prediction\n")
    empty = commands.run("ingest", "empty.csv", "--monitor", "other", "--prediction", "prediction")
    assert empty.code == 0 and "no rows came" in empty.out
    (commands.folder / "twice.csv").write_text("a,a,prediction,day\n1,2,x,d\n")
    twice = commands.run("ingest", "twice.csv", "--monitor", "other", "--prediction", "prediction", "--batch", "day")
    assert twice.code == 1 and "different names in the header of twice.csv, got a more than once" in twice.err


def test_a_first_ingest_that_failed_binds_nobody(commands: Commands) -> None:
    source = csv_of(World(batches=6), commands.folder / "p.csv")
    frame = pd.read_csv(commands.folder / source).assign(other=lambda frame: frame["truth"] == "UP")
    frame.to_csv(commands.folder / source, index=False)
    wrong = commands.run("ingest", source, "--prediction", "prediction", "--truth", "other", "--key", "id")
    assert wrong.code == 1 and "called as predictions are" in wrong.err
    assert commands.run("ingest", source, *COLUMNS, "--ignore", "other").code == 0
    again = commands.run("ingest", source, "--prediction", "prediction", "--truth", "other", "--key", "id")
    assert again.code == 2 and "as when the monitor began" in again.err


def test_a_batch_sent_with_other_rows_is_refused_with_exit_code_1(commands: Commands) -> None:
    commands.run("ingest", csv_of(World(batches=2), commands.folder / "p.csv"), *COLUMNS)
    refused = commands.run("ingest", csv_of(World(batches=2, seed=1), commands.folder / "p.csv"))
    assert refused.code == 1
    assert "refused: batch 'day 000' is stored with other rows" in refused.out
    replaced = commands.run("ingest", "p.csv", "--replace")
    assert replaced.code == 0 and "2 replaced" in replaced.out


def test_a_database_without_a_time_or_key_is_cut_by_rows(commands: Commands) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=1_000)
    frame = pd.DataFrame({"x": x, "yhat": 2 * x, "y": 2 * x + rng.normal(size=1_000)})
    engine = sql.create_engine(f"sqlite:///{commands.folder}/rows.db")
    frame.to_sql("predictions", engine, index=False)
    engine.dispose()
    line = ("ingest", "sqlite:///rows.db", "--query", "predictions", "--prediction", "yhat", "--truth", "y")
    done = commands.run(*line, "--batch_size", "250")
    assert done.code == 0 and "4 batches stored" in done.out
    again = commands.run("ingest", "sqlite:///rows.db", "--query", "predictions", "--batch_size", "250")
    assert "4 there already" in again.out


def test_the_store_may_be_named_by_the_environment(tmp_path: Path) -> None:
    commands = Commands(tmp_path, {"DRIFT_MONITOR_STORE": str(tmp_path / "elsewhere.db")})
    commands.run("ingest", csv_of(World(batches=2), tmp_path / "p.csv"), *COLUMNS)
    assert os.path.getsize(tmp_path / "elsewhere.db") > 10_000  # noqa: PTH202
    assert not (tmp_path / ".drift").exists()


@pytest.mark.slow
def test_a_password_is_shown_nowhere(tmp_path: Path, database: Callable[[], str]) -> None:
    """Not by commands, pages, the report, messages or to Prometheus; source and store are PostgreSQL."""
    source, store = database(), database()
    engine = sql.create_engine(source.replace("postgresql://", "postgresql+psycopg://"))
    pd.concat(list(World(batches=12, rows=100, moved_from=6))).to_sql("predictions", engine, index=False)
    engine.dispose()
    commands, said = Commands(tmp_path, {"DRIFT_MONITOR_STORE": store}), []
    for line, code in (
        (("ingest", source, "--query", "predictions", *COLUMNS, "--json", "i.json", "--verbose"), 0),
        (
            (
                "ingest",
                source,
                "--query",
                "nowhere",
                "--monitor",
                "other",
                "--prediction",
                "p",
                "--batch",
                "d",
                "--verbose",
            ),
            1,
        ),
        (("ingest", source.replace("@", "wrong@"), "--query", "predictions"), 1),
        (("reference", "--first_batches", "6", "--why", "good"), 0),
        (("check", "--file", "alerts.jsonl", "--json", "c.json"), 3),
        (("alerts",), 0),
        (("report",), 0),
    ):
        done = commands.run(*line)
        assert done.code == code, done
        said += [done.out, done.err]
    assert "***" in "".join(said)
    process = commands.start("serve", "--port", "0")
    try:
        address = commands.wait_for("Ctrl-C").split(" at http")[1].split(" ")[0]
        for path in ("monitors/1", "monitors/1/batches/12", "monitors/1/alerts", "metrics"):
            answer = requests.get(f"http{address}{path}", timeout=120)
            assert answer.ok
            said.append(answer.text)
        assert "127.0.0.1" in said[-3]  # the batch tells where it came from
    finally:
        process.terminate()
        assert process.wait(timeout=120) == 0
    said += [path.read_text() for path in tmp_path.rglob("*") if path.suffix in (".json", ".jsonl", ".html", ".txt")]
    for form in (PASSWORD, quote(PASSWORD, safe=""), quote_plus(PASSWORD)):
        assert not any(form in text for text in said)


@pytest.mark.parametrize(
    ("place", "file"),
    [
        ("monitor.db", "monitor.db"),
        ("sqlite:///monitor.db", "monitor.db"),
        ("sqlite:////tmp/monitor.db?timeout=3", "/tmp/monitor.db"),
        ("sqlite:///file:monitor.db?uri=true", None),  # SQLite's own address: it looks for the file itself
        ("sqlite:///:memory:", None),
        ("sqlite://", None),
        ("postgresql://u@127.0.0.1/d", None),
    ],
)
def test_the_file_of_a_store(place: str, file: str | None) -> None:
    assert file_of_store(place) == (None if file is None else Path(file))
