"""`kill -9` of the command itself, anywhere: nothing is left running, and `--resume` does nothing twice."""

from __future__ import annotations

import signal

import psutil
import pytest

from tests.built import FIVE_BLOCKS, NONE_FLAGGED, QUICK_RETRAIN
from tests.faults.conftest import ALL_FLAGGED, HUNDRED_BLOCKS, LEFT_SECONDS, Project
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

RETRAIN = ("deploy", *FIVE_BLOCKS, *ALL_FLAGGED, *QUICK_RETRAIN, "--promote", "always", "--retrain", "always")
ADD_DECISION = "drift.loop.journal.journal:Journal.add_decision"
POINT = "drift.tracking.registry:Registry.point"
AUDIT = "drift.loop.journal.journal:Journal.audit"


def test_kill_while_scoring(project: Project) -> None:
    """Killed between two blocks: the server ends by itself, and the rest is scored, each block once."""
    process = project.start("deploy", *HUNDRED_BLOCKS, *NONE_FLAGGED)
    wait_until(lambda: len(project.blocks()) >= 10, 90, what="ten blocks")
    servers = project.server_processes("")
    assert len(servers) >= 3  # guard, JVM, worker
    process.send_signal(signal.SIGKILL)
    assert project.finish(process).code == -signal.SIGKILL
    wait_until(lambda: not any(map(_lives, servers)), LEFT_SECONDS, what="end of the server")
    project.assert_resumable()
    done = len(project.blocks())
    assert done < 100
    status = project.run("status").out
    line = " ".join(status[status.index(f"  unfinished  {project.deployments()[-1][0]}") :].split())  # may be folded
    assert f"drift deploy --register_model_name {project.model} --resume)" in line
    assert "running     nothing" in status
    ended = project.run("deploy", "--resume")
    assert ended.code == 0, ended.err
    project.assert_complete(100)
    assert project.run("deploy", "--resume").error.startswith("there is no unfinished deployment")


def test_kill_while_retraining(project: Project) -> None:
    """Killed in a trial: its runs are ended by the resumed deployment, which retrains once."""
    options = ("deploy", *FIVE_BLOCKS, *ALL_FLAGGED, "--window_rows", "4000", "--max_epochs", "60")
    process = project.start(*options, "--promote", "always", "--retrain", "always")
    wait_until(lambda: any("trial" in name for name in project.runs("RUNNING")), 90, what="a trial")
    process.send_signal(signal.SIGKILL)
    assert project.finish(process).code == -signal.SIGKILL
    project.assert_resumable()
    assert project.decisions() == []
    ended = project.run("deploy", "--resume", "--retrain", "always")
    assert ended.code == 0, ended.err
    project.assert_complete(5)
    assert (project.alias("champion"), project.versions()) == (2, 2)


def test_death_between_promotion_and_decision(project: Project) -> None:
    """The audit trail tells what the decision was: it is restored, and nothing is retrained twice."""
    died = project.patched("die_at.py", "before", ADD_DECISION, "outcome='promoted'", args=RETRAIN)
    assert died.code == 9, died.err
    assert (project.alias("champion"), project.decisions()) == (2, [])
    ended = project.run("deploy", "--resume", "--retrain", "always")
    assert ended.code == 0, ended.err
    project.assert_complete(5)
    assert project.decisions()[0] == (0, "promoted", 2)
    assert project.versions() == 2
    assert [line[0] for line in project.audit()] == ["deploy", "promote"]


def test_death_between_server_and_alias(project: Project) -> None:
    """The server had moved and the alias not: the alias is the truth, so the old champion answers and is challenged."""
    died = project.patched("die_at.py", "before", POINT, "'champion', 2", args=RETRAIN)
    assert died.code == 9, died.err
    assert project.alias("champion") == 1
    assert "champion    version 1" in project.run("status").out
    ended = project.run("deploy", "--resume", "--retrain", "never")
    assert ended.code == 3, ended.err
    project.assert_complete(5)
    assert {version for _, version in project.blocks()} == {1}
    assert [line[0] for line in project.audit()] == ["deploy"]


def test_death_between_alias_and_audit(project: Project) -> None:
    """The alias had moved without a line in the trail: the line is written from its intent, with its evidence."""
    died = project.patched("die_at.py", "before", AUDIT, "action='promote'", args=RETRAIN)
    assert died.code == 9, died.err
    assert (project.alias("champion"), project.alias("previous")) == (2, 1)
    assert "champion    version 2" in project.run("status").out
    ended = project.run("deploy", "--resume", "--retrain", "never")
    assert ended.code == 0, ended.err
    project.assert_complete(5)
    assert project.audit() == [("deploy", None, 1), ("promote", 1, 2)]
    assert project.decisions()[0] == (0, "promoted", 2)
    assert [version for _, version in project.blocks()] == [1, 2, 2, 2, 2]


def test_death_before_the_first_audit_line(project: Project) -> None:
    """Died while the very first version was made champion: the next deployment puts the trail right."""
    died = project.patched("die_at.py", "before", AUDIT, "action='deploy'", args=("deploy", *FIVE_BLOCKS))
    assert died.code == 9, died.err
    assert (project.alias("champion"), project.audit(), project.deployments()) == (1, [], [])
    assert project.run("deploy", *FIVE_BLOCKS, *NONE_FLAGGED).code == 0
    project.assert_complete(5)
    assert project.audit() == [("deploy", None, 1)]


def test_death_after_the_base_model_was_logged(project: Project) -> None:
    """MLflow calls the run FINISHED when its model is logged; `--resume` still finds it and ends it properly."""
    project.experiment = f"base-{project.model}"
    options = ("base", "--max_epochs", "1", "--total_trials", "1", "--train_rows", "3000")
    died = project.patched("die_at.py", "after", "drift.tracking.runs.open_runs:Run.model", "TableNet", args=options)
    assert died.code == 9, died.err
    ended = project.run(*options, "--resume")
    assert ended.code == 0, ended.err
    project.assert_settled()
    count = (
        "select count(*) from runs join experiments using (experiment_id) where experiments.name = ? and runs.name = ?"
    )
    assert project.mlflow(count, project.experiment, "BaseModel") == [(1,)]
    assert project.mlflow(count, project.experiment, "base trial 0") == [(1,)]


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
