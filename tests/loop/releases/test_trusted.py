"""Which releases may be served: trained here, accepted here, or signed; nothing that only MLflow says."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from drift.errors import ArchiveError, DataError, TrackingError, UntrustedError
from drift.loop.card import Card
from drift.loop.journal.journal import Journal
from drift.loop.project_dir import ProjectDir
from drift.loop.releases.loading import fetched
from drift.loop.releases.promote import card_of
from drift.loop.releases.trusted import TrustedReleases, accept, remember_trained, trusted_registry
from drift.system import signing
from drift.tracking.connection.store import Store
from drift.tracking.runs.release import ReleaseOrigin, download_release
from drift.tracking.runs.run import LoggedModel
from tests.models.test_exported_program import evaluated_size, records_of, write
from tests.stores import fresh_store
from tests.tracking.runs.test_release import CLASSES, edit_card, log_release, program, register

__all__ = ["program"]  # a fixture


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty MLflow database in the current folder."""
    return fresh_store(tmp_path, monkeypatch)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectDir:
    """A project's folder, and no keys."""
    monkeypatch.setenv("DRIFT_KEYS", str(tmp_path / "keys"))
    return ProjectDir(tmp_path / ".drift")


@pytest.fixture
def journal(home: ProjectDir) -> Journal:
    """Its log."""
    return Journal(home.log)


def digest_of(store: Store, run_id: str, model_id: str, folder: Path) -> str:
    folder.mkdir()
    return download_release(store, model_id, run_id, folder).digest


def test_a_version_that_only_mlflow_knows_is_refused_with_the_command_that_accepts_it(
    store: Store, program: Path, journal: Journal
) -> None:
    run_id, model_id, _ = log_release(store, program)
    number = register(store, run_id, model_id)
    registry = trusted_registry(store, "m", journal)
    refused = r"version 1 of m cannot be served: version 1 of m is not known here"
    with pytest.raises(UntrustedError, match=refused) as error:
        fetched(registry, registry.get(number))
    assert str(error.value).endswith("drift accept --register_model_name m --version 1")
    with pytest.raises(UntrustedError):
        card_of(registry, registry.get(number))


def test_what_was_trained_here_is_served_whoever_registers_it(
    store: Store, program: Path, journal: Journal, home: ProjectDir, tmp_path: Path
) -> None:
    run_id, model_id, _ = log_release(store, program)
    digest = digest_of(store, run_id, model_id, tmp_path / "d")
    remember_trained(home, LoggedModel(model_id, "0" * 64, digest), run_id)
    registry = trusted_registry(store, "m", journal)
    version = registry.get(register(store, run_id, model_id))
    assert tuple(fetched(registry, version).card["classes"]) == CLASSES
    known = journal.known(digest)
    assert known is not None
    assert (known.how, known.version) == ("trained here", None)


@pytest.mark.parametrize("file", ["card", "reference", "model"])
def test_a_change_of_any_file_after_that_is_refused(
    store: Store, program: Path, journal: Journal, home: ProjectDir, tmp_path: Path, file: str
) -> None:
    """Also where the tags in MLflow were changed with it: two classes were once swapped without a word."""
    run_id, model_id, folder = log_release(store, program)
    digest = digest_of(store, run_id, model_id, tmp_path / "d")
    remember_trained(home, LoggedModel(model_id, "0" * 64, digest), run_id)
    if file == "card":
        edit_card(folder, classes=list(reversed(CLASSES)))
    elif file == "reference":
        other = log_release(store, program, seed=1)[2] / "extra_files" / "reference.npz"
        (folder / "extra_files" / "reference.npz").write_bytes(other.read_bytes())
    else:
        import hashlib

        records = records_of(folder / "data" / "model.pt2")
        records["data/weights/weight_0"] = bytes(len(records["data/weights/weight_0"]))
        write(records, folder / "data" / "model.pt2")
        forged = hashlib.sha256((folder / "data" / "model.pt2").read_bytes()).hexdigest()
        store.client.set_logged_model_tags(model_id, {"drift.sha256": forged, "drift.release": digest})
    registry = trusted_registry(store, "m", journal)
    with pytest.raises(UntrustedError, match="is not known here"):
        registry.release(registry.get(register(store, run_id, model_id)))


def test_a_person_accepts_a_version_once(store: Store, program: Path, journal: Journal) -> None:
    run_id, model_id, _ = log_release(store, program)
    number = register(store, run_id, model_id)
    accepted = accept(store, journal, ReleaseOrigin("", "m", number))
    assert accepted.before is None
    assert accepted.lines[0] == "accepted version 1 of m"
    assert f"run {run_id}" in accepted.lines[2]
    registry = trusted_registry(store, "m", journal)
    registry.release(registry.get(number))
    again = accept(store, journal, ReleaseOrigin("", "m", number))
    assert again.before is not None
    assert again.lines[0].startswith("version 1 of m is known already: accepted by ")


