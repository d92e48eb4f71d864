"""Keep log lines and warnings of libraries off the terminal for a while. Standard library only."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext

_lock = threading.Lock()
_users = 0  # of quiet(), in all threads
_restore = ExitStack()  # what the last of them undoes


@contextmanager
def quiet() -> Iterator[None]:
    """No log lines up to WARNING and no warnings inside; Ax logs every trial, MLflow every table it makes.

    Both switches are one per process, and threads use them at once: the first that comes sets them, and the last that
    goes restores them.
    """
    global _users  # noqa: PLW0603
    with _lock:
        if _users == 0:
            _silence()
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _restore.close()


def _silence() -> None:
    before = logging.root.manager.disable
    _restore.callback(logging.disable, before)
    logging.disable(max(before, logging.WARNING))
    _restore.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore")


@contextmanager
def not_autologged() -> Iterator[None]:
    """Keep MLflow's autolog, where MLflow is loaded at all, from logging the fits inside: they are this package's."""
    loaded = sys.modules.get("mlflow.utils.autologging_utils")
    ours_to_end = loaded is not None and not getattr(loaded, "_AUTOLOGGING_GLOBALLY_DISABLED", False)
    with loaded.disable_autologging() if loaded is not None and ours_to_end else nullcontext():
        yield
