"""A small HTTP server that answers like MLflow, but as wrongly as a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, str]  # status, body
EXPERIMENT = {
    "experiment_id": "1",
    "name": "drift",
    "lifecycle_stage": "active",
    "artifact_location": "mlflow-artifacts:/1",
}
USUAL: Mapping[str, Answer] = {
    "/version": (200, "3.17.2"),
    "/api/2.0/mlflow/experiments/search": (200, json.dumps({"experiments": [EXPERIMENT]})),
    "/api/2.0/mlflow/experiments/get-by-name": (200, json.dumps({"experiment": EXPERIMENT})),
    "/api/2.0/mlflow/runs/search": (200, json.dumps({"runs": []})),
    "/api/2.0/mlflow/registered-models/alias": (404, json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST"})),
}


@dataclass
class Stub:
    """What the server answers, and what it was asked."""

    url: str
    answers: dict[str, Answer | Callable[[], Answer]] = field(default_factory=lambda: dict(USUAL))
    requests: list[str] = field(default_factory=list)  # method and path
    ended: threading.Event = field(default_factory=threading.Event)

    def hang(self, seconds: float) -> Callable[[], Answer]:
        """An answer that takes so long, or until the test ends."""

        def answer() -> Answer:
            self.ended.wait(seconds)
            return 200, json.dumps({"runs": []})

        return answer


@contextmanager
def stub_server() -> Iterator[Stub]:
    """A stub that is ended whatever happens."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            stub.requests.append(f"{self.command} {path}")
            answer = stub.answers.get(path, (404, "<!doctype html><title>404 Not Found</title>"))
            status, body = answer() if callable(answer) else answer
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())
            except OSError:  # the client has given up
                self.close_connection = True

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub = Stub(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
