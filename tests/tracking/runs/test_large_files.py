"""Small files in the artifact store that would fill the memory: refused as damaged, before anybody trusts them."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from mlflow.entities import FileInfo
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from drift.data.array_files import LARGEST_REFERENCE
from drift.data.blocks import Reference
from drift.errors import BlockError, TrackingError
from drift.tracking.connection import artifacts as locations
from drift.tracking.connection.store import Store
from drift.tracking.runs.lookup import model_card, read_reference, require_whole_reference, sha256_of

MEMORY = 200_000_000  # bytes that reading one may take


def header(shape: str, dtype: str) -> bytes:
    """The first bytes of an array (.npy)."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def reference_with(path: Path, name: str, start: bytes, zeros: int = 0) -> Path:
    """A reference in which one array is another one: a header, and zeros after it."""
    whole = io.BytesIO()
    np.savez(
        whole, features=np.ones((3, 2), np.float32), labels=np.zeros(3, np.int64), probabilities=np.ones((3, 1)),
    )  # fmt: skip
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            if part.filename != f"{name}.npy":
                new.writestr(part, old.read(part))
        with new.open(f"{name}.npy", "w", force_zip64=True) as file:
            file.write(start)
            for _ in range(zeros >> 20):
                file.write(bytes(1 << 20))
    return path


REFERENCES = [
    pytest.param("features", header("(3, 100000000)", "<f4"), 1200 << 20, id="zeros"),
    pytest.param("features", header("(3, 1000000000000)", "<f4"), 0, id="only a shape"),
    pytest.param("features", header("(0, 1000000000000)", "<f4"), 0, id="columns of no rows"),
    pytest.param("feature_names", header("(1000000000000,)", "<U0"), 0, id="empty names"),
    pytest.param("classes", header("(50000000,)", "|i1"), 50 << 20, id="many classes"),
]


@pytest.mark.parametrize(("name", "start", "zeros"), REFERENCES)
def test_a_reference_that_would_fill_the_memory_is_damaged(tmp_path: Path, name: str, start: bytes, zeros: int) -> None:
    path = reference_with(tmp_path / "reference.npz", name, start, zeros)
    assert path.stat().st_size < 2_000_000
    before = psutil.Process().memory_info().rss
    with pytest.raises(TrackingError, match=r"reference.npz of model m in .* is damaged \("):
        read_reference(path, "model m")
    with pytest.raises(TrackingError, match="is damaged"):
        require_whole_reference(path, "m")
    assert psutil.Process().memory_info().rss - before < MEMORY


def test_a_reference_is_no_larger_than_the_memory_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 50_000
    reference = Reference(
        np.zeros((rows, 40), np.float32), np.zeros(rows, np.int64), np.ones((rows, 2), np.float32), (), ("a", "b")
    )
    reference.save(tmp_path / "reference.npz")
    assert len(Reference.load(tmp_path / "reference.npz")) == rows
    memory = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=1_000_000))
    with pytest.raises(BlockError, match="expected up to 16 arrays and 1,000,000 bytes"):
        Reference.load(tmp_path / "reference.npz")
    assert LARGEST_REFERENCE <= 1 << 30


def test_what_is_saved_without_features_or_names_is_read(tmp_path: Path) -> None:
    Reference.of_losses([0, 1, 0]).save(tmp_path / "reference.npz")
    assert Reference.load(tmp_path / "reference.npz").accuracy == pytest.approx(2 / 3)


LEVELS = "".join(f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]\n" for at in range(1, 12))
CARDS = [
    pytest.param("metadata: {classes: [a], when: 2026-01-01}\n", "date is not JSON", id="a date"),
    pytest.param(f"a0: &a0 [{', '.join('x' * 9)}]\n{LEVELS}metadata: {{classes: *a11}}\n", "alias", id="aliases"),
    pytest.param(f"metadata: {{classes: {'[' * 400_000}{']' * 400_000}}}\n", "lists in each other", id="deep"),
    pytest.param(f"metadata: {{classes: [{'x' * 1_100_000}]}}\n", "1,048,576 bytes", id="long"),
]


@pytest.mark.parametrize(("text", "reason"), CARDS)
def test_a_card_that_would_fill_the_memory_is_damaged(store: Store, text: str, reason: str) -> None:
    made = store.client.create_logged_model(store.experiment_id("drift", create=True), name="model")
    folder = Path(str(made.artifact_location).removeprefix("file://"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "MLmodel").write_text(text)
    before = psutil.Process().memory_info().rss
    with pytest.raises(TrackingError, match=rf"MLmodel of model .* is damaged \(.*{reason}"):
        model_card(store, made.model_id)
    assert psutil.Process().memory_info().rss - before < MEMORY


def test_a_model_of_any_size_is_neither_downloaded_nor_read(tmp_path: Path) -> None:
    """A file without contents takes nothing in the artifact store, and gigabytes in memory."""
    large = tmp_path / "store" / "data" / "model.pt2"
    large.parent.mkdir(parents=True)
    with large.open("wb") as file:
        file.truncate(locations.LARGEST_DOWNLOAD + 1)
    artifacts = locations.Artifacts("there", "model m", LocalArtifactRepository(str(tmp_path / "store")))
    assert artifacts.sizes("") == artifacts.sizes("data") == {"data/model.pt2": locations.LARGEST_DOWNLOAD + 1}
    for path in ("data/model.pt2", "data", ""):
        with pytest.raises(TrackingError, match=r"expected at most 1,073,741,824 bytes in .* of model m, got"):
            artifacts.download(path, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    with large.open("wb") as file:
        file.truncate(300_000_000)
    before = psutil.Process().memory_info().rss
    tracemalloc.start()
    assert len(sha256_of(large)) == 64
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert psutil.Process().memory_info().rss - before < MEMORY


def test_a_list_of_artifacts_without_end_or_beside_their_folder_is_refused(tmp_path: Path) -> None:
    class Endless:
        def __init__(self, name: str) -> None:
            self.name = name

        def list_artifacts(self, path: str | None) -> list[FileInfo]:
            return [FileInfo(f"{path or ''}{self.name}", True, 0)]

    for name in ("a/", "../a/", "/a"):
        repository: Any = Endless(name)
        with pytest.raises(TrackingError, match="expected at most 1,000 artifacts of model m, each below its folder"):
            locations.Artifacts("there", "model m", repository).download("", tmp_path / "copy")
