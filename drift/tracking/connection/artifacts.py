"""Where artifacts may lie, and the errors of those that are missing or damaged.

MLflow's database names a location, and whoever writes to MLflow chooses it.

MLflow's client would follow any: it sends the user's login for the tracking server to whatever `http://` address it is
given, copies any folder of this machine, and writes into any. So each location is looked at before a byte is asked for
or sent.

    mlflow-artifacts:/...       the tracking server itself; with a host, only the tracking server's
    http://, https://           the tracking server's own scheme, host and port
    a folder, file:/...         only where MLflow itself puts the artifacts of that run or model, below the location of
                                its experiment
    s3://, gs://, wasbs://      any: the login for such a store goes to its provider alone
    abfss://, r2://, b2://      their provider's own domains: the address names a host, which is sent the login

`DRIFT_ARTIFACT_ROOTS` (addresses or folders, separated by commas) allows what lies below them, too.

A file that would fill the memory is damaged, too: it is read before anybody has decided to trust it.
"""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from drift.errors import BlockError, TrackingError
from drift.system.streams import one_line
from drift.tracking.connection.addresses import require_model_id, require_run_id, without_password
from drift.tracking.connection.store import Store

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

ROOTS = "DRIFT_ARTIFACT_ROOTS"
OBJECT_STORES = {"s3", "gs", "wasbs", "dbfs"}  # whose hosts are not part of the address, or looked at by MLflow
HOSTS_OF_STORES = {  # others, by what the host of their address has to be
    "abfss": re.compile(r"[a-z0-9]+\.dfs\.core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)"),
    "r2": re.compile(r"[a-z0-9]+(\.[a-z]+)?\.r2\.cloudflarestorage\.com"),
    "b2": re.compile(r"s3\.[a-z0-9-]+\.backblazeb2\.com"),
}
WEB = {"http": 80, "https": 443}  # and their ports
LARGEST_DOWNLOAD = 1 << 30  # bytes, of a file or a folder: MLflow's client would fill the disk
MOST_FILES = 1_000  # and folders, of what is downloaded at once
AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\]")  # read as another host by the library that sends requests, or cut out
RESTORE = "put a copy of it back there, or train another base model and deploy it (drift base, drift deploy)"
ABSENT = re.compile(
    r"No such (file|artifact)|ensure that the path is correct|does not exist|not found|\b404\b", re.IGNORECASE
)
READING = (ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, RuntimeError)
LARGEST_CARD = 1 << 20  # bytes; a thousand features with long names take a tenth
DEEPEST_CARD = 50  # lists and mappings in each other
DAMAGED = (*READING, zipfile.BadZipFile, zlib.error, BlockError)  # what readers of arrays and of YAML raise


@dataclass(frozen=True)
class Artifacts:
    """Artifacts of a run or model that lie where they may be downloaded from.

    Attributes:
        location: as MLflow's database names it.
        owner: whose they are, in words.
        repository: MLflow's access to them.
    """

    location: str
    owner: str
    repository: ArtifactRepository

    def names(self, folder: str) -> list[str]:
        """The names of what is directly in a folder of theirs."""
        with _readable(self.owner):
            return [Path(file.path).name for file in self.repository.list_artifacts(folder) or ()]

    def download(self, path: str, folder: Path) -> Path:
        """Copy a file or folder of theirs, all with an empty path, into `folder`; returns the copy.

        Raises:
            TrackingError: it has more than `LARGEST_DOWNLOAD` bytes or `MOST_FILES` files.
        """
        self._require_small(path, sum(self.sizes(path).values()))
        folder.mkdir(parents=True, exist_ok=True)
        with _readable(self.owner):
            copy = Path(self.repository.download_artifacts(path, str(folder)))
        files = [copy] if copy.is_file() else [file for file in copy.rglob("*") if file.is_file()]
        self._require_small(path, sum(file.stat().st_size for file in files))  # a size in a list may be none
        return copy

    def sizes(self, path: str) -> dict[str, int]:
        """Bytes of a file, or of each file below a folder, by its path; 0 where the store does not state it.

        Raises:
            TrackingError: more than `MOST_FILES` files and folders, or one that is not below the others.
        """
        sizes: dict[str, int] = {}
        folders, seen = [path], 0
        with _readable(self.owner):
            if path:  # a file is listed by its folder alone
                parent = PurePosixPath(path).parent
                beside = self.repository.list_artifacts(str(parent) if parent.parts else None) or ()
                sizes = {file.path: file.file_size or 0 for file in beside if file.path == path and not file.is_dir}
            while folders and not (path and sizes.keys() == {path}):
                for file in self.repository.list_artifacts(folders.pop() or None) or ():
                    seen += 1
                    inside = PurePosixPath(file.path)
                    if seen > MOST_FILES or inside.is_absolute() or ".." in inside.parts:
                        raise TrackingError(
                            f"expected at most {MOST_FILES:,} artifacts of {self.owner}, each below its folder, got"
                            f" {one_line(file.path)[:80]!r}: look at them in MLflow"
                        )
                    if file.is_dir:
                        folders.append(file.path)
                    else:
                        sizes[file.path] = file.file_size or 0
        return sizes

    def _require_small(self, path: str, size: int) -> None:
        if size > LARGEST_DOWNLOAD:
            raise TrackingError(
                f"expected at most {LARGEST_DOWNLOAD:,} bytes in {path or 'the artifacts'} of {self.owner}, got"
                f" {size:,}: it is no model of this project, or somebody replaced it"
            )


