"""What Prometheus reads: the newest state, escaped; alert rules; the dashboard's queries on a real server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from drift.monitor.alerts.check import check
from drift.monitor.alerts.messages import Watch
from drift.monitor.pipeline.ingest import ingest
from drift.monitor.pipeline.labels import join_labels
from drift.monitor.prometheus import GAUGES, exposition
from drift.monitor.sources.batches import Batching
from drift.monitor.store import MonitorStore, batches, references
from tests.monitor.serving import serving
from tests.monitor.worlds import COLUMNS, World, agree, monitor_of, take_in
from tests.servers import free_port
from tests.waiting import wait_until

DOCS = Path(__file__).parents[2] / "docs" / "prometheus"
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
needs_prometheus = pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus on the PATH; on Debian: make system")


def alarmed(path: Path) -> MonitorStore:
    store = MonitorStore(path)
    take_in(store, World(batches=16, rows=150, moved_from=8, truth_until=15))
    agree(store, 8)
    check(store, monitor_of(store), Watch())
    return store


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_the_newest_state_is_told(tmp_path: Path) -> None:
    store = alarmed(tmp_path / "m.db")
    found = samples(exposition(store))

    def value(name: str, **labels: str) -> float:
        return found[f"drift_monitor_{name}", tuple(sorted(({"monitor": "m"} | labels).items()))]

    with store.read() as connection:
        everything = batches.all_batches(connection, monitor_of(store))
        [accuracy] = batches.history(connection, monitor_of(store), ["accuracy"])[everything[-2].id]
        reference = references.current_reference(connection, monitor_of(store))
        assert reference is not None
        drift = references.drift_of_batch(connection, everything[-1].id, reference)
    assert drift is not None
    assert (value("batches"), value("rows")) == (16, 2_400)
    assert (value("alerts", state="open"), value("alerts", state="closed")) == (1, 0)
    assert value("metric", metric="accuracy") == accuracy.measure.value  # of the newest batch whose truth is known
    assert value("newest_batch_timestamp_seconds") == everything[-1].fresh_at
    assert abs(value("last_ingest_timestamp_seconds") - time.time()) < 600
    for one in drift.signals:
        assert value("distance", signal=one.signal.removeprefix("feature:")) == one.jensen_shannon
        assert value("distance_limit", signal=one.signal.removeprefix("feature:")) == one.limit
    assert {name.removeprefix("drift_monitor_") for name, _ in found} == set(GAUGES)


def test_a_batch_that_has_little_of_its_truth_is_not_told(tmp_path: Path) -> None:
    store = alarmed(tmp_path / "m.db")
    before, key = samples(exposition(store)), str(15 * 150)
    join_labels(store, monitor_of(store), np.asarray([key], object), np.asarray(["UP"], object))
    with store.read() as connection:
        newest = batches.newest_batch(connection, monitor_of(store))
    assert newest is not None and newest.known == 1
    accuracy = "drift_monitor_metric", (("metric", "accuracy"), ("monitor", "m"))
    assert samples(exposition(store))[accuracy] == before[accuracy]


def test_an_empty_store_and_hostile_names_are_told_as_well(tmp_path: Path) -> None:
    store = MonitorStore(tmp_path / "m.db")
    assert samples(exposition(store)) == {}
    name = 'a"b\\c\nd} 1\ndrift_monitor_alerts{state="open"} 99'
    frames = list(World(batches=2))
    ingest(store, name, frames, source="", columns=COLUMNS, batching=Batching(column="day"), ordered=True)
    found = samples(exposition(store))
    assert found["drift_monitor_batches", (("monitor", name),)] == 2
    assert 99 not in found.values()


@pytest.mark.slow
@needs_prometheus
def test_alert_rules_fire_when_they_should() -> None:
    assert PROMTOOL is not None
    for line in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]):
        done = subprocess.run([PROMTOOL, *line], cwd=DOCS, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_rules_and_dashboard_ask_for_nothing_that_is_not_told() -> None:
    names = {f"drift_monitor_{name}" for name in GAUGES}
    for path in (DOCS / "alerts.yml", DOCS / "grafana.json"):
        asked = set(re.findall(r"drift_monitor_\w+", path.read_text()))
        assert asked and asked <= names


def test_the_dashboard_has_a_query_in_every_panel_and_room_for_each() -> None:
    dashboard = json.loads((DOCS / "grafana.json").read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["targets"] and all(target["expr"] for target in panel["targets"])
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken and max(x for x, _ in cells) < 24
        taken |= cells


@pytest.mark.slow
@needs_prometheus
def test_every_query_of_the_dashboard_and_the_rules_answers_on_a_real_prometheus(tmp_path: Path) -> None:
    store = alarmed(tmp_path / "m.db")
    port = free_port()
    with serving(store) as site:
        target = site.address.removeprefix("http://")
        (tmp_path / "p.yml").write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            f"rule_files: ['{DOCS}/alerts.yml']\n"
            f"scrape_configs: [{{job_name: drift, static_configs: [{{targets: ['{target}']}}]}}]\n"
        )
        assert PROMETHEUS is not None
        line = [PROMETHEUS, f"--config.file={tmp_path}/p.yml", f"--storage.tsdb.path={tmp_path}/data",
                f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(line, stdout=log, stderr=log, start_new_session=True)
        try:
            base = f"http://127.0.0.1:{port}/api/v1"
            wait_for(f"{base}/query", {"query": "drift_monitor_batches"})
            dashboard = json.loads((DOCS / "grafana.json").read_text())
            for panel in dashboard["panels"]:
                for one in panel["targets"]:
                    asked = one["expr"].replace("$monitor", ".+")
                    answer = ask(f"{base}/query", {"query": asked})
                    if "mae" not in asked:  # a classification has no errors of a regression
                        assert answer["data"]["result"], asked
            variable = next(one for one in dashboard["templating"]["list"] if one["name"] == "monitor")
            metric, label = re.findall(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])[0]
            assert ask(f"{base}/label/{label}/values", {"match[]": metric})["data"] == ["m"]
            firing = wait_for(f"{base}/query", {"query": 'ALERTS{alertstate="firing"}'})
            assert {one["metric"]["alertname"] for one in firing} == {"DriftAlertOpen"}
        finally:
            process.terminate()
            process.wait(timeout=30)


def ask(address: str, query: dict[str, str]) -> dict[str, Any]:
    answer = requests.get(address, params=query, timeout=10)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def wait_for(address: str, query: dict[str, str]) -> list[dict[str, Any]]:
    """The query's result, as soon as there is one."""
    answers: list[dict[str, Any]] = []

    def answered() -> bool:
        with suppress(requests.ConnectionError, AssertionError):
            answers.extend(ask(address, query)["data"]["result"])
        return bool(answers)

    wait_until(answered, what=f"an answer to {query}")
    return answers
