"""Progress of every command: a bar at a terminal, and a line every few seconds where there is none.

A command's `ProgressLines` owns the only thread; steps are reported to it from wherever they happen, and it writes a
line when one of them takes long.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from drift.terminal.plain import PlainConsole

SILENT_SECONDS = 8.0  # after which a line is written; a busy machine has two more before ten are over


class ProgressLines:
    """Writes a line whenever a command has been silent for a while.

    Args:
        words: what is being done before the first step is reported.
        seconds: of silence, after which a line is written.
        clock: seconds that never go back.
    """

    def __init__(self, words: str, *, seconds: float = SILENT_SECONDS, clock: Callable[[], float] = monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._words, self._done, self._total = words, 0.0, 0.0
        self._began = self._step_began = self._step_at = self._last_line = clock()
        self._stream: IO[str] | None = None  # None is standard error
        self._muted = 0
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; nothing is written afterwards."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def step(self, words: str, done: float = 0, total: float = 0) -> None:
        """Report what is being done, how far, and of how much; a total of 0 is not known."""
        with self._lock:
            now = self._clock()
            if words != self._words or done < self._done:
                self._step_began = now
            self._words, self._done, self._total, self._step_at = words, done, total, now

    def line_written(self, stream: IO[str] | None = None) -> None:
        """A line was written by somebody else; lines of progress follow it on the same stream."""
        with self._lock:
            self._last_line = self._clock()
            self._stream = stream or self._stream

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Write nothing: something on the screen moves, or the command waits for whoever uses it."""
        with self._lock:
            self._muted += 1
        try:
            yield
        finally:
            with self._lock:
                self._muted -= 1
                self._last_line = self._clock()

    def line(self) -> str:
        """What would be written now."""
        now = self._clock()
        if self._total <= 0:
            return f"progress: {self._words}, {now - self._began:.0f} s so far"
        share = min(1.0, self._done / self._total)
        text = f"progress: {self._words} {share:.0%} ({self._done:g} of {self._total:g})"
        if self._done <= 0 or self._step_at <= self._step_began:
            return f"{text}, time left not known yet ({now - self._step_began:.0f} s so far)"
        left = (self._step_at - self._step_began) / share * (1 - share) - (now - self._step_at)
        return f"{text}, {_duration(max(0.0, left))} left"

    def write_if_due(self) -> bool:
        """Write a line if it is time; whether one was written."""
        with self._lock:
            if self._muted or self._clock() - self._last_line < self._seconds:
                return False
            self._last_line = self._clock()
            text, stream = self.line(), self._stream or sys.stderr
        try:
            stream.write(f"{text}\n")
            stream.flush()
        except (OSError, ValueError):  # nobody reads it, or the stream is closed: the command itself finds out
            return False
        return True

    def _watch(self) -> None:
        while not self._ended.wait(min(0.5, self._seconds / 4)):
            self.write_if_due()


_current: list[ProgressLines] = []  # of the command that runs; one element at most


@contextmanager
def progress_lines(words: str, stream: IO[str] | None = None) -> Iterator[ProgressLines]:
    """The progress lines of a command, from its start to its end; by default on standard error."""
    lines = ProgressLines(words)
    lines.line_written(stream)
    _current.append(lines)
    lines.start()
    try:
        yield lines
    finally:
        lines.stop()
        _current.remove(lines)


def current() -> ProgressLines:
    """The progress lines of the command that runs; without a command (library use), an instance that never writes."""
    return _current[-1] if _current else ProgressLines("")


@contextmanager
def counting() -> Iterator[Callable[[str, float, float], None]]:
    """A bar with the time left, on a terminal's standard error; gets what is done, how far, and of how much."""
    console = PlainConsole(stderr=True, highlight=False, markup=False)
    lines = current()
    if not console.is_terminal:
        yield lines.step
        return
    with lines.muted(), progress_bar(console, transient=True) as progress:
        task = progress.add_task("", total=None, visible=False)  # until there is something to show

        def tell(words: str, done: float, total: float) -> None:
            progress.tasks[task].total = total or None  # `update` takes None for no change
            progress.update(task, description=words, completed=done, visible=True)

        yield tell


def progress_bar(console: Console, *, transient: bool = False) -> Progress:
    """What a step looks like at a terminal."""
    columns = TextColumn("{task.description}"), BarColumn(), _CountColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=transient)


class _CountColumn(ProgressColumn):
    """Steps done, and of how many where that is known."""

    def render(self, task: Task) -> Text:
        of = "" if task.total is None else f"/{task.total:g}"
        return Text(f"{task.completed:g}{of}")


def _duration(seconds: float) -> str:
    """A time as a person reads it.

    >>> _duration(7.2), _duration(200)
    ('about 8 s', 'about 4 min')
    """
    return f"about {seconds // 60 + 1:.0f} min" if seconds >= 100 else f"about {seconds // 1 + 1:.0f} s"
