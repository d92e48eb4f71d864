"""Standard streams: characters that an encoding lacks are replaced, and a reader that has gone is no error."""

from __future__ import annotations

import io
import os
import signal
import stat
import sys

OUTPUT = 1  # file descriptor of standard output
READER_GONE = 128 + signal.SIGPIPE  # exit code, 141: that of a program that the signal ends

_owned: list[bool] = []  # one element at most


def own_process() -> None:
    """This process runs one command, and its streams are the command's own: not those of a test or a notebook."""
    _owned[:] = [True]


def owns_process() -> bool:
    """Whether lines of progress may be written to standard error."""
    return bool(_owned)


def replace_unknown_characters() -> None:
    """Replace characters that the encoding of a stream lacks, written and typed ones, instead of ending the command."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def is_pipe(descriptor: int = OUTPUT) -> bool:
    """Whether a descriptor leads to another process."""
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def discard(descriptor: int = OUTPUT) -> None:
    """Send what is still written to a descriptor nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def flushed() -> bool:
    """Write out what is buffered; False if the reader of a stream has gone, and then nothing more is written."""
    whole = True
    for stream, descriptor in ((sys.stdout, OUTPUT), (sys.stderr, 2)):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except BrokenPipeError:
            discard(descriptor)
            whole = False
        except OSError:  # a terminal that was closed, or a full disk: nobody is left to be told
            discard(descriptor)
    return whole


def discard_lost_terminal() -> None:
    """After a hang-up: streams of a terminal that is gone lead nowhere, so that what tidies up can still write."""
    for descriptor in (0, 1, 2):
        try:
            device = stat.S_ISCHR(os.fstat(descriptor).st_mode)
        except OSError:
            continue
        if device and not os.isatty(descriptor):
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
