"""The monitor's page asked by another user with a cookie of its owner's, and the name `localhost`."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from drift.errors import UsageError
from drift.monitor.store import MonitorStore
from drift.monitor.web.security import Gate
from drift.monitor.web.serving import serve
from drift.system.socket_owner import CLOSED, user_of_client
from tests.monitor.serving import TOKEN, Site, serving
from tests.security.conftest import OtherUser
from tests.servers import free_port

READ_TOKEN = "another token of tests"
ASK = """
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Cookie": sys.argv[2]})
try:
    print(urllib.request.urlopen(request, timeout=30).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
HANG_UP = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    connection.sendall(sys.argv[2].encode())
print("sent")
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(MonitorStore(str(tmp_path / "m.db")), token=TOKEN, read_token=READ_TOKEN) as site:
        yield site


def test_a_cookie_of_its_owner_is_worth_nothing_to_others(site: Site, other_user: OtherUser) -> None:
    answer = site.post("/sign-in", data={"name": "Ada", "token": TOKEN})
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert requests.get(f"{site.address}/metrics", headers={"Cookie": cookie}, timeout=30).status_code == 200
    out, err = other_user.python(ASK, f"{site.address}/metrics", cookie).communicate(timeout=60)
    assert out == "401\n", err


def test_who_hangs_up_at_once_is_not_taken_for_root(site: Site, other_user: OtherUser) -> None:
    """Of a closed connection Linux says user 0."""
    answer = site.post("/sign-in", data={"name": "Ada", "token": TOKEN})
    cookie = answer.headers["set-cookie"].partition(";")[0]
    secret = re.search(r'name="form_secret" value="([0-9a-f]+)"', site.get("/sign-in").text)
    assert secret is not None
    body = f"form_secret={secret[1]}"
    port = int(site.address.rpartition(":")[2])
    request = (
        f"POST /sign-out HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}"
    )
    for _ in range(20):
        out, err = other_user.python(HANG_UP, str(port), request).communicate(timeout=60)
        assert out == "sent\n", err
    assert site.get("/metrics").status_code == 200, "the session was ended by another user"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_whose_a_connection_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        with accepted:
            ends = client.getsockname(), listener.getsockname()
            assert user_of_client(*ends) == os.geteuid()
            client.close()
            assert user_of_client(*ends) in (CLOSED, None)
    assert user_of_client(("192.0.2.1", 1), ("192.0.2.2", 2)) is None


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="needs IPv6")
def test_nobody_else_is_localhost(other_user: OtherUser, tmp_path: Path) -> None:
    """Browsers ask ::1 first."""
    port, store = free_port(), MonitorStore(str(tmp_path / "m.db"))
    squatter = other_user.python(
        "import socket, sys; s = socket.create_server(('::1', int(sys.argv[1])), family=socket.AF_INET6);"
        " print('listening', flush=True); s.accept()",
        str(port),
    )
    try:
        assert squatter.stdout is not None
        assert squatter.stdout.readline() == "listening\n"
        with pytest.raises(UsageError, match=rf"::1:{port} cannot be listened on"):
            serve(store, Gate(TOKEN), host="127.0.0.1", port=port)
    finally:
        squatter.kill()
        squatter.communicate()
    for host in ("127.0.0.1", "localhost", "0.0.0.0", "::1"):  # noqa: S104
        addresses = list[str]()

        def ready(address: str) -> None:
            addresses.append(address)  # noqa: B023
            for loopback in ("127.0.0.1", "::1"):
                socket.create_connection((loopback, int(address.strip("/").rpartition(":")[2])), timeout=10).close()
            raise KeyboardInterrupt  # as one stops it

        serve(store, Gate(TOKEN), host=host, port=0, ready=ready)
        assert len(addresses) == 1


@pytest.mark.slow
def test_the_page_of_the_command_answers_on_both_addresses(tmp_path: Path) -> None:
    MonitorStore(str(tmp_path / "m.db"))
    line = [sys.executable, "-m", "drift", "monitor", "serve", "--store", "m.db", "--port", "0"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as page:
        try:
            assert page.stdout is not None
            address = next(word for word in page.stdout.readline().split() if word.startswith("http"))
            port = address.strip("/").rpartition(":")[2]
            for host in ("127.0.0.1", "[::1]"):
                assert requests.get(f"http://{host}:{port}/", timeout=60).status_code == 200
        finally:
            page.terminate()
