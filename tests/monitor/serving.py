"""The monitor's page on this machine, as the command serves it, in a thread."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests
import uvicorn

from drift.monitor.store import MonitorStore
from drift.monitor.web.app import create_app
from drift.monitor.web.connections import BoundedProtocol
from drift.monitor.web.security import Gate
from drift.monitor.web.serving import LOOPBACK
from tests.waiting import wait_until

TOKEN = "a token of tests only"


@dataclass
class Site:
    """Where it is, and a browser's session without a browser."""

    address: str
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **more: object) -> requests.Response:
        return self.session.get(self.address + path, timeout=120, **more)  # type: ignore[arg-type]

    def post(self, path: str, **more: object) -> requests.Response:
        return self.session.post(self.address + path, timeout=120, allow_redirects=False, **more)  # type: ignore[arg-type]

    def sign_in(self, name: str = "Ada") -> str:
        """Begin a session; the secret of its forms."""
        answer = self.post("/sign-in", data={"name": name, "token": TOKEN})
        assert answer.status_code == 303, answer.text
        found = re.search(r'name="form_secret" value="([0-9a-f]+)"', self.get("/sign-in").text)
        assert found is not None
        return found[1]


@contextmanager
def serving(store: MonitorStore, *, token: str = TOKEN, read_token: str = "") -> Iterator[Site]:
    """The page of a store on a free port."""
    app = create_app(store, Gate(token, read_token), hosts=frozenset(LOOPBACK))
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", access_log=False, http=BoundedProtocol)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, 120, what="start of the page")
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Site(f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        thread.join(timeout=120)
