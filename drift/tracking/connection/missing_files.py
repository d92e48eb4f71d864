"""Files of logged models that are missing or damaged in the artifact store: one line with what to do.

A file that would fill the memory is damaged, too: it is read before anybody has decided to trust it.

Used by `drift.tracking.runs.lookup`.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drift.errors import BlockError, TrackingError

NEXT = "put a copy of it back there, or train another base model and deploy it (drift base, drift deploy)"
ABSENT = re.compile(
    r"No such (file|artifact)|ensure that the path is correct|does not exist|not found|\b404\b", re.IGNORECASE
)
READING = (ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, RuntimeError)
LARGEST_CARD = 1 << 20  # bytes; a thousand features with long names take a tenth
DEEPEST_CARD = 50  # lists and mappings in each other
DAMAGED = (*READING, zipfile.BadZipFile, zlib.error, BlockError)  # what readers of arrays and of YAML raise


def missing_file(name: str, model: str, place: str) -> TrackingError:
    """The error of a file of a model that is not in the artifact store any more."""
    return TrackingError(f"{name} of {model} is missing in {place}: {NEXT}")


def damaged_file(name: str, model: str, place: str, reason: object) -> TrackingError:
    """The error of a file of a model that cannot be read."""
    words = " ".join(str(reason).split())[:120] or type(reason).__name__
    words = "not an archive of arrays" if "pickle" in words else words  # NumPy advises to load it unsafely
    return TrackingError(f"{name} of {model} in {place} is damaged ({words}): {NEXT}")


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
    """Raise `damaged_file` for what a reader of a file raises that is not as it was written."""
    from mlflow.exceptions import MlflowException
    from yaml import YAMLError

    try:
        yield
    except (*DAMAGED, YAMLError, MlflowException, OSError) as error:
        raise damaged_file(name, model, place, error) from error


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
