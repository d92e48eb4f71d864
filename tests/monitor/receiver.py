"""A webhook's receiver on this machine, with the moods that receivers have."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """What it answers, and what came."""

    address: str = ""
    status: int = 200
    seconds: float = 0.0  # until it answers
    location: str = ""
    endless: bool = False  # says more and more after its status
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)  # headers and body
    asked: int = 0  # requests, taken or not

    @property
    def ids(self) -> list[str]:
        """Of the deliveries it has taken."""
        return [headers["Drift-Delivery"] for headers, _ in self.came]


@contextmanager
def receiver(port: int = 0) -> Iterator[Receiver]:
    """A receiver on loopback; change its record while it runs."""
    record = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            record.asked += 1
            content = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(record.seconds)
            if record.status < 300:
                record.came.append((dict(self.headers.items()), content))
            self.send_response(record.status)
            if record.location:
                self.send_header("Location", record.location)
            if not record.endless:
                self.send_header("Content-Length", "0")
            self.end_headers()
            with suppress(OSError):  # the sender has gone
                while record.endless:
                    self.wfile.write(b"and another thing, ")
                    time.sleep(0.01)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    record.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield record
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
