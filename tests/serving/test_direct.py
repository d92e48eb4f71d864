"""Our tokens go to our server, whatever proxies and passwords the environment names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from drift.serving.direct import direct_request


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
    answer = direct_request("GET", url, headers={"Authorization": "Bearer token"}, timeout=120)
    assert answer.ok
    assert ours.heard == ["/models Bearer token"]
    assert proxy.heard == []
