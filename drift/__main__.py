"""The `drift` command, and `python -m drift`: Ctrl-C ends in one line and an exit code, also while Python imports."""

from __future__ import annotations

import os
import signal
import sys


def main(command: str | None = None) -> None:
    """Run `drift`, or one of its commands as a script of its own."""
    # Threads that wait for one another sleep: where others keep the cores busy, an epoch of images on two threads that
    # spin took 41 s instead of 11. Torch reads this when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from drift.cli import run

        run(command)
    except (KeyboardInterrupt, SystemExit) as end:  # Typer makes the first, while it parses, an exit
        interrupted = isinstance(end, KeyboardInterrupt) or end.code == 130
        if not interrupted or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # the command has said so itself
            raise
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        print("error: interrupted; nothing is lost, run the same command again", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
