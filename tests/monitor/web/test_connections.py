"""Requests that never come in whole: they keep nobody out, and fill no log."""

from __future__ import annotations

import logging
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from drift.monitor.store import MonitorStore
from drift.monitor.web import connections
from drift.monitor.web.connections import BoundedProtocol, Unrepeated, most_connections
from drift.monitor.web.reading import Reading
from tests.monitor.serving import Site, serving
from tests.waiting import wait_until

HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "


def half_sent(site: Site, content: bytes = HALF) -> socket.socket:
    """A connection whose request has no end."""
    address = urlsplit(site.address)
    made = socket.create_connection((address.hostname or "", address.port or 0), timeout=10)
    made.sendall(content)
    return made


def never_read(site: Site, requests: int = 1000) -> socket.socket:
    """A connection that asks often, with room for hardly any answer."""
    address = urlsplit(site.address)
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    made.settimeout(10)
    made.connect((address.hostname or "", address.port or 0))
    made.sendall(b"GET /static/monitor.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * requests)
    return made


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The page of an empty store."""
    with serving(MonitorStore(str(tmp_path / "m.db"))) as found:
        yield found


def ends(connection: socket.socket, *, seconds: float) -> bool:
    """Whether the server ends a connection in time."""
    connection.settimeout(seconds)
    try:
        return connection.recv(100) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize(
    "content",
    [b"", HALF, b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n"
     b"Content-Type: application/x-www-form-urlencoded\r\n\r\nname="],
    ids=["nothing", "half a header", "half a body"],
)  # fmt: skip
def test_what_does_not_come_in_whole_is_ended(site: Site, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.5)
    with half_sent(site, content) as waiting:
        assert ends(waiting, seconds=20)


def test_a_connection_that_is_used_again_begins_anew(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 1.0)
    with requests.Session() as session:
        for _ in range(4):
            assert session.get(site.address, timeout=30).status_code == 200
            time.sleep(0.4)  # no event: together they take longer than one request may


def test_many_that_wait_keep_nobody_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 20)
    with ExitStack() as stack:
        waiting = [stack.enter_context(half_sent(site)) for _ in range(60)]
        assert site.get("/").status_code == 200
        assert ends(waiting[0], seconds=20)  # the oldest made room


def test_many_that_read_no_answer_keep_nobody_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """They waited for nothing, by their own account, so that only the newcomer was left to be dropped."""
    monkeypatch.setattr(connections, "most_connections", lambda: 8)
    with ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(never_read(site))
        for _ in range(3):  # the first comes after them all
            assert requests.get(site.address, timeout=30).status_code == 200


def test_an_answer_that_is_not_read_is_ended(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.5)
    size = len(site.get("/static/monitor.css").content)
    with never_read(site) as waiting:
        time.sleep(3)  # no event: nobody reads meanwhile
        received = 0
        try:
            while more := waiting.recv(1 << 20):
                received += len(more)
        except ConnectionResetError:
            pass
    assert received < 1000 * size


def test_long_answers_that_are_not_read_are_not_held(site: Site) -> None:
    """Each once took 10 MB: an answer of 4.8 MB, encoded for each, and again in the buffer of its connection."""
    assert site.get("/static/plotly.js").status_code == 200
    process, address = psutil.Process(), urlsplit(site.address)
    before = process.memory_info().rss
    with ExitStack() as stack:
        for _ in range(60):
            made = stack.enter_context(socket.socket())
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            made.settimeout(10)
            made.connect((address.hostname or "", address.port or 0))
            made.sendall(b"GET /static/plotly.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        time.sleep(2)  # no event: answers that nobody reads come in meanwhile
        assert process.memory_info().rss - before < 150_000_000


def test_the_same_page_for_several_is_made_once(tmp_path: Path) -> None:
    """Ten requests for one page of a large batch took the memory of ten."""
    reading = Reading(MonitorStore(str(tmp_path / "m.db")))
    made, at_once, most, lock = [], [0], [0], threading.Lock()

    def make(key: str) -> str:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.2)
        with lock:
            at_once[0] -= 1
            made.append(key)
        return key

    with ThreadPoolExecutor(20) as pool:
        keys = ["a", "b", "c", "d"] * 5
        given = list(pool.map(lambda key: reading.once((key,), lambda: make(key), large=True), keys))
    assert given == keys
    assert sorted(made) == ["a", "b", "c", "d"]
    assert most[0] == 2
    with pytest.raises(ZeroDivisionError):
        reading.once(("e",), lambda: 1 / 0, large=True)
    assert reading.once(("e",), lambda: 1.0, large=True) == 1.0


def test_a_long_answer_over_a_slow_line_comes_in_whole(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads on is not ended, however long it takes."""
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.5)
    monkeypatch.setattr(connections, "LEAST_BYTES", 1)
    size, count = len(site.get("/static/monitor.css").content), 400
    with never_read(site, count) as slow:
        received, began = 0, time.monotonic()
        while received < count * size:
            more = slow.recv(1 << 16)
            assert more
            received += len(more)
            time.sleep(max(0.0, began + 2.0 * received / (count * size) - time.monotonic()))


