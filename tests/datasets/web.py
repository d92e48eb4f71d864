"""A server of files on this machine, with the faults that servers have."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Web:
    """What is served, how badly, and what was asked."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)  # by path
    minds_ranges: bool = True
    breaks_off_after: int | None = None  # bytes of each answer
    encoding: str | None = None  # a Content-Encoding to claim
    tells_length: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # path and Range of each request


@contextmanager
def web() -> Iterator[Web]:
    """A server on a free port; change its record while it runs."""
    record = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            record.asked.append((self.path, wanted))
            content = record.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            start = 0
            if wanted and record.minds_ranges:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(content)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            else:
                self.send_response(200)
            if record.tells_length:
                self.send_header("Content-Length", str(len(content) - start))
            if record.encoding:
                self.send_header("Content-Encoding", record.encoding)
            self.end_headers()
            body = content[start:]
            self.wfile.write(body if record.breaks_off_after is None else body[: record.breaks_off_after])

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    record.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield record
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
