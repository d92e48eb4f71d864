"""A model packed for TorchServe, named after what is in it. Used by the loop between registry and server.

elec-v3-9f86d081884c.mar
    handler.py     what runs in the worker (see `handler`), and exported_program.py, which it imports
    model.pt2      the exported program: float32 (n, d) in, probabilities (n, classes) out
    model.json     feature_names, classes, version, sha256
"""

from __future__ import annotations

import glob
import hashlib
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from drift.errors import ArchiveError


def archive_name(name: str, version: int, digest: str) -> str:
    """The file name of a version's archive, which says what is in it."""
    return f"{name}-v{version}-{digest[:12]}.mar"


def build_archive(
    model_file: Path, *, name: str, version: int, card: Mapping[str, Any], digest: str, store: Path
) -> Path:
    """Pack `model_file` into `store`; a repeated call replaces the archive by an equal one.

    Args:
        model_file: a program that `torch.export.save` wrote.
        name: the model's registered name.
        version: its registered version, which the server will answer to.
        card: `feature_names` and `classes`, and what else should travel with it.
        digest: SHA-256 of `model_file` as 64 hex digits, as recorded when it was accepted.
        store: the server's model store.

    Returns:
        The archive, called `archive_name` in the store.

    Raises:
        ArchiveError: the file is not the one that was accepted, or the archive cannot be written.
    """
    missing = [key for key in ("feature_names", "classes") if key not in card]
    if missing:
        raise ArchiveError(f"expected feature_names and classes in the card, got no {' and no '.join(missing)}")
    target = store / archive_name(name, version, digest)
    try:
        _require_digest(model_file, digest)
        store.mkdir(parents=True, exist_ok=True)
        # Beside its place, so that the last step is one rename: no server ever sees half an archive.
        with tempfile.TemporaryDirectory(prefix=".packing-", dir=store) as workshop:
            packed = _pack(model_file, name, version, {**card, "version": version, "sha256": digest}, workshop)
            packed.chmod(0o600 | store.stat().st_mode & 0o044)  # a server of another user may have to read it
            packed.replace(target)
    except OSError as error:
        raise ArchiveError(
            f"cannot pack {model_file} into {store} ({error.strerror or error}): "
            "free some space, or give a folder that can be written"
        ) from error
    return target


def drop_archives(store: Path, name: str, *, keep: Collection[str]) -> list[str]:
    """Delete the archives of a model that this package packed into a store, except some; they can be packed again.

    Args:
        store: a model store; it may hold archives of other people, which stay, whatever they are called.
        name: the model's registered name.
        keep: file names of archives that stay.

    Returns:
        File names of what was deleted.
    """
    pattern = re.compile(rf"{re.escape(name)}-v(\d+)-([0-9a-f]{{12}})\.mar")
    dropped = []
    for path in sorted(store.glob(f"{glob.escape(name)}-v*.mar")):
        named = pattern.fullmatch(path.name)
        if named and path.name not in keep and _says(path, int(named[1]), named[2]):
            path.unlink(missing_ok=True)
            dropped.append(path.name)
    return dropped


def _says(archive: Path, version: int, digest: str) -> bool:
    """Whether the card inside an archive has this version and digest, as one of ours has."""
    try:
        with zipfile.ZipFile(archive) as packed:
            card = json.loads(packed.read("model.json"))
        return bool(card["version"] == version and card["sha256"].startswith(digest))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile):
        return False


def _require_digest(model_file: Path, digest: str) -> None:
    with model_file.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != digest:
        raise ArchiveError(
            f"expected {model_file} with SHA-256 {digest}, as it was accepted, got {actual}: "
            "it was changed since; train or register it again"
        )


def _pack(model_file: Path, name: str, version: int, card: Mapping[str, Any], workshop: str) -> Path:
    """The archive, still in `workshop`.

    The archiver's own `generate_model_archive` first copies everything to `/tmp/<model name>`, and
    deletes what it finds there; so its two later steps are called with a folder of ours.
    """
    from model_archiver.model_archiver_config import ModelArchiverConfig
    from model_archiver.model_packaging_utils import ModelExportUtils

    from drift.models import exported_program

    parts = Path(workshop) / "parts"
    parts.mkdir()
    for module in (Path(__file__).with_name("handler.py"), Path(exported_program.__file__)):
        shutil.copyfile(module, parts / module.name)
    shutil.copyfile(model_file, parts / "model.pt2")
    (parts / "model.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    config = ModelArchiverConfig(
        model_name=name, handler="handler.py", version=str(version), serialized_file="model.pt2"
    )
    manifest = ModelExportUtils.generate_manifest_json(config)
    ModelExportUtils.archive(workshop, name, str(parts), manifest)
    return Path(workshop) / f"{name}.mar"