def artifacts_of_run(store: Store, run_id: str) -> Artifacts:
    """The artifacts of a run, if they lie where they may be downloaded from.

    Raises:
        TrackingError: they lie elsewhere.
        MlflowException: there is no such run, or MLflow does not answer.
    """
    info = store.client.get_run(require_run_id(run_id)).info
    return _artifacts(store, str(info.artifact_uri), f"run {run_id}", str(info.experiment_id), f"{run_id}/artifacts")


def artifacts_of_model(store: Store, model_id: str) -> Artifacts:
    """The artifacts of a logged model, if they lie where they may be downloaded from; raises as `artifacts_of_run`."""
    model = store.client.get_logged_model(require_model_id(model_id))
    below = f"models/{model_id}/artifacts"
    return _artifacts(store, str(model.artifact_location), f"model {model_id}", str(model.experiment_id), below)


def require_permitted_uploads(store: Store, run_id: str) -> None:
    """Raise unless the artifacts of a run, and those of models that it logs, lie where they may be uploaded to.

    Raises:
        TrackingError: they lie elsewhere.
        MlflowException: there is no such run, or MLflow does not answer.
    """
    info = store.client.get_run(require_run_id(run_id)).info
    experiment_id = str(info.experiment_id)
    owner = f"run {run_id}"
    _require_allowed(store, str(info.artifact_uri), owner, experiment_id, f"{run_id}/artifacts")
    # MLflow puts a model below the location of its experiment.
    of_experiment = str(store.client.get_experiment(experiment_id).artifact_location)
    _require_allowed(store, of_experiment, f"experiment {experiment_id}", experiment_id, "")


def _artifacts(store: Store, location: str, owner: str, experiment_id: str, below: str) -> Artifacts:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    _require_allowed(store, location, owner, experiment_id, below)
    with _readable(owner):
        return Artifacts(location, owner, get_artifact_repository(location, tracking_uri=store.uri))


def _require_allowed(store: Store, location: str, owner: str, experiment_id: str, below: str) -> None:
    with _readable(owner):
        if not _allowed(store, location, experiment_id, below):
            place = "".join(letter if letter.isprintable() else "?" for letter in without_password(location))[:200]
            raise TrackingError(
                f"expected the artifacts of {owner} at the tracking server {store.address} or in an object store, got"
                f" {place!r}: nothing was asked for there, or sent; if you know that place, set {ROOTS} to the address"
                " or folder above it"
            )


@contextmanager
def _readable(owner: str) -> Iterator[None]:
    """Raise `TrackingError` for what MLflow's client raises on a malformed location, or on an answer from there.

    Args:
        owner: whose artifacts are read, in words.
    """
    try:
        yield
    except READING as error:
        if isinstance(error, OSError):  # of requests: about the network, not the location
            raise
        words = " ".join(str(error).split())[:120] or type(error).__name__
        raise TrackingError(
            f"the artifacts of {owner} cannot be read ({words}): expected a location as MLflow writes it, look at it"
            " in MLflow"
        ) from error


