"""Standard streams: characters that an encoding lacks are replaced, and a reader that has gone is no error."""

from __future__ import annotations

import io
import os
import re
import signal
import stat
import sys
from collections.abc import Iterable
from typing import Any

from drift.system.secrets import masked

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


# What moves the cursor, renames the window or turns the direction of writing: C0 but tab and line feed, DEL, C1, and
# marks of direction and lines in Unicode; and what is not seen, so that two names look alike.
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff"
    "\U000e0000-\U000e007f]"
)


def escaped(text: str) -> str:
    r"""A text with its control characters written out, so that no name in it can write to a terminal.

    >>> escaped("batch \x1b[2J")
    'batch \\x1b[2J'
    """
    return CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    r"""A name with its control characters and line breaks written out, so that it forges no line of its own.

    >>> one_line("UP\nversion 2")
    'UP\\nversion 2'
    """
    return escaped(text).replace("\n", "\\n")


BREAKS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")  # control characters but tab, and ends of lines


def broken(names: Iterable[str]) -> list[str]:
    """Those of some names that hold control characters or line breaks, written out as `one_line` does."""
    return [one_line(str(name)) for name in names if BREAKS.search(str(name))]


class PlainText(io.TextIOBase):
    """A stream to which only text is written: control characters are escaped, passwords are hidden.

    Rich, which colours what it prints, writes to the stream behind it (`rich_proxied_file`); its texts are escaped by
    `drift.terminal.plain`.
    """

    def __init__(self, behind: io.TextIOWrapper) -> None:
        self.rich_proxied_file = behind

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)

    def write(self, text: str) -> int:
        """Write a text, escaped."""
        self.rich_proxied_file.write(escaped(masked(text)))
        return len(text)

    def flush(self) -> None:
        """Write out what is buffered."""
        self.rich_proxied_file.flush()

    def isatty(self) -> bool:
        """Whether it leads to a terminal."""
        return self.rich_proxied_file.isatty()

    def fileno(self) -> int:
        """The descriptor of the stream behind."""
        return self.rich_proxied_file.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the stream behind."""
        return self.rich_proxied_file.encoding

    @property
    def closed(self) -> bool:
        """Whether the stream behind is closed."""
        return self.rich_proxied_file.closed

    def writable(self) -> bool:
        """It is."""
        return True


def only_text() -> None:
    """Let nothing but text through to this process's output: see `PlainText`."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, PlainText(stream))


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
