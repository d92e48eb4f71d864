"""One version from an archive in the store to a worker that can answer. Used by `service`."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

from drift.errors import NoAnswerError, ServerError, ServingError
from drift.serving.torchserve.control import Control


def load_version(control: Control, archive_name: str, version: int, seconds: float, *, log: Callable[[], str]) -> None:
    """Load a version beside those that serve; does nothing if it can answer already.

    Args:
        control: of the model.
        archive_name: file name in the server's store.
        version: that the archive holds.
        seconds: to wait for its worker.
        log: the end of the server's log, if we can see it.

    Raises:
        NoAnswerError: the server hangs.
        ServerError: the version does not come up; it is unloaded again.
    """
    loaded = control.versions().get(version)
    if loaded and loaded.ready:
        return
    try:
        if loaded is None:
            control.register(archive_name)
        control.scale(version, 1)
        control.wait_ready(version, seconds)
    except NoAnswerError:
        raise
    except ServingError as error:
        with suppress(ServingError):  # the first failure is the one to tell
            control.unregister(version)
        tail = log()
        reason = _last_exception(tail)
        failure = ServerError(f"{error}{reason and f' ({reason})'}: archive {archive_name} cannot be served")
        failure.add_note(tail)
        raise failure from error


def _last_exception(log: str) -> str:
    """What a worker died of, as `NameError: ...`; empty when the log does not tell.

    TorchServe raises one of its own after the handler's, `RuntimeError: 500 - Unknown exception`.
    """
    exceptions = re.findall(r"MODEL_LOG - ((?:\w+\.)*\w*(?:Error|Exception): (?!\d{3} - ).*)", log)
    return exceptions[-1] if exceptions else ""
