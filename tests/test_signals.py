"""Ctrl-C waits for the end of what is not to be broken off; a second one does not."""

import signal
import threading
from collections.abc import Iterator

import pytest

from drift.signals import unbroken


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Ctrl-C as on a terminal: a shell's background jobs are started deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_signal_waits() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt):
        with unbroken():
            signal.raise_signal(signal.SIGINT)
            done.append("inside")
        done.append("behind")
    assert done == ["inside"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_breaks_through() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), unbroken():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done.append("not reached")
    assert done == []


def test_one_inside_another_waits_for_the_outer_end() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), unbroken():
        with unbroken():
            signal.raise_signal(signal.SIGINT)
        done.append("between")
    assert done == ["between"]


def test_an_error_inside_is_not_lost() -> None:
    with pytest.raises(KeyboardInterrupt) as caught, unbroken():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("inside")
    assert isinstance(caught.value.__context__, ValueError)


def test_other_threads_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work() -> None:
        with unbroken():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert seen == [before]
