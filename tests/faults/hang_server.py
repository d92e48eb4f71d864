"""Run `drift` with a TorchServe that hangs: `python hang_server.py CALL [again] -- arguments`.

The JVM is suspended before prediction CALL (from 1), and with `again` also after every start that follows. Deadlines
are made short, so that a test takes seconds.
"""

from __future__ import annotations

import sys

import psutil

from drift.__main__ import main
from drift.serving.torchserve.client import TorchServeClient
from drift.serving.torchserve.control import Control
from drift.serving.torchserve.process.server import Restarter, TorchServe

SECONDS = 4.0
servers: list[TorchServe] = []


def hang() -> None:
    guard = servers[-1]._supervisor
    assert guard is not None
    for process in psutil.Process(guard.pid).children(recursive=True):
        if "org.pytorch.serve" in " ".join(process.cmdline()):
            process.suspend()


def run(call: int, again: bool) -> None:
    for function, name in ((TorchServeClient.__init__, "deadline_seconds"), (Control.__init__, "request_seconds")):
        assert function.__kwdefaults__ is not None
        function.__kwdefaults__[name] = SECONDS
    launch, post, start = TorchServe._launch, TorchServeClient._post, Restarter._start
    calls: list[int] = []

    def launched(self: TorchServe, *args: object) -> None:
        servers.append(self)
        launch(self, *args)  # type: ignore[arg-type]

    def posted(self: TorchServeClient, *args: object) -> object:
        calls.append(1)
        if len(calls) == call:
            hang()
        return post(self, *args)  # type: ignore[arg-type]

    def started(self: Restarter, server: TorchServe) -> None:
        start(self, server)
        if again:
            hang()

    TorchServe._launch = launched  # type: ignore[method-assign, assignment]
    TorchServeClient._post = posted  # type: ignore[method-assign, assignment]
    Restarter._start = started  # type: ignore[method-assign]
    main()


if __name__ == "__main__":
    own, sys.argv = sys.argv[1 : sys.argv.index("--")], ["drift", *sys.argv[sys.argv.index("--") + 1 :]]
    run(int(own[0]), "again" in own)
