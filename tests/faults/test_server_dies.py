"""The JVM or a worker is killed under a running deployment: it recovers by itself, without a wrong or second answer."""

from __future__ import annotations

import pytest

from tests.built import FIVE_BLOCKS, NONE_FLAGGED, QUICK_RETRAIN
from tests.faults.conftest import ALL_FLAGGED, HUNDRED_BLOCKS, Project
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

JVM, WORKER = "org.pytorch.serve", "model_service_worker"


def test_jvm_and_worker_are_killed_while_scoring(project: Project) -> None:
    """First a worker, then the JVM: every block is answered in the end, once."""
    process = project.start("deploy", *HUNDRED_BLOCKS, *NONE_FLAGGED)
    wait_until(lambda: len(project.blocks()) >= 5, 90, what="five blocks")
    for worker in project.server_processes(WORKER):
        worker.kill()
    done = len(project.blocks())
    wait_until(lambda: len(project.blocks()) >= done + 5, 60, what="five blocks by a new worker")
    for jvm in project.server_processes(JVM):
        jvm.kill()
    ended = project.finish(process)
    assert (ended.code, ended.err.strip()) == (0, "TorchServe ended; starting it again")
    project.assert_complete(100)


def test_jvm_is_killed_after_a_promotion(project: Project) -> None:
    """The server that starts again answers with the promoted version, not with the one it began with."""
    terminal = project.spawn(
        "deploy", *FIVE_BLOCKS, *ALL_FLAGGED, *QUICK_RETRAIN, "--promote", "always", "--cooldown_blocks", "0"
    )
    terminal.expect(r"Retrain now\?.*?\): ")
    terminal.answer("y")
    terminal.expect(r"Retrain now\?.*?\): ")
    for jvm in project.server_processes(JVM):
        jvm.kill()
    terminal.answer("n")
    assert terminal.end() == 3, terminal.text
    project.assert_complete(5)
    assert [version for _, version in project.blocks()] == [1, 2, 2, 2, 2]


def test_jvm_is_killed_while_retraining(project: Project) -> None:
    """The challenger that was trained meanwhile takes over on a server that was started again for it."""
    terminal = project.spawn("deploy", *FIVE_BLOCKS, *ALL_FLAGGED, *QUICK_RETRAIN, "--promote", "always")
    terminal.expect(r"Retrain now\?.*?\): ")
    terminal.answer("y")
    terminal.expect("trial 0: ")
    for jvm in project.server_processes(JVM):
        jvm.kill()
    assert terminal.end() == 0, terminal.text
    project.assert_complete(5)
    assert [version for _, version in project.blocks()] == [1, 2, 2, 2, 2]
    assert [line[0] for line in project.audit()] == ["deploy", "promote"]
