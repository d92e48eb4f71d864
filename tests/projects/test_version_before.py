"""What the version before this one wrote opens, and what other programs read of a command has the same names.

`fixtures/project_before.tar.xz` is a project folder as the code before decision 24 left it: two
promotions on ELEC, a replay, and two monitors, one of them with an open alert. `out/` in it holds what its commands
wrote for other programs, and `out/interface.json` the keys of that.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest

pytestmark = pytest.mark.timeout(900)
FIXTURE = Path(__file__).with_name("fixtures") / "project_before.tar.xz"
DEPLOY = (
    "deploy", "--test_data_rows", "1000", "--block_size", "100", "--threshold_accuracy", ".70", "--retrain", "always",
    "--total_trials", "1", "--max_epochs", "2", "--window_rows", "1500", "--promote", "always",
    "--cooldown_blocks", "3", "--json", "deploy.json",
)  # fmt: skip
REPLAY = (
    "replay", "--start_rows", "2000", "--test_data_rows", "1000", "--block_size", "100", "--policies", "never,every:3",
    "--seeds", "1", "--json", "replay.json",
)  # fmt: skip
CHANGED = {"calibration_error"}  # decision 23


def run(folder: Path, *words: str, code: int = 0) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DRIFT_"))}
    environment |= {"MLFLOW_DISABLE_TELEMETRY": "true", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", "drift", *words], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def keys(value: Any, at: str = "") -> Iterator[str]:
    """The path of every key; numbers among them are `*`, elements of lists `[]`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            path = f"{at}.{'*' if re.fullmatch(r'[0-9.-]+', key) else key}".lstrip(".")
            yield path
            yield from keys(inner, path)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner, f"{at}[]")


def written(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "project"


@pytest.fixture
def interface(project: Path) -> Any:
    return written(project, "out/interface.json")


def require_keys(folder: Path, name: str, interface: Any) -> None:
    """All keys that the version before wrote are there; new ones may be."""
    missing = set(interface["json"][name]) - set(keys(written(folder, f"{name}.json")))
    assert not {key for key in missing if not key.startswith("versions")}


def test_champion_and_audit_trail_are_read(project: Path, interface: Any) -> None:
    status = run(project, "status", "--json", "status.json")
    assert "champion    version 3" in status
    assert "previous    version 2" in status
    run(project, "history", "--json", "history.json")
    assert written(project, "history.json")["records"] == written(project, "out/history.json")["records"]
    for name in ("status", "history"):
        require_keys(project, name, interface)


@pytest.mark.slow
def test_a_monitor_goes_on(project: Path, interface: Any) -> None:
    alerts = run(project, "monitor", "alerts", "--monitor", "shop")
    assert "1  open          price, batch 2026-01-18: price: Jensen-Shannon 0.54 from the reference" in alerts
    check = "monitor", "check", "--monitor", "shop", "--file", "alerts.jsonl", "--json", "check.json"
    run(project, *check, code=3)
    require_keys(project, "check", interface)
    acknowledged = "monitor", "alerts", "--monitor", "shop", "--acknowledge", "1", "--why", "on it"
    assert "acknowledged" in run(project, *acknowledged)
    closed = "monitor", "alerts", "--monitor", "shop", "--close", "1", "--why", "looked into"
    assert "closed" in run(project, *closed)
    run(project, *check)
    message = json.loads((project / "alerts.jsonl").read_text().splitlines()[0])
    assert set(interface["message"]) <= set(message)
    again = "predictions.csv --key order_id --batch day --time sold_at --prediction predicted --probability p"
    words = ("monitor", "ingest", *again.split(), "--truth", "returned", "--monitor", "shop", "--json", "ingest.json")
    run(project, *words)
    require_keys(project, "ingest", interface)
    run(project, "monitor", "report", "--monitor", "shop", "--html", "shop.html")
    assert "price" in (project / "shop.html").read_text()


def test_prometheus_reads_the_same_series(project: Path) -> None:
    from drift.monitor.prometheus import exposition
    from drift.monitor.store import MonitorStore

    before = (project / "out" / "prometheus.txt").read_text().splitlines()
    now = exposition(MonitorStore(project / ".drift" / "monitor.db")).splitlines()
    assert [line for line in before if not CHANGED & set(re.findall(r"\w+", line))] == [
        line for line in now if not CHANGED & set(re.findall(r"\w+", line))
    ]


def test_tables_compare_under_the_same_keys(project: Path, interface: Any) -> None:
    run(project, "compare", "predictions.csv", "predictions.csv", "--json", "compare.json")
    later = {key for key in interface["json"]["compare"] if key.startswith(("records[]", "options"))}
    assert later <= set(keys(written(project, "compare.json")))


@pytest.mark.slow
def test_a_replay_gives_the_same_numbers(project: Path, interface: Any) -> None:
    run(project, *REPLAY)
    require_keys(project, "replay", interface)
    before, now = (written(project, name)["records"] for name in ("out/replay.json", "replay.json"))
    timed = {"seconds", *CHANGED}
    assert [{key: record[key] for key in record.keys() - timed} for record in before] == [
        {key: record[key] for key in before[0].keys() - timed} for record in now
    ]


@pytest.mark.slow
def test_a_registered_model_serves_and_rolls_back(project: Path) -> None:
    run(project, "rollback")
    assert "champion    version 2" in run(project, "status")
    words = "--start_row 3000 --test_data_rows 200 --block_size 100 --threshold_accuracy .1 --retrain never"
    scored = run(project, "deploy", *words.split())
    assert "200 rows in 2 blocks" in scored


@pytest.mark.slow
def test_the_loop_decides_the_same_and_writes_the_same_keys(tmp_path: Path, project: Path, interface: Any) -> None:
    folder = tmp_path / "anew"
    folder.mkdir()
    run(folder, "base", "--train_rows", "2000", "--max_epochs", "2", "--total_trials", "2", "--json", "base.json")
    run(folder, *DEPLOY)
    for name in ("base", "deploy"):
        require_keys(folder, name, interface)
    before, now = (written(path, "deploy.json") for path in (project / "out", folder))
    passing = {"at", "scored_at", "seconds"}
    for old, new in zip(before["records"], now["records"], strict=True):
        assert {key: old[key] for key in old.keys() - passing} == {key: new[key] for key in old.keys() - passing}
    assert [(one["block"], one["outcome"]) for one in before["decisions"]] == [
        (one["block"], one["outcome"]) for one in now["decisions"]
    ]
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    kinds: dict[str, dict[str, set[str]]] = {}
    for experiment in client.search_experiments():
        for logged in client.search_runs([experiment.experiment_id]):
            kind = kinds.setdefault(logged.data.tags["drift.kind"], {"params": set(), "metrics": set(), "tags": set()})
            kind["params"] |= set(logged.data.params)
            kind["metrics"] |= set(logged.data.metrics)
            kind["tags"] |= set(logged.data.tags)
    for name, had in interface["mlflow"].items():
        for what, present in kinds.get(name, {}).items():
            assert set(had[what]) <= present, (name, what)
    assert {"base", "deployment", "retrain"} <= kinds.keys()
    tags = {key for version in client.search_model_versions() for key in version.tags}
    assert set(interface["mlflow"]["model version"]["tags"]) <= tags
