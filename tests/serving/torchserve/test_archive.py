"""Archives: what is in them, and when none is made."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from drift.errors import ArchiveError
from drift.serving import build_archive
from drift.serving.torchserve.archive import drop_archives
from tests.serving.conftest import TinyModel


def test_an_archive_is_named_after_what_is_in_it(tiny_model: TinyModel, tmp_path: Path) -> None:
    archive = tiny_model.archive(tmp_path / "store", 3)
    assert archive == tmp_path / "store" / f"tiny-v3-{tiny_model.digest[:12]}.mar"
    with zipfile.ZipFile(archive) as packed:
        assert set(packed.namelist()) == {
            "handler.py",
            "exported_program.py",
            "model.pt2",
            "model.json",
            "MAR-INF/MANIFEST.json",
        }
        assert packed.read("model.pt2") == tiny_model.file.read_bytes()
        card = json.loads(packed.read("model.json"))
        manifest = json.loads(packed.read("MAR-INF/MANIFEST.json"))
    assert card == {**tiny_model.card, "version": 3, "sha256": tiny_model.digest}
    assert manifest["model"]["modelVersion"] == "3"
    assert manifest["model"]["handler"] == "handler.py"


def test_building_again_replaces_what_was_damaged(tiny_model: TinyModel, tmp_path: Path) -> None:
    archive = tiny_model.archive(tmp_path, 1)
    archive.write_bytes(b"half an archive")
    assert tiny_model.archive(tmp_path, 1) == archive
    assert zipfile.is_zipfile(archive)
    assert list(tmp_path.iterdir()) == [archive]  # and no scaffolding


def test_a_changed_model_is_refused(tiny_model: TinyModel, tmp_path: Path) -> None:
    changed = tmp_path / "model.pt2"
    changed.write_bytes(tiny_model.file.read_bytes() + b"\0")
    store = tmp_path / "store"
    with pytest.raises(ArchiveError, match=f"expected .* {tiny_model.digest}, .*, got [0-9a-f]{{64}}: ") as error:
        build_archive(changed, name="tiny", version=1, card=tiny_model.card, digest=tiny_model.digest, store=store)
    assert "\n" not in str(error.value)
    assert not store.exists()


def test_a_card_without_names_is_refused(tiny_model: TinyModel, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="got no classes"):
        build_archive(
            tiny_model.file, name="tiny", version=1, card={"feature_names": ["a"]}, digest=tiny_model.digest,
            store=tmp_path,
        )  # fmt: skip


def test_a_store_that_cannot_be_written_is_one_line(tiny_model: TinyModel, tmp_path: Path) -> None:
    in_the_way = tmp_path / "store"
    in_the_way.write_text("a file")
    with pytest.raises(ArchiveError, match=r"cannot pack .* \(File exists\): free some space") as error:
        tiny_model.archive(in_the_way, 1)
    assert "\n" not in str(error.value)


def test_a_full_disk_leaves_no_half_archive(
    tiny_model: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(ArchiveError, match="No space left on device"):
        tiny_model.archive(tmp_path, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_model_is_one_line(tiny_model: TinyModel, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="No such file"):
        build_archive(
            tmp_path / "nothing", name="tiny", version=1, card=tiny_model.card, digest=tiny_model.digest,
            store=tmp_path,
        )  # fmt: skip


def test_only_our_own_archives_of_the_model_are_dropped(tiny_model: TinyModel, tmp_path: Path) -> None:
    """Others stay, also those that are called as ours are and hold something else."""
    ours = [tiny_model.archive(tmp_path, version).name for version in (1, 2, 3)]
    other = tiny_model.archive(tmp_path, 1, name="tiny-v2").name
    theirs = [f"tiny-v{version}-{'0' * 12}.mar" for version in (4, 5, 6)]
    (tmp_path / theirs[0]).write_bytes(b"no archive")
    with zipfile.ZipFile(tmp_path / theirs[1], "w") as packed:
        packed.writestr("model.json", '{"version": 5, "sha256": "ffff"}')
    shutil.copy(tmp_path / ours[0], tmp_path / theirs[2])  # another version inside
    for name in ("tiny.mar", "resnet.mar", "notes.txt"):
        (tmp_path / name).write_bytes(b"theirs")
    before = {path.name for path in tmp_path.iterdir()}
    assert drop_archives(tmp_path, "tiny", keep={ours[1]}) == [ours[0], ours[2]]
    assert {path.name for path in tmp_path.iterdir()} == before - {ours[0], ours[2]}
    assert other in before
    assert drop_archives(tmp_path / "nowhere", "tiny", keep=()) == []
