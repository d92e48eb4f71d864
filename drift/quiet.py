"""Libraries that talk too much are told to be silent for a while; the terminal is ours. Standard library only."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext


@contextmanager
def quiet() -> Iterator[None]:
    """No log lines up to WARNING and no warnings inside; Ax tells of every trial, MLflow of every table it makes."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def not_autologged() -> Iterator[None]:
    """Keep MLflow's autolog, where MLflow is loaded at all, from logging the fits inside: they are this package's."""
    loaded = sys.modules.get("mlflow.utils.autologging_utils")
    ours_to_end = loaded is not None and not getattr(loaded, "_AUTOLOGGING_GLOBALLY_DISABLED", False)
    with loaded.disable_autologging() if loaded is not None and ours_to_end else nullcontext():
        yield
