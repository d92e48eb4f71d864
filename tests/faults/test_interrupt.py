"""Ctrl-C and SIGTERM at every stage: exit 130, one line, and `--resume` finishes what was begun."""

from __future__ import annotations

import functools
import signal
import time

import pytest

from tests.built import FIVE_BLOCKS, NONE_FLAGGED, QUICK_RETRAIN, TRAIN_ROWS
from tests.faults.conftest import ALL_FLAGGED, HUNDRED_BLOCKS, Project, handles, taken
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ENDING = r"error: interrupted; nothing is lost[^\n]*--resume goes on"


def test_ctrl_c_while_scoring(project: Project) -> None:
    """Ctrl-C between two blocks: the same deployment goes on after the last committed block."""
    terminal = project.spawn("deploy", *HUNDRED_BLOCKS, *NONE_FLAGGED)
    terminal.expect(r" 10 +17624")
    terminal.ctrl_c()
    terminal.expect(ENDING)
    assert terminal.end() == 130, terminal.text
    assert "Traceback" not in terminal.text
    project.assert_resumable()
    project.assert_settled()
    done = len(project.blocks())
    assert 10 <= done < 100
    ended = project.run("deploy", "--resume")
    assert ended.code == 0, ended.err
    assert len(project.deployments()) == 1
    project.assert_complete(100)


def test_sigterm_at_the_prompt(project: Project) -> None:
    """SIGTERM while a person thinks: the flagged block is decided after `--resume`, and only once.

    While it is under way, another process may not resume it, and harms nothing by trying.
    """
    terminal = project.spawn("deploy", *FIVE_BLOCKS, *ALL_FLAGGED)
    terminal.expect(r"Retrain now\?")
    second = project.run("deploy", "--resume")
    assert (second.code, second.error[:26]) == (1, "another process is running")
    assert project.run_status(project.deployments()[-1][2]) == "RUNNING"
    terminal.child.kill(signal.SIGTERM)
    terminal.expect(ENDING)
    assert terminal.end() == 130, terminal.text
    assert "Traceback" not in terminal.text
    project.assert_resumable()
    project.assert_settled()
    assert project.decisions() == []
    again = project.spawn("deploy", "--resume")
    again.expect(r"block 0 flagged.*Retrain now\?")
    again.ctrl_c()
    again.expect(r"\^C")
    again.ctrl_c()  # an impatient person
    assert again.end() == 130, again.text
    assert "Traceback" not in again.text
    project.assert_resumable()
    ended = project.run("deploy", "--resume", "--retrain", "never")
    assert ended.code == 3, ended.err
    project.assert_complete(5)
    assert [block for block, *_ in project.decisions()] == [
        block for (block,) in project.log(
            "select block from blocks where deployment = ? and flagged order by block", project.deployments()[-1][0]
        )
    ]  # fmt: skip


def test_sigterm_while_training_the_base(project: Project) -> None:
    """SIGTERM in the middle of a trial: runs are ended, `--resume` takes the same run to its end."""
    project.experiment = f"base-{project.model}"
    options = ("base", "--max_epochs", "40", "--total_trials", "3", "--train_rows", str(TRAIN_ROWS))
    process = project.start(*options)
    experiment = "select count(*) from runs join experiments using (experiment_id) where experiments.name = ?"
    wait_until(lambda: project.mlflow(experiment, project.experiment)[0][0] >= 3, 60, what="a second trial")
    process.send_signal(signal.SIGTERM)
    ended = project.finish(process)
    assert (ended.code, ended.error[:11]) == (130, "interrupted"), ended.err
    statuses = "select distinct status from runs join experiments using (experiment_id) where experiments.name = ?"
    assert set(project.mlflow(statuses, project.experiment)) <= {("KILLED",), ("FINISHED",)}
    again = project.run(*options, "--resume")
    assert again.code == 0, again.err
    assert "resuming base training" in again.out
    parents = "select count(*) from runs join experiments using (experiment_id) where experiments.name = ?"
    parents += " and runs.name = 'BaseModel' and status = 'FINISHED'"
    assert project.mlflow(parents, project.experiment) == [(1,)]
    project.assert_settled()


def test_signals_at_any_moment_of_starting(project: Project) -> None:
    """However early it comes, and twice in a row: exit 130, never a traceback of ours, nothing half made."""
    for seconds in (0.1, 0.2, 0.4, 0.6, 0.9, 1.8, 3.0):
        process = project.start("base", "--total_trials", "2", "--max_epochs", "1")
        wait_until(functools.partial(handles, process, signal.SIGINT), 30, what="Python's handler of SIGINT")
        time.sleep(seconds)  # no event: any moment will do
        process.send_signal(signal.SIGINT)
        wait_until(lambda: process.poll() is not None or taken(process.pid, signal.SIGINT), what="the signal")  # noqa: B023
        process.send_signal(signal.SIGINT)
        ended = project.finish(process)
        # CPython ends itself by the signal where an import was in the middle of an `exec`; a shell reads both as 130.
        assert ended.code in (130, -signal.SIGINT), (seconds, ended)
        if ended.code == -signal.SIGINT and "drift" not in ended.err:  # before the first line of ours was read
            continue
        assert ended.err.strip().splitlines()[-1].startswith("error: interrupted"), (seconds, ended)
        # An extension module may print, and swallow, what interrupts its own import; then the second signal ends it.
        assert "Traceback" not in ended.err or ended.err.startswith("Exception ignored in"), (seconds, ended)
    project.assert_settled()


def test_ctrl_c_while_retraining(project: Project) -> None:
    """Ctrl-C in a retrain: its runs are ended, the champion stays, `--resume` asks for the retrain again."""
    options = ("deploy", *FIVE_BLOCKS, *ALL_FLAGGED, "--max_epochs", "60", "--window_rows", "4000")
    terminal = project.spawn(*options, "--retrain", "always", "--promote", "always")
    terminal.expect("retraining on rows")
    wait_until(lambda: any("trial" in name for name in project.runs("RUNNING")), 30, what="a trial")
    terminal.ctrl_c()
    terminal.expect(ENDING)
    assert terminal.end() == 130, terminal.text
    assert "Traceback" not in terminal.text
    project.assert_resumable()
    project.assert_settled()
    assert (project.alias("champion"), project.decisions()) == (1, [])
    ended = project.run("deploy", "--resume", "--retrain", "always")
    assert ended.code == 0, ended.err
    project.assert_complete(5)
    assert project.alias("champion") == 2
    assert [line[0] for line in project.audit()] == ["deploy", "promote"]


def test_ctrl_c_in_a_retrain_of_its_own(deployed: Project) -> None:
    """`drift retrain` interrupted: exit 130 with words that are true of it, no alias moved, no run left RUNNING."""
    process = deployed.start("retrain", "--max_epochs", "200", *QUICK_RETRAIN[2:4])
    wait_until(lambda: any("trial" in name for name in deployed.runs("RUNNING")), 60, what="a trial")
    process.send_signal(signal.SIGINT)
    ended = deployed.finish(process)
    assert ended.code == 130
    assert ended.error.startswith("interrupted")
    assert "--resume" not in ended.error
    assert (deployed.alias("champion"), deployed.alias("challenger"), deployed.versions()) == (1, None, 1)
    deployed.assert_settled()
