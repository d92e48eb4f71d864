"""The forecast of the threshold in real commands: `--json`, MLflow and the report say the same, resumed or not."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Project
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LONGEST = 240.0  # seconds of 60 blocks on a machine at work
BLOCKS = ("--test_data_rows", "1200", "--block_size", "20", "--threshold_accuracy", ".5", "--retrain", "never")


def forecasts(path: Path) -> list[dict[str, Any]]:
    return [record["forecast"] for record in json.loads(path.read_text())["records"]]


def test_forecasts_are_in_json_mlflow_and_report(project: Project, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    ended = project.run("deploy", *BLOCKS, "--policy", "forecast:2", "--json", str(told), timeout=LONGEST)
    assert ended.code in (0, 3), ended.err
    made = forecasts(told)
    assert len(made) == 60
    assert {forecast["threshold"] for forecast in made} == {0.5}
    run = project.deployments()[-1][2]
    for key, name in (
        ("block/blocks_to_threshold", "median"),
        ("block/blocks_to_threshold_low", "low"),
        ("block/blocks_to_threshold_high", "high"),
        ("block/probability_below_threshold", "probability_next"),
    ):
        logged = project.mlflow("select value from metrics where run_uuid = ? and key = ? order by step", run, key)
        assert [value for (value,) in logged] == [51 if f[name] is None else f[name] for f in made]
    page = (project.folder / "reports" / f"{project.deployments()[-1][0]}.html").read_text(encoding="utf-8")
    assert "Forecast: blocks until accuracy is below 0.5" in page
    records = json.loads(told.read_text())["records"]
    assert [record["index"] for record in records if record["flagged"]] == [
        record["index"] for record in records if record["accuracy"] < 0.5 or (record["forecast"]["median"] or 51) <= 2
    ]


def test_a_killed_deployment_goes_on_with_the_same_forecasts(project: Project, tmp_path: Path) -> None:
    whole, resumed = tmp_path / "whole.json", tmp_path / "resumed.json"
    ended = project.run("deploy", *BLOCKS, "--json", str(whole), timeout=LONGEST)
    assert ended.code in (0, 3), ended.err
    process = project.start("deploy", *BLOCKS)
    wait_until(lambda: len(project.deployments()) == 2 and len(project.blocks()) >= 5, 90, what="five blocks")
    process.send_signal(signal.SIGKILL)
    assert project.finish(process).code == -signal.SIGKILL
    assert len(project.blocks()) < 60
    ended = project.run("deploy", "--resume", "--json", str(resumed), timeout=LONGEST)
    assert ended.code in (0, 3), ended.err
    assert forecasts(resumed) == forecasts(whole)


@pytest.mark.parametrize("policy", ["forecast:0", "forecast:x", "forecast:3:70", "threshold:70"])
def test_a_policy_with_another_value_is_a_usage_error(project: Project, policy: str) -> None:
    ended = project.run_here(*project.named("deploy", *BLOCKS, "--policy", policy))
    assert ended.code == 2
    assert "expected" in ended.error
    assert policy in ended.error
