"""A real MLflow server that is away: at the start, in the middle of a deployment, in the middle of a training."""

from __future__ import annotations

import pytest

from tests.built import QUICK_TRAINING, TRAIN_ROWS
from tests.faults.conftest import ALL_FLAGGED, HUNDRED_BLOCKS, Project, TrackingServer
from tests.servers import free_port
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.parametrize("command", ["base", "deploy", "status"])
def test_away_at_the_start(fresh: Project, command: str) -> None:
    """Nobody listens at MLFLOW_TRACKING_URI: one line that names it, within a minute."""
    address = f"http://127.0.0.1:{free_port()}"
    ended = fresh.run(command, env={"MLFLOW_TRACKING_URI": address}, timeout=60)
    assert ended.code == 1
    assert address in ended.error


def test_gone_in_the_middle(fresh: Project, tracking_server: TrackingServer) -> None:
    """Gone in a training and in a deployment: one line each, and `--resume` completes both, each step once."""
    fresh.environment |= {"MLFLOW_TRACKING_URI": tracking_server.url}
    fresh.mlflow_file = tracking_server.folder / "mlflow.db"
    base = ("base", "--max_epochs", "15", "--total_trials", "2", "--train_rows", str(TRAIN_ROWS))
    process = fresh.start(*base)
    wait_until(lambda: any("trial" in name for name in fresh.runs()), 60, what="the first trial")
    tracking_server.kill()
    ended = fresh.finish(process)
    assert (ended.code, ended.error[:19]) == (1, "MLflow failed while")
    tracking_server.start()
    again = fresh.run(*base, "--resume")
    assert again.code == 0, again.err
    assert fresh.runs().count("BaseModel") == 1
    fresh.assert_settled()

    process = fresh.start("deploy", *HUNDRED_BLOCKS, *ALL_FLAGGED, *QUICK_TRAINING, "--retrain", "never")
    wait_until(lambda: len(fresh.blocks()) >= 10, 90, what="ten blocks")
    tracking_server.kill()
    ended = fresh.finish(process)
    assert ended.code == 1
    assert f"drift deploy --register_model_name {fresh.model} --resume" in ended.error
    assert [block for block, _ in fresh.blocks()] == list(range(100))
    assert fresh.deployments()[-1][1] == "interrupted"
    assert len(fresh.tracked_steps()) < 100
    tracking_server.start()
    again = fresh.run("deploy", "--resume", "--retrain", "never")
    assert again.code == 3, again.err
    fresh.assert_complete(100)