def _allowed(store: Store, location: str, experiment_id: str, below: str) -> bool:
    """Whether artifacts at `location` may be read and written.

    Args:
        store: MLflow, which named the location.
        location: of the artifacts of a run or model.
        experiment_id: of its experiment.
        below: where MLflow puts them, below the location of the experiment.
    """
    parts = urlsplit(location)
    folder = _folder(location)
    if AMBIGUOUS.search(location.replace(" ", "") if folder else location) or ".." in unquote(
        unquote(parts.path)
    ).split("/"):
        return False
    if any(_is_below(location, root) for root in os.environ.get(ROOTS, "").split(",")):
        return True
    if folder is not None:
        own = _folder(str(store.client.get_experiment(experiment_id).artifact_location))
        return own is not None and folder == own / below
    return _is_of_server(parts, urlsplit(store.uri)) or _is_object_store(parts)


def _is_object_store(parts: SplitResult) -> bool:
    """Whether it is at a provider of object stores, who alone is sent the login for it."""
    if parts.scheme not in HOSTS_OF_STORES:
        return parts.scheme in OBJECT_STORES
    bucket, _, host = parts.netloc.rpartition("@")
    return "@" not in bucket and HOSTS_OF_STORES[parts.scheme].fullmatch(host) is not None


def _is_of_server(parts: SplitResult, server: SplitResult) -> bool:
    """Whether an address that MLflow's login is sent to is the tracking server's."""
    if parts.scheme == "mlflow-artifacts":
        return not parts.netloc or _same_host(parts._replace(scheme=server.scheme), server)
    return _same_host(parts, server)


def _same_host(parts: SplitResult, server: SplitResult) -> bool:
    if parts.netloc != server.netloc and "@" in parts.netloc:
        return False
    hosts = [(at.scheme, at.hostname, at.port or WEB.get(at.scheme)) for at in (parts, server)]
    return parts.scheme in WEB and hosts[0] == hosts[1]


def _folder(location: str) -> Path | None:
    """The folder that a location names; None if it is not of this machine's files."""
    parts = urlsplit(location)
    if parts.scheme == "file":
        return Path(unquote(parts.path)) if parts.netloc in ("", "localhost") else None
    return Path(location) if not parts.scheme and not location.startswith("//") else None


def _is_below(location: str, root: str) -> bool:
    root = root.strip()
    if not root.strip("/"):
        return False
    folder, own = _folder(location), _folder(root)
    if folder is not None and own is not None:
        return folder.is_relative_to(own)
    return location == root.rstrip("/") or location.startswith(root.rstrip("/") + "/")


def missing_file(name: str, model: str, place: str) -> TrackingError:
    """The error of a file of a model that is not in the artifact store any more."""
    return TrackingError(f"{name} of {model} is missing in {place}: {RESTORE}")


@contextmanager
def missing_errors(name: str, model: str, place: str) -> Iterator[None]:
    """Raise `missing_file` for an answer of MLflow, or of its file system, that says so; others as they come."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        if isinstance(error, FileNotFoundError) or ABSENT.search(str(error)):
            raise missing_file(name, model, place) from error
        raise


@contextmanager
def damage_errors(name: str, model: str, place: str) -> Iterator[None]:
    """Say that a file of a model is damaged, for what a reader of a file raises that is not as it was written."""
    from mlflow.exceptions import MlflowException
    from yaml import YAMLError

    try:
        yield
    except (*DAMAGED, YAMLError, MlflowException, OSError) as error:
        words = " ".join(str(error).split())[:120] or type(error).__name__
        words = "not an archive of arrays" if "pickle" in words else words  # NumPy advises to load it unsafely
        raise TrackingError(f"{name} of {model} in {place} is damaged ({words}): {RESTORE}") from error


def require_plain_yaml(path: Path) -> None:
    """Refuse YAML that would fill the memory: a few hundred bytes of aliases of aliases are gigabytes when read.

    The text is scanned, and no value is made of it. What this package and MLflow write has no alias.

    Raises:
        ValueError: it is too large, has an alias, or is nested too deeply.
        YAMLError: it is no YAML.
    """
    import yaml

    if (size := path.stat().st_size) > LARGEST_CARD:
        raise ValueError(f"expected up to {LARGEST_CARD:,} bytes, got {size:,}")
    depth = 0
    for event in yaml.parse(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"a part of it repeats another one by an alias, *{event.anchor}"[:100])
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST_CARD:
            raise ValueError(f"expected up to {DEEPEST_CARD} lists in each other, got more")
