"""A server that ended is started again once, whoever notices, and what refills it may use it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import cast

import pytest

from drift.errors import ServerError, ServingError
from drift.serving.torchserve.process.server import Restarter, TorchServe


class FakeServer:
    """Lives or not; counts its starts. The real one is killed in tests/serving and tests/faults."""

    def __init__(self) -> None:
        self.alive = True
        self.starts = 0

    def start(self) -> None:
        time.sleep(0.02)
        self.alive = True
        self.starts += 1

    def stop(self) -> None:
        self.alive = False


def revival(server: FakeServer, refill: Callable[[], None]) -> Restarter:
    return Restarter(cast(TorchServe, server), refill)


@pytest.mark.timeout(120)
def test_what_refills_a_server_may_ask_for_it() -> None:
    server = FakeServer()
    asked: list[bool] = []

    def refill() -> None:
        kept.ensure()  # as loading a version does
        asked.append(server.alive)

    kept = revival(server, refill)
    server.alive = False
    kept.ensure()
    assert (server.starts, asked) == (1, [True])


@pytest.mark.timeout(120)
def test_many_threads_start_it_once_and_wait_until_it_is_full() -> None:
    server, full = FakeServer(), threading.Event()
    seen: list[bool] = []

    def refill() -> None:
        time.sleep(0.05)
        full.set()

    kept = revival(server, refill)

    def ask() -> None:
        kept.ensure()
        seen.append(full.is_set())

    server.alive = False
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (server.starts, seen) == (1, [True] * 8)


def test_a_server_that_cannot_be_refilled_is_down_and_tried_again() -> None:
    server, fails = FakeServer(), [True, False]

    def refill() -> None:
        if fails.pop(0):
            raise ServerError("no worker")

    kept = revival(server, refill)
    server.alive = False
    with pytest.raises(ServerError, match="no worker"):
        kept.ensure()
    assert not server.alive
    kept.ensure()
    assert (server.alive, server.starts) == (True, 2)


def test_closed_is_for_good() -> None:
    server = FakeServer()
    kept = revival(server, lambda: None)
    kept.close()
    kept.close()
    with pytest.raises(ServingError, match="was closed"):
        kept.ensure()
    assert (server.alive, server.starts) == (False, 0)


@pytest.mark.timeout(20)
def test_a_server_that_hangs_is_restarted_once_for_all_threads() -> None:
    server, refills = FakeServer(), list[int]()
    kept = revival(server, lambda: refills.append(1))
    began = time.monotonic()
    again: list[bool] = []
    threads = [threading.Thread(target=lambda: again.append(kept.restart(began))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (server.starts, refills, again) == (1, [1], [True] * 4)
    assert kept.restart(time.monotonic())
    assert server.starts == 2


@pytest.mark.timeout(20)
def test_what_refills_a_server_does_not_restart_it() -> None:
    """A server that hangs again while it is filled is given up, not started for ever."""
    server = FakeServer()

    def refill() -> None:
        assert not kept.restart(time.monotonic())
        raise ServerError("hangs again")

    kept = revival(server, refill)
    with pytest.raises(ServerError, match="hangs again"):
        kept.restart(time.monotonic())
    assert (server.starts, server.alive) == (1, False)


def test_a_server_of_somebody_else_is_not_restarted() -> None:
    assert not Restarter(None, lambda: None).restart(time.monotonic())
