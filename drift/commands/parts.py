"""What several commands are built from: the table, the server, and the file of numbers they leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from drift.errors import ServingError, StateError, UsageError
from drift.system.disk import write_at_once
from drift.system.secrets import masked

if TYPE_CHECKING:
    from drift.loop.card import DataSource
    from drift.loop.project_dir import ProjectDir
    from drift.serving import ModelService


def source_of(data: Path | None, label: str | None, time: str | None, ignore: str) -> DataSource:
    """The table that the options name, not loaded yet."""
    from drift.loop.card import DataSource

    if data is None:
        if label or time or ignore:
            raise UsageError("--label, --time and --ignore describe a table of your own: name it with --data FILE")
        return DataSource()
    if label is None:
        raise UsageError("expected --label COLUMN with --data FILE: which column holds the class?")
    columns = tuple(name.strip() for name in ignore.split(",") if name.strip())
    return DataSource(str(data.absolute()), label, time, columns)


def check_server(url: str | None, folder: Path | None, port: int | None = None) -> None:
    """Raise `UsageError` for options of a server that contradict each other, before anything is begun."""
    if (url is None) != (folder is None):
        raise UsageError("expected --server URL with --server_folder DIR (its key_file.json and model_store/)")
    if url is not None and port is not None:
        raise UsageError("expected --server URL without --port: it has a port of its own")
    if url is not None:
        from drift.serving.torchserve.address import inference_url_of

        try:
            inference_url_of(url)
        except ServingError as error:
            raise UsageError(f"--server: {error}") from error


def server_starter(
    home: ProjectDir, url: str | None, folder: Path | None, port: int | None
) -> Callable[[Literal["npy", "json"], Path, str], AbstractContextManager[ModelService]]:
    """How a deployment gets its server: by starting one, or by using one that runs.

    Only one server of a model is started in one project: a promotion could not reach a second one.
    """
    check_server(url, folder, port)

    @contextmanager
    def start(format: Literal["npy", "json"], own_folder: Path, name: str) -> Iterator[ModelService]:
        from drift.loop.servers import clear_way
        from drift.serving import ModelService

        if url is not None and folder is not None:
            with ModelService.connect(url, folder, name, format=format) as service:
                yield service
        else:
            with home.lock(f"serving-{name}", doing=f"serving {name} (to use its server: --server)"):
                clear_way(home, name)
                with ModelService.start(own_folder, name, port=port, format=format) as service:
                    yield service

    return start


def service_finder(
    home: ProjectDir, name: str, url: str | None, folder: Path | None
) -> Callable[[], ModelService | None]:
    """How to find the server that serves `name`: the one given, else the one of this project that runs, if any."""
    check_server(url, folder)

    def find() -> ModelService | None:
        from drift.loop.servers import followed_service
        from drift.serving import ModelService

        if url is not None and folder is not None:
            return ModelService.connect(url, folder, name)
        return followed_service(home, name)

    return find


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
    try:
        write_at_once(path, json.dumps(_finite(whole), indent=2, allow_nan=False).encode())
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
