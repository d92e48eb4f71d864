"""Options that belong to no record of the library, each declared once, and the files that commands leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

from drift.errors import StateError
from drift.system.disk import write_at_once
from drift.system.options import MORE, Option
from drift.system.secrets import masked

Json = Annotated[Path | None, Option("Also write the numbers to this file.", MORE)]
Resume = Annotated[bool, Option("Go on with what was interrupted.")]
Port = Annotated[int | None, Option("Port of our TorchServe. Default, and 0: any free one.", MORE, min=0, max=65535)]
Page = Annotated[Path | None, Option("Where the page goes. Default: reports/.", MORE, name="html")]


def options_as_called(command: Callable[..., object], values: dict[str, Any]) -> dict[str, Any]:
    """The options of a command, as it was called."""
    import inspect

    return {
        name: values[name]
        for name in inspect.signature(command).parameters
        if name not in ("context", "json", "verbose")
    }


def write_json(path: Path | None, options: Mapping[str, Any], records: list[dict[str, Any]], **more: Any) -> None:
    """Write what a command found, with its options and the versions that matter, for others to check and plot."""
    if path is None:
        return
    import json
    from importlib.metadata import PackageNotFoundError, version

    from drift import __version__

    packages = {}
    for name in ("torch", "mlflow", "ax-platform", "torchserve"):
        with suppress(PackageNotFoundError):  # of an extra
            packages[name] = version(name)
    assert not {"versions"} & set(more), "a key of every command's file would be lost"  # noqa: S101
    whole = {"options": options, "versions": {"drift": __version__, **packages}, **more, "records": records}
    write_file(path, json.dumps(_finite(whole), indent=2, allow_nan=False).encode())


def write_file(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all.

    Raises:
        StateError: it cannot be written.
    """
    try:
        write_at_once(path, content)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}") from error


def _finite(value: Any) -> Any:
    """Plain values for JSON, without passwords; NaN and infinity become null, and records become objects."""
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, str):
        return masked(value)
    if value is None or isinstance(value, int):
        return value
    return _finite(vars(value)) if hasattr(value, "__dict__") else str(value)
