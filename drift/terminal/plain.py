"""Rich's output without control characters or passwords in its texts; its own codes for colour stay."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.segment import Segment

from drift.system.secrets import masked
from drift.system.streams import escaped


class PlainConsole(Console):
    """A console whose texts move no cursor, and whose reader may go away: then it fails as any pipe does."""

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        return super()._render_buffer(plain_segments(buffer))

    def on_broken_pipe(self) -> None:
        """Let the command end itself, instead of the process here."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def plain_segments(buffer: Iterable[Segment]) -> Iterator[Segment]:
    """Segments whose texts are escaped; those of control codes as they are."""
    for segment in buffer:
        text, style, control = segment
        yield segment if control else Segment(escaped(masked(text)), style, control)
