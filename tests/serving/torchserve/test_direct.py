"""Our tokens go to our server, whatever proxies and passwords the environment names."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests

from drift.errors import ServerError
from drift.serving.torchserve.keys import direct_request, server_users
from drift.system.socket_owner import user_at_other_end


class Listening(HTTPServer):
    """Answers every GET, and keeps what was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Listening

    def do_GET(self) -> None:
        self.server.heard.append(f"{self.path} {self.headers.get('Authorization')}")
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def two() -> Iterator[tuple[Listening, Listening]]:
    """A server of ours, and a proxy."""
    servers = Listening(), Listening()
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


def test_neither_proxy_nor_netrc_comes_between(
    two: tuple[Listening, Listening], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, proxy = two
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    url = f"http://127.0.0.1:{ours.server_port}/models"
    answer = direct_request("GET", url, headers={"Authorization": "Bearer token"}, timeout=120, users={os.geteuid()})
    assert answer.ok
    assert ours.heard == ["/models Bearer token"]
    assert proxy.heard == []


only_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who listens")


@only_linux
def test_a_process_of_another_user_is_sent_nothing(two: tuple[Listening, Listening]) -> None:
    impostor, _ = two
    for host in ("127.0.0.1", "localhost"):
        url = f"http://{host}:{impostor.server_port}/models"
        with pytest.raises(ServerError, match=rf"port {impostor.server_port}, got a process of another user \(id \d+"):
            direct_request("GET", url, headers={"Authorization": "Bearer token"}, timeout=120, users={4242})
    assert impostor.heard == []


@only_linux
@pytest.mark.parametrize(
    ("family", "bound", "asked"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET, "0.0.0.0", "127.0.0.2"),  # noqa: S104
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET6, "::", "127.0.0.1"),  # as a JVM listens
        (socket.AF_INET6, "::", "::ffff:127.0.0.1"),
    ],
)
def test_the_user_at_the_other_end_is_known_once_it_accepts(
    family: socket.AddressFamily, bound: str, asked: str
) -> None:
    with socket.socket(family) as listener:
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((bound, 0))
        listener.listen()
        with socket.create_connection((asked, listener.getsockname()[1]), timeout=60) as client:
            with pytest.raises(TimeoutError):
                user_at_other_end(client, 0.02)
            accepted, _ = listener.accept()
            with accepted:
                assert user_at_other_end(client, 60) == os.geteuid()
                assert user_at_other_end(accepted, 60) == os.geteuid()


@only_linux
def test_a_server_that_accepts_nothing_hangs(two: tuple[Listening, Listening]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/models"
        with pytest.raises(requests.Timeout):
            direct_request("GET", url, timeout=0.05, users={os.geteuid()})


def test_root_and_the_owner_of_the_folder_may_answer(tmp_path: Path) -> None:
    assert server_users(tmp_path) == {0, os.geteuid(), tmp_path.stat().st_uid}
    assert server_users(tmp_path / "gone") == {0, os.geteuid()}
