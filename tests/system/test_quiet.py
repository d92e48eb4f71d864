"""Silence for a while, in one thread or in several at once."""

from __future__ import annotations

import logging
import threading
import warnings

import pytest

from drift.system.quiet import quiet

DEADLINE = 20  # seconds


def test_quiet_restores_what_two_threads_share() -> None:
    """One begins before the other and ends before it: neither is loud inside, and everything is as before at last."""
    before, filters = logging.root.manager.disable, list(warnings.filters)
    inside, leave = threading.Event(), threading.Event()
    levels: list[int] = []

    def other() -> None:
        with quiet():
            inside.set()
            leave.wait(DEADLINE)
            levels.append(logging.root.manager.disable)

    thread = threading.Thread(target=other)
    with quiet():
        thread.start()
        assert inside.wait(DEADLINE)
    leave.set()
    thread.join(DEADLINE)
    assert levels == [logging.WARNING]
    assert logging.root.manager.disable == before
    assert warnings.filters == filters


def test_quiet_inside_quiet_ends_with_the_outer_one() -> None:
    with pytest.raises(ValueError, match="x"), quiet():
        with quiet():
            pass
        assert logging.root.manager.disable == logging.WARNING
        raise ValueError("x")
    assert logging.root.manager.disable == logging.NOTSET


def test_quiet_leaves_a_stricter_silence_as_it_is() -> None:
    logging.disable(logging.CRITICAL)
    try:
        with quiet():
            assert logging.root.manager.disable == logging.CRITICAL
        assert logging.root.manager.disable == logging.CRITICAL
    finally:
        logging.disable(logging.NOTSET)
