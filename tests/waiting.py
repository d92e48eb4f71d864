"""Waiting for an event, with a deadline: the only place of the tests that looks again and again."""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE_SECONDS = 0.05  # between two looks


def wait_until(condition: Callable[[], object], seconds: float = 60, *, what: str | Callable[[], str]) -> None:
    """Wait for a condition, or fail saying what did not happen.

    Args:
        condition: asked again and again, until it is true.
        seconds: after which the test fails.
        what: did not happen; made at the failure if it is a function.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what() if callable(what) else what}: not within {seconds:g} s")
        time.sleep(PAUSE_SECONDS)
