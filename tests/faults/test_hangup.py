"""SIGHUP ends every command as SIGTERM does, in real processes; nohup keeps it ignored."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from tests.built import FIVE_BLOCKS, NONE_FLAGGED
from tests.faults.conftest import ALL_FLAGGED, HUNDRED_BLOCKS, Project, taken
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_sighup_while_scoring_leaves_a_deployment_to_resume(project: Project) -> None:
    process = project.start("deploy", *HUNDRED_BLOCKS, *NONE_FLAGGED)
    wait_until(lambda: len(project.blocks()) >= 3, 100, what="a third block")
    process.send_signal(signal.SIGHUP)
    ended = project.finish(process)
    assert (ended.code, ended.error[:11]) == (130, "interrupted"), ended.err
    project.assert_resumable()
    project.assert_settled()
    assert project.run("deploy", "--resume").code == 0
    project.assert_complete(100)


def test_a_terminal_closed_at_the_question_answers_nothing(project: Project) -> None:
    """The terminal is gone, not only signalled: no decision is kept, and the question is put again."""
    terminal = project.spawn("deploy", *FIVE_BLOCKS, *ALL_FLAGGED)
    terminal.expect(r"Retrain now\?")
    process = terminal.pid
    terminal.child.ptyproc.fileobj.close()
    project.terminals.remove(terminal)  # its process is waited for below
    wait_until(lambda: _ended(process), 60, what="the end of the command")
    project.assert_resumable()
    project.assert_settled()
    assert project.decisions() == []
    assert list((project.folder / "reports").glob(f"{project.deployments()[-1][0]}*"))
    again = project.spawn("deploy", "--resume")
    again.expect(r"block 0 flagged[\s\S]*Retrain now\?")
    again.answer("n")
    assert again.end() == 3, again.text


def test_a_second_sighup_does_not_cost_the_report(project: Project) -> None:
    """A shell forwards one to its jobs, and the kernel sends another: closing a terminal sends both."""
    terminal = project.spawn("deploy", *FIVE_BLOCKS, *ALL_FLAGGED)
    terminal.expect(r"Retrain now\?")
    for _ in range(2):
        terminal.child.kill(signal.SIGHUP)
        wait_until(lambda: taken(terminal.pid, signal.SIGHUP), what="the signal")  # two that wait are one
    assert terminal.end() == 130, terminal.text
    assert project.deployments()[-1][1] == "interrupted"
    project.assert_settled()
    assert list((project.folder / "reports").glob(f"{project.deployments()[-1][0]}*"))


def test_sighup_while_training_ends_its_runs(project: Project) -> None:
    project.experiment = f"base-{project.model}"
    process = project.start("base", "--max_epochs", "200", "--total_trials", "2")
    wait_until(lambda: any("trial" in name for name in project.runs("RUNNING")), 100, what="a trial")
    process.send_signal(signal.SIGHUP)
    ended = project.finish(process)
    assert (ended.code, ended.error[:11]) == (130, "interrupted"), ended.err
    project.assert_settled()


def test_sighup_ends_serve(deployed: Project) -> None:
    process = deployed.start("serve")
    assert process.stdout is not None
    while "Ctrl-C ends it" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGHUP)
    assert deployed.finish(process).code == 0
    deployed.assert_settled()


def test_nohup_keeps_a_command_going(project: Project) -> None:
    process = project.start(command=["nohup", *project.command("deploy", *HUNDRED_BLOCKS, *NONE_FLAGGED)])
    wait_until(lambda: len(project.blocks()) >= 3, 100, what="a third block")
    process.send_signal(signal.SIGHUP)
    ended = project.finish(process)
    assert ended.code == 0, ended.err
    project.assert_complete(100)


def test_sighup_ends_the_page_of_the_monitor(project: Project, tmp_path: object) -> None:
    csv = project.folder / f"{project.model}.csv"
    csv.write_text("key,x,predicted\n" + "".join(f"{row},{row % 7},a\n" for row in range(50)), encoding="ascii")
    store = ["--store", f"sqlite:///{project.model}-monitor.db"]
    arguments = [str(csv), "--prediction", "predicted", "--key", "key", *store]
    made = project.run(command=[sys.executable, "-m", "drift", "monitor", "ingest", *arguments])
    assert made.code == 0, made.err
    process = project.start(command=[sys.executable, "-m", "drift", "monitor", "serve", "--port", "0", *store])
    assert process.stdout is not None
    while "Ctrl-C ends it" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGHUP)
    assert project.finish(process).code == 0


def _ended(process: int) -> bool:
    try:
        done, _ = os.waitpid(process, os.WNOHANG)
    except ChildProcessError:
        return True
    return done == process
