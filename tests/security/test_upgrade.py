"""A project of the version before, whose log knows no releases: it still opens, and its models are accepted once."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from tests.built import FIVE_BLOCKS, NONE_FLAGGED
from tests.faults.conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def old(promoted: Project) -> Project:
    """Version 2 is champion and version 1 previous, as the version before left them: no digests of releases."""
    folder = promoted.folder
    with contextlib.closing(sqlite3.connect(folder / ".drift" / "log.db")) as connection, connection:
        for table in ("releases", "audit_proofs"):
            connection.execute(f"DROP TABLE {table}")
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as connection, connection:
        for table in ("logged_model_tags", "model_version_tags"):
            connection.execute(
                f"DELETE FROM {table} WHERE {'tag_key' if table.startswith('logged') else 'key'} = 'drift.release'"  # noqa: S608
            )
    return promoted


def command_in(error: str) -> list[str]:
    """The command that an error names last, without the program's name."""
    words = error.partition("If you know where it comes from: ")[2].partition("; ")[0].split()
    return words[words.index("accept") :]


def test_its_champion_is_served_after_one_command(old: Project) -> None:
    assert old.run("status").code == 0
    assert old.run("history").code == 0
    refused = old.run("serve")
    assert refused.code == 1
    assert "version 2 of drift_model is not known here" in refused.error
    accepted = old.run(*command_in(refused.error))
    assert accepted.code == 0, accepted.err
    assert "accepted version 2 of drift_model" in accepted.out
    serving = old.spawn("serve")
    serving.expect("Ctrl-C ends it")
    assert old.answering_version() == 2
    serving.ctrl_c()
    assert serving.end() == 0, serving.text
    again = old.run("deploy", *FIVE_BLOCKS, *NONE_FLAGGED)
    assert again.code == 0, again.err


def test_the_version_to_roll_back_to_is_accepted_by_its_number(old: Project) -> None:
    refused = old.run("rollback")
    assert refused.code == 1
    assert "version 1 of drift_model" in refused.error
    assert refused.error.endswith("version 2 stays champion")
    assert (old.alias("champion"), old.alias("previous")) == (2, 1)
    accepted = old.run("accept", "--version", "1")
    assert accepted.code == 0, accepted.err
    assert old.run("rollback").code == 0
    assert (old.alias("champion"), old.alias("previous")) == (1, 2)
