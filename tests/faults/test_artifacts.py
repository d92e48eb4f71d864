"""A model file that is not what was accepted, or that no server can load: never served, and nothing else disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.built import FIVE_BLOCKS, NONE_FLAGGED, QUICK_RETRAIN, copied, trained_folder
from tests.faults.conftest import ALL_FLAGGED, Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_challenger_that_does_not_load(project: Project) -> None:
    """Its workers die: one line, the champion and its alias stay, and `--resume` tries another challenger."""
    options = ("deploy", *FIVE_BLOCKS, *ALL_FLAGGED, *QUICK_RETRAIN, "--promote", "always", "--retrain", "always")
    ended = project.patched("break_archive.py", "2", args=options)
    assert ended.code == 1
    assert "cannot be loaded" in ended.error
    assert (project.alias("champion"), project.alias("previous")) == (1, None)
    project.assert_resumable()
    project.assert_settled()
    again = project.run("deploy", "--resume", "--retrain", "always")
    assert again.code == 0, again.err
    project.assert_complete(5)
    assert (project.alias("champion"), project.alias("previous")) == (3, 1)


def test_an_artifact_changed_after_it_was_logged(fresh: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    """One byte more in `model.pt2`: refused by its digest, before anything is registered as champion or served."""
    copied(trained_folder(tmp_path_factory), fresh.folder)
    (model,) = _model_files(fresh.folder)
    with model.open("ab") as stream:
        stream.write(b"x")
    ended = fresh.run("deploy", *FIVE_BLOCKS, *NONE_FLAGGED)
    assert ended.code == 1
    assert "is not the file that was logged" in ended.error
    assert fresh.alias("champion") is None
    assert fresh.deployments() == []
    fresh.assert_settled()
    model.write_bytes(model.read_bytes()[:-1])
    assert fresh.run("deploy", *FIVE_BLOCKS, *NONE_FLAGGED).code == 0
    fresh.assert_complete(5)


def _model_files(folder: Path) -> list[Path]:
    return list((folder / "mlruns").rglob("model.pt2"))