def test_a_large_file_that_nobody_reads_is_not_held(site: Site) -> None:
    asked = b"GET /static/plotly.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    whole = site.get("/static/plotly.js")
    assert len(whole.content) == int(whole.headers["content-length"]) > 1_000_000
    before = psutil.Process().memory_info().rss
    with ExitStack() as stack:
        for _ in range(30):
            made = stack.enter_context(never_read(site, requests=0))
            made.sendall(asked)
        assert site.get("/sign-in").status_code == 200
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            assert psutil.Process().memory_info().rss - before < 60_000_000  # 5 MB each were 150 MB
            time.sleep(0.1)


def test_the_address_with_most_connections_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 3)

    class Stub(BoundedProtocol):
        def __init__(self, host: str, began: float, waits: bool = True) -> None:
            self.client, self.began, self.answers = (host, 1), began, not waits

        @property
        def waits(self) -> bool:
            return not self.answers

        def drop(self) -> None:
            self.dropped = True

    one, busy, old, new = Stub("a", 0), Stub("b", 1, waits=False), Stub("b", 2), Stub("b", 3)
    newest = Stub("b", 4)
    connections.make_room([one, busy, old, newest], newest=newest)
    assert [stub.dropped for stub in (one, busy, old, newest)] == [False, False, True, False]
    connections.make_room([one, busy, old, new, newest], newest=newest)  # what ends already is not counted
    assert [stub.dropped for stub in (one, busy, new, newest)] == [False, False, True, False]
    more = Stub("c", 5)
    one.answers = newest.answers = True
    connections.make_room([one, busy, newest, more], newest=more)
    assert not more.dropped


def test_there_are_fewer_connections_than_handles(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, expected in ((1024, 256), (256, 128), (100, 8), (resource.RLIM_INFINITY, 256)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert most_connections() == expected


def test_a_message_that_repeats_is_written_once_in_a_while() -> None:
    filters = Unrepeated(seconds=0.2)

    def record(text: str) -> logging.LogRecord:
        return logging.LogRecord("asyncio", logging.ERROR, __file__, 1, text, None, None)

    passed = [filters.filter(record("socket.accept() out of system resource")) for _ in range(1000)]
    assert passed == [True] + [False] * 999
    assert filters.filter(record("something else"))
    wait_until(lambda: filters.filter(record("socket.accept() out of system resource")), what="the next time")


HOLD = """
import signal, socket, sys
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
made = []
for _ in range(count):
    try:
        one = socket.create_connection((host, port), timeout=5)
        one.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\nX-Slow: ")
        made.append(one)
    except OSError:
        pass
print(len(made), flush=True)
signal.pause()
"""


@pytest.mark.slow
def test_the_command_answers_beside_1100_half_sent_requests(tmp_path: Path) -> None:
    """With 1,024 handles they once stopped it, and its log grew by 65 MB a minute."""
    from drift.monitor.store import MonitorStore

    MonitorStore(str(tmp_path / "m.db"))
    log = (tmp_path / "log.txt").open("wb")
    page = subprocess.Popen(
        [sys.executable, "-m", "drift", "monitor", "serve", "--store", str(tmp_path / "m.db"), "--port", "0"],
        stdout=subprocess.PIPE, stderr=log, text=True, cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)),  # noqa: PLW1509
    )  # fmt: skip
    holder = None
    try:
        assert page.stdout is not None
        line = page.stdout.readline()
        address = next(word for word in line.split() if word.startswith("http"))
        parts = urlsplit(address)
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(parts.hostname), str(parts.port), "1100"],
            stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096)),  # noqa: PLW1509
        )  # fmt: skip
        assert holder.stdout is not None
        assert int(holder.stdout.readline()) > 1000
        for _ in range(5):
            assert requests.get(address, timeout=20).status_code == 200
            time.sleep(1)  # no event: the log grew while time went by
        assert (tmp_path / "log.txt").stat().st_size < 100_000
    finally:
        for process in (holder, page):
            if process is not None:
                process.kill()
                process.communicate()
        log.close()
