"""Another process moves the champion of a server that is answering: registry and server stay in agreement."""

from __future__ import annotations

import re
import signal

import pytest

from tests.built import FIVE_BLOCKS, NONE_FLAGGED, QUICK_RETRAIN
from tests.faults.conftest import ALL_FLAGGED, Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

QUESTION = r"Retrain now\?.*?\): "


def test_rollback_beside_a_running_deployment(project: Project) -> None:
    """`drift rollback` while somebody is asked: the next block is answered by the previous version."""
    options = ("deploy", *FIVE_BLOCKS, *ALL_FLAGGED, *QUICK_RETRAIN, "--promote", "always", "--cooldown_blocks", "0")
    terminal = project.spawn(*options)
    terminal.expect(QUESTION)
    terminal.answer("y")
    terminal.expect(QUESTION)
    assert project.answering_version() == 2
    back = project.run("rollback", "--reason", "worse on Mondays")
    assert back.code == 0, back.err
    assert "version 1 is champion again" in back.out
    assert (project.alias("champion"), project.alias("previous"), project.answering_version()) == (1, 2, 1)
    terminal.answer("n")
    assert terminal.end() == 3, terminal.text
    project.assert_complete(5)
    assert [version for _, version in project.blocks()] == [1, 2, 1, 1, 1]
    assert [line[0] for line in project.audit()] == ["deploy", "promote", "rollback"]


def test_rollback_survives_the_death_of_the_jvm(project: Project) -> None:
    """The server that starts again after a rollback from outside answers with the registry's champion."""
    options = ("deploy", *FIVE_BLOCKS, *ALL_FLAGGED, *QUICK_RETRAIN, "--promote", "always", "--cooldown_blocks", "0")
    terminal = project.spawn(*options)
    terminal.expect(QUESTION)
    terminal.answer("y")
    terminal.expect(QUESTION)
    assert project.run("rollback").code == 0
    for jvm in project.server_processes("org.pytorch.serve"):
        jvm.kill()
    terminal.answer("n")
    assert terminal.end() == 3, terminal.text
    assert project.alias("champion") == 1
    assert [version for _, version in project.blocks()] == [1, 2, 1, 1, 1]


def test_a_served_model_is_retrained_deployed_and_rolled_back(deployed: Project) -> None:
    """`drift serve` goes on while `drift retrain` rolls it over, and `drift deploy --server` uses and leaves it."""
    serving = deployed.spawn("serve")
    serving.expect(r"use it with: --server (\S+) --server_folder ([^\r\n]+)")
    url, folder = serving.child.match.group(1), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", serving.child.match.group(2))
    assert deployed.run("serve").error.startswith("another process is serving")
    retrained = deployed.run("retrain", *QUICK_RETRAIN, "--promote", "always")
    assert retrained.code == 0, retrained.err
    assert (deployed.alias("champion"), deployed.answering_version()) == (2, 2)
    used = deployed.run("deploy", *FIVE_BLOCKS, *NONE_FLAGGED, "--server", url, "--server_folder", folder)
    assert used.code == 0, used.err
    deployed.assert_complete(5)
    assert {version for _, version in deployed.blocks()} == {2}
    assert deployed.answering_version() == 2
    assert url in deployed.run("status").out
    back = deployed.run("rollback")
    assert f"server {url} follows" in back.out
    assert (deployed.alias("champion"), deployed.answering_version()) == (1, 1)
    serving.child.kill(signal.SIGTERM)
    assert serving.end() == 0, serving.text
    deployed.assert_settled()
