"""What people do in MLflow's registry behind our back: aliases moved, versions and files deleted."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.built import FIVE_BLOCKS
from tests.faults.conftest import Project
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow import MlflowClient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(480)]


def client(project: Project) -> MlflowClient:
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")


def files_of(project: Project, version: int) -> Path:
    found = client(project).get_model_version(project.model, str(version))
    model = client(project).get_logged_model(found.source.removeprefix("models:/"))
    return Path(str(model.artifact_location).removeprefix("file://"))


@contextmanager
def away(folder: Path) -> Iterator[None]:
    """The folder is gone while the body runs; other tests need it afterwards."""
    hidden = folder.with_name(f"{folder.name}-away")
    folder.rename(hidden)
    try:
        yield
    finally:
        if folder.exists():  # MLflow makes an empty one when it looks
            folder.rmdir()
        hidden.rename(folder)


def test_rollback_to_a_version_without_files_is_refused(promoted: Project) -> None:
    """Its digest is checked before the alias moves, although no server runs."""
    with away(files_of(promoted, 1)):
        ended = promoted.run("rollback")
        assert ended.code == 1
        assert "version 1 of" in ended.error
        assert ended.error.endswith("version 2 stays champion")
        assert promoted.run("status").code == 0
    assert (promoted.alias("champion"), promoted.alias("previous")) == (2, 1)
    model = next(files_of(promoted, 1).rglob("model.pt2"))
    content = model.read_bytes()
    try:
        model.write_bytes(content[:-1] + b"x")
        assert "is not the file that was logged" in promoted.run("rollback").error
    finally:
        model.write_bytes(content)
    assert promoted.run("rollback").code == 0
    assert (promoted.alias("champion"), promoted.alias("previous")) == (1, 2)


def test_rollback_from_a_deleted_champion(promoted: Project) -> None:
    client(promoted).delete_model_version(promoted.model, "2")
    shown = promoted.run("status")
    assert shown.code == 0, shown.err
    told = " ".join(shown.out.split())  # the terminal's width may fold it
    assert re.search(r"version 2 was, and has lost the alias or was deleted: \S*(python -m )?drift rollback", told), (
        told
    )
    assert "drift rollback" in promoted.run("serve").error
    back = promoted.run("rollback", "--reason", "it was deleted")
    assert back.code == 0, back.err
    assert "version 1 is champion again" in back.out
    assert promoted.alias("champion") == 1
    assert promoted.audit()[-1] == ("rollback", 2, 1)


def test_an_alias_moved_by_hand_while_serving(promoted: Project) -> None:
    """The server follows within a minute, `status` says who moved what, and a rollback undoes it."""
    serving = promoted.spawn("serve")
    serving.expect("Ctrl-C ends it")
    assert promoted.answering_version() == 2
    client(promoted).set_registered_model_alias(promoted.model, "champion", "1")
    wait_until(lambda: promoted.answering_version() == 1, 60, what="the server follows the alias")
    wait_until(lambda: promoted.audit()[-1] == ("repair", 2, 1), 20, what="a line of the move")
    shown = promoted.run("status")
    assert "moved outside of this project" in shown.out
    assert "version 1 answers" in shown.out
    assert "base run of experiment" not in shown.out  # the reason of version 1's first period
    assert promoted.run("rollback").code == 0
    assert (promoted.alias("champion"), promoted.alias("previous"), promoted.answering_version()) == (2, 1, 2)
    serving.ctrl_c()
    assert serving.end() == 0, serving.text


def test_an_alias_moved_by_hand_while_a_deployment_asks(promoted: Project) -> None:
    """Nobody answers its question meanwhile; the server follows, and the next block is the moved version's."""
    terminal = promoted.spawn("deploy", *FIVE_BLOCKS, "--threshold_accuracy", "1")
    terminal.expect(r"Retrain now\?.*?\): ")
    assert promoted.answering_version() == 2
    client(promoted).set_registered_model_alias(promoted.model, "champion", "1")
    wait_until(lambda: promoted.answering_version() == 1, 60, what="the server follows the alias")
    terminal.answer("n")
    assert terminal.end() == 3, terminal.text
    assert promoted.blocks()[-1][1] == 1
    promoted.assert_settled()
