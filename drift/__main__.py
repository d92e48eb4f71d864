"""The `drift` command, and `python -m drift`: Ctrl-C ends in one line and an exit code, also while Python imports.

A Python that is too old, or has none of the packages, is one line too, so this file is plain enough for Python 3.6.
"""

import os
import signal
import sys

# `python -m drift` looks for modules in the current folder first, which may be one that others write to.
_first = os.path.abspath(sys.path[0] or ".") if sys.path else ""  # noqa: PTH100  (no other module is looked for yet)
_package = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))  # noqa: PTH100, PTH118, PTH120
if __name__ == "__main__" and _first == os.getcwd() != _package:  # noqa: PTH109
    del sys.path[0]

OLDEST = (3, 11)  # of Python; as pyproject.toml declares


def main(command: str = "") -> None:
    """Run `drift`, or one of its commands as a script of its own."""
    try:
        _main(command)
    except KeyboardInterrupt:  # while it was not yet, or no longer, heard by the command
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            _say_interrupted()
        sys.exit(130)


def _main(command: str) -> None:
    if sys.version_info < OLDEST:
        here = "Python {}.{} ({})".format(*sys.version_info[:2], sys.executable)
        print(f"error: expected Python 3.11 or later, got {here}: activate the project's environment, or make one"
              " (make install)", file=sys.stderr)  # fmt: skip
        sys.exit(1)
    # Threads that wait for one another sleep: where others keep the cores busy, an epoch of images on two threads that
    # spin took 41 s instead of 11. Torch reads this when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.umask(0o077)  # logs, reports, stores and what MLflow writes for us are for the user who runs this
    from drift.system import streams

    streams.own_process()
    streams.replace_unknown_characters()
    streams.only_text()
    piped = streams.is_pipe()
    code: int | str | None = None  # nothing to exit with: the caller goes on
    ended = False
    try:
        _run(command)
    except BrokenPipeError:
        streams.discard()
        ended, code = True, streams.READER_GONE
    except SystemExit as end:
        ended, code = True, end.code
        # Typer and Rich take the error of a pipe without a reader, send the rest nowhere, and exit with 1.
        if code == 1 and ((piped and not streams.is_pipe()) or type(sys.stdout).__name__ == "PacifyFlushWrapper"):
            code = streams.READER_GONE
    if not streams.flushed():
        sys.exit(streams.READER_GONE)
    if ended:
        sys.exit(code)


def _run(command: str) -> None:
    try:
        from drift.cli import run

        run(command or None)
    except ModuleNotFoundError as error:
        from drift.system.extras import missing_package

        print(f"error: {missing_package(error)}", file=sys.stderr)
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as end:  # Typer makes the first, while it parses, an exit
        interrupted = isinstance(end, KeyboardInterrupt) or end.code == 130
        if not interrupted or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # the command has said so itself
            raise
        _say_interrupted()
        sys.exit(130)


def _say_interrupted() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    print("error: interrupted; nothing is lost, run the same command again", file=sys.stderr)


if __name__ == "__main__":
    main()
