"""A deployment that was interrupted does not go on with a version that a retrain by hand made from its next rows."""

from __future__ import annotations

import shlex

import pytest

from tests.built import FIVE_BLOCKS, NONE_FLAGGED, QUICK_RETRAIN, TRAIN_ROWS
from tests.faults.conftest import HUNDRED_BLOCKS, Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

LATER = TRAIN_ROWS + 1_000


def test_a_resume_after_a_retrain_on_later_rows(project: Project) -> None:
    """It is refused, and the command that is printed instead scores new rows and ends what cannot go on."""
    terminal = project.spawn("deploy", *HUNDRED_BLOCKS, *NONE_FLAGGED)
    terminal.expect(r" 10 +17624")
    terminal.ctrl_c()
    assert terminal.end() == 130, terminal.text
    done = len(project.blocks())
    later = project.run("deploy", *FIVE_BLOCKS, *NONE_FLAGGED, "--start_row", str(LATER))
    assert later.code == 0, later.err
    assert "were scored before" not in later.out + later.err
    assert project.run("retrain", *QUICK_RETRAIN, "--promote", "always").code == 0
    refused = project.run("deploy", "--resume")
    first = project.deployments()[0][0]
    assert refused.code == 1
    assert refused.error.startswith(
        f"deployment {first} cannot go on at row {TRAIN_ROWS + 20 * done}: version 2 would answer, which had seen the"
        f" rows up to {LATER + 99} when it was made"
    )
    command = refused.error.partition(f"which ends deployment {first}: ")[2].partition(";")[0]
    words = shlex.split(command)
    assert words[words.index("--start_row") + 1] == str(LATER + 100)
    ended = project.run("deploy", "--start_row", str(LATER + 100), *FIVE_BLOCKS, *NONE_FLAGGED)
    assert ended.code == 0, ended.err
    assert f"deployment {first} ends with this one" in " ".join((ended.out + ended.err).split())
    assert [state for _, state, _ in project.deployments()] == ["superseded", "done", "done"]
    assert project.run("deploy", "--resume").error.startswith("there is no unfinished deployment")
    assert "unfinished" not in project.run("status").out
