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
from drift.serving.torchserve.process.server import Restarter

SECONDS = 4.0


def hang() -> None:
    """Suspend the JVM of the server that this process started."""
    for process in psutil.Process().children(recursive=True):
        if "org.pytorch.serve" in " ".join(process.cmdline()):
            process.suspend()


def run(call: int, again: bool) -> None:
    for function, name in ((TorchServeClient.__init__, "deadline_seconds"), (Control.__init__, "request_seconds")):
        assert function.__kwdefaults__ is not None
        function.__kwdefaults__[name] = SECONDS
    ask, restart = TorchServeClient.ask, Restarter.restart
    calls: list[int] = []

    def asked(self: TorchServeClient, body: bytes) -> object:
        calls.append(1)
        if len(calls) == call:
            hang()
        return ask(self, body)

    def restarted(self: Restarter, began: float) -> bool:
        done = restart(self, began)
        if again:
            hang()
        return done

    TorchServeClient.ask = asked  # type: ignore[method-assign, assignment]
    Restarter.restart = restarted  # type: ignore[method-assign]
    main()


if __name__ == "__main__":
    own, sys.argv = sys.argv[1 : sys.argv.index("--")], ["drift", *sys.argv[sys.argv.index("--") + 1 :]]
    run(int(own[0]), "again" in own)