def test_the_model_of_a_run_is_accepted(store: Store, program: Path, journal: Journal) -> None:
    run_id, model_id, _ = log_release(store, program)
    accept(store, journal, ReleaseOrigin(run_id))
    registry = trusted_registry(store, "m", journal)
    registry.release(registry.get(register(store, run_id, model_id)))
    made = store.client.create_run(store.experiment_id("drift"))
    with pytest.raises(TrackingError, match="logged no model"):
        accept(store, journal, ReleaseOrigin(made.info.run_id))


def test_nobody_can_accept_what_would_run_code(store: Store, program: Path, journal: Journal, tmp_path: Path) -> None:
    records, marker = records_of(program), tmp_path / "ran"
    evaluated_size(records, marker)
    hostile = write(records, tmp_path / "model.pt2")
    run_id, model_id, _ = log_release(store, hostile)
    with pytest.raises(ArchiveError, match="nothing of it was run"):
        accept(store, journal, ReleaseOrigin("", "m", register(store, run_id, model_id)))
    assert not marker.exists()


def test_a_signature_by_a_trusted_key_is_enough_and_is_remembered(
    store: Store, program: Path, journal: Journal, tmp_path: Path
) -> None:
    key = signing.new_key("training machine")
    run_id, model_id, _ = log_release(store, program)
    digest = digest_of(store, run_id, model_id, tmp_path / "d")
    store.client.set_logged_model_tags(model_id, signing.sign(digest))
    registry = trusted_registry(store, "m", journal)
    registry.release(registry.get(register(store, run_id, model_id)))
    known = journal.known(digest)
    assert known is not None
    assert known.how == f"signed by {key.fingerprint} (training machine)"


def test_a_signature_by_another_key_or_of_another_release_is_none(
    store: Store, program: Path, journal: Journal, tmp_path: Path
) -> None:
    key = signing.new_key("ada")
    first, second = log_release(store, program), log_release(store, program, seed=1)
    tags = signing.sign(digest_of(store, *first[:2], tmp_path / "d"))
    store.client.set_logged_model_tags(second[1], tags)
    registry = trusted_registry(store, "m", journal)
    with pytest.raises(UntrustedError, match="its signature is by no key that is trusted here, or of other files"):
        registry.release(registry.get(register(store, *second[:2])))
    signing.distrust(key.fingerprint)
    store.client.set_logged_model_tags(first[1], tags)
    with pytest.raises(UntrustedError, match="by no key that is trusted here"):
        registry.release(registry.get(register(store, *first[:2])))


def test_a_log_of_the_version_before_knows_no_releases_and_learns_them(home: ProjectDir) -> None:
    Journal(home.log).close()
    with closing(sqlite3.connect(home.log)) as connection, connection:
        connection.execute("DROP TABLE releases")
    assert Journal(home.log, read=True).known("a" * 64) is None
    journal = Journal(home.log)
    TrustedReleases(journal, "ada@host").know(ReleaseOrigin("r", "m", 3), "a" * 64, how="accepted")
    for log in (journal, Journal(home.log, read=True)):
        known = log.known("a" * 64)
        assert known is not None
        assert (known.model, known.version, known.by) == ("m", 3, "ada@host")
    TrustedReleases(journal, "eve@host").know(ReleaseOrigin("r", "m", 4), "a" * 64, how="trained here")
    assert journal.known("a" * 64) == known


def test_the_card_of_a_release_is_the_one_under_its_digest(store: Store, program: Path, journal: Journal) -> None:
    run_id, model_id, folder = log_release(store, program)
    number = register(store, run_id, model_id)
    accept(store, journal, ReleaseOrigin("", "m", number))
    registry = trusted_registry(store, "m", journal)
    assert isinstance(card_of(registry, registry.get(number)), Card)
    edit_card(folder, classes=list(reversed(CLASSES)))
    with pytest.raises(UntrustedError):
        card_of(trusted_registry(store, "m", journal), registry.get(number))


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ["DOWN", "UP\nversion 2 of m is known already: trained here"]},
        {"feature_names": ["x", "y\x1b[2J"]},
        {"source": {"path": "t.csv", "label": "y\nversion 2", "time": None, "ignore": []}},
    ],
    ids=["class", "feature", "label"],
)
def test_a_card_whose_names_would_forge_lines_is_not_accepted(
    store: Store, program: Path, journal: Journal, change: dict[str, object]
) -> None:
    run_id, model_id, folder = log_release(store, program)
    number = register(store, run_id, model_id)
    edit_card(folder, **change)
    for _ in range(2):  # the first try does not make it known
        with pytest.raises(DataError, match="without control characters and line breaks, got ") as error:
            accept(store, journal, ReleaseOrigin("", "m", number))
        assert len(str(error.value).splitlines()) == 1 and "\x1b" not in str(error.value)
    with pytest.raises(UntrustedError):
        trusted_registry(store, "m", journal).release(trusted_registry(store, "m", journal).get(number))


def test_the_path_in_a_card_forges_no_line(store: Store, program: Path, journal: Journal) -> None:
    run_id, model_id, folder = log_release(store, program)
    number = register(store, run_id, model_id)
    edit_card(folder, source={"path": "t\nversion 2", "label": "y", "time": None, "ignore": []})
    assert all("\n" not in line for line in accept(store, journal, ReleaseOrigin("", "m", number)).lines)
