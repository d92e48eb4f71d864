"""A release: network, card and reference of a version, under one digest.

model.pt2       the exported network
MLmodel         its metadata: the card, with the names of features and classes
reference.npz   the rows that it was accepted on, and its answers to them

The digest is SHA-256 over the digests of the three, as JSON with sorted keys. Tags in MLflow only repeat it: who may
write to MLflow can change files and tags alike, so a digest is compared with what this project's own log knows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from drift.tracking.connection.store import Store
from drift.tracking.runs.lookup import REFERENCE_FILE, model_card, model_file, reference_file, sha256_of

RELEASE = "drift.release"  # tag of a logged model and of its versions: the digest, for people


@dataclass(frozen=True)
class Release:
    """The files of one version, on this machine.

    Attributes:
        model_file: the exported network (.pt2).
        card: metadata of the model, as it was logged.
        reference_file: the reference (.npz).
        model_sha256: SHA-256 of `model_file`, 64 hex digits.
        digest: SHA-256 over model, card and reference, 64 hex digits.
    """

    model_file: Path
    card: Mapping[str, Any]
    reference_file: Path
    model_sha256: str
    digest: str


@dataclass(frozen=True)
class ReleaseOrigin:
    """Where a release was found.

    Attributes:
        run_id: of the run that trained it.
        model: name in the registry; empty for the model of a run that was not registered yet.
        version: registered version; None for the model of a run that was not registered yet.
    """

    run_id: str
    model: str = ""
    version: int | None = None

    @property
    def words(self) -> str:
        """What it is called."""
        return f"the model of run {self.run_id}" if self.version is None else f"version {self.version} of {self.model}"


class Trust(Protocol):
    """Decides whether a release may be used."""

    def require(self, origin: ReleaseOrigin, release: Release, tags: Mapping[str, str]) -> None:
        """Return if it may; raise `UntrustedError` if not.

        Args:
            origin: where it was found.
            release: its files.
            tags: of the version or of the logged model; a signature is among them.
        """
        ...


def download_release(store: Store, model_id: str, run_id: str, folder: Path) -> Release:
    """Download what a logged model consists of.

    Args:
        store: MLflow.
        model_id: of the logged model.
        run_id: of the run that trained it; models of older versions of this package left their reference there.
        folder: an empty one of our own.

    Raises:
        TrackingError: a file is missing or damaged, or MLflow does not answer.
    """
    places = [folder / part for part in ("model", "reference")]
    for place in places:
        place.mkdir()
    program = model_file(store, model_id, places[0])
    card = model_card(store, model_id)
    reference = reference_file(store, run_id, places[1], model_id=model_id)
    digest = sha256_of(program)
    return Release(program, card, reference, digest, release_digest(digest, card, sha256_of(reference)))


def release_digest(model_sha256: str, card: Mapping[str, Any], reference_sha256: str) -> str:
    """One digest over a model's files.

    Args:
        model_sha256: of model.pt2, 64 hex digits.
        card: plain values, as MLflow keeps them.
        reference_sha256: of reference.npz, 64 hex digits.

    Returns:
        64 hex digits.
    """
    parts = {
        "model.pt2": model_sha256,
        "card": hashlib.sha256(_canonical(card)).hexdigest(),
        REFERENCE_FILE: reference_sha256,
    }
    return hashlib.sha256(_canonical(parts)).hexdigest()


def _canonical(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
