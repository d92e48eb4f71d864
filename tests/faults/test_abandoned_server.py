"""A server whose command and supervisor were both killed: every command knows of it, and none leaves it behind."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from tests.faults.conftest import Project
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(480)]


def abandoned(project: Project) -> str:
    """The address of a server with champion 2, which nobody owns any more."""
    serving = project.spawn("serve")
    serving.expect("Ctrl-C ends it")
    server = project.server()
    for process in ("owner", "guard"):
        os.kill(server[process]["pid"], signal.SIGKILL)
    serving.end()
    wait_until(lambda: not psutil.pid_exists(server["guard"]["pid"]), 10, what="end of the supervisor")
    return str(server["inference_url"])


def test_rollback_and_status_know_of_an_abandoned_server(promoted: Project) -> None:
    url = abandoned(promoted)
    assert promoted.answering_version() == 2
    shown = promoted.run("status").out
    assert f"at {url}, version 2 answers" in shown
    back = promoted.run("rollback")
    assert (back.code, f"server {url} follows" in back.out) == (0, True), back.err
    assert "nothing restarts it: kill " in back.err
    assert (promoted.alias("champion"), promoted.answering_version()) == (1, 1)
    serving = promoted.spawn("serve")  # replaces it
    serving.expect("Ctrl-C ends it")
    assert promoted.answering_version() == 1
    serving.ctrl_c()
    assert serving.end() == 0, serving.text
    assert "running     nothing" in promoted.run("status").out


def test_an_abandoned_server_that_does_not_answer_is_ended(promoted: Project) -> None:
    url = abandoned(promoted)
    processes = promoted.server_processes("")
    for java in promoted.server_processes("org.pytorch.serve"):
        java.suspend()
    assert url in promoted.run("status").out
    back = promoted.run("rollback")
    assert back.code == 0, back.err
    assert f"ended the server at {url}" in back.err
    assert "no server of this model is running" in back.out
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
    assert "running     nothing" in promoted.run("status").out
