"""What a person at a terminal sees: a table that grows, a sparkline, progress, and the questions.

Listens to the loop's events. Without a terminal it prints the same as plain lines, and asks nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Self

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.progress import Progress
from rich.text import Text

from drift.detect.permutation.p_values import p_text
from drift.system.signals import ignore_hang_ups
from drift.system.streams import discard_lost_terminal
from drift.terminal.block_table import DEFAULT_WIDTH, TableColumn, block_line, columns_that_fit, header_line
from drift.terminal.plain import PlainConsole
from drift.terminal.progress import current, progress_bar

if TYPE_CHECKING:
    from drift.detect import ThresholdForecast
    from drift.loop.events import Event
    from drift.loop.outlook import Outlook
    from drift.loop.retraining.approval import Flag, Reply
    from drift.loop.retraining.retrain import Challenger
    from drift.policies.history import BlockRecord

BARS = "▁▂▃▄▅▆▇█"
SPARK_BLOCKS = 60
LONGEST_STEP = 60  # characters of a line that progress repeats as what is being done


def sparkline(accuracies: list[float]) -> str:
    """Accuracies as bars of eight heights, between the lowest and the highest of them.

    >>> sparkline([0.5, 0.75, 1.0])
    '▁▅█'
    """
    low, high = min(accuracies), max(accuracies)
    span = high - low or 1.0
    return "".join(BARS[min(7, int(8 * (value - low) / span))] for value in accuracies)


def has_terminal() -> bool:
    """Whether somebody can be asked: they must see the question, and be able to answer."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


class Screen:
    """Tells events to a person."""

    def __init__(self, *, cost: Callable[[], str] = lambda: "") -> None:
        """`cost` says what a retrain would take, when it is asked for."""
        self.console = PlainConsole(highlight=False, soft_wrap=True, markup=False)
        self._cost = cost
        self._records: list[BlockRecord] = []
        self._columns: list[TableColumn] = []
        self._flag_reason = self._declined = ""
        self._shown = ExitStack()
        self._total = 0
        self._progress = progress_bar(self.console)
        self._task = self._progress.add_task("", total=1, visible=False)
        self._live = Live(self._footer(), console=self.console, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._shown.enter_context(current().muted())
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()
        self._shown.close()

    def tell(self, event: Event) -> None:
        """Show one event."""
        from drift.loop import events

        match event:
            case events.Notice(text):
                if len(step := text.partition(" (")[0].partition("; ")[0]) <= LONGEST_STEP:  # a warning is no step
                    current().step(step)
                self._line(text, style="dim")
            case events.SearchBegan(trials, epochs, done):
                self._bar(f"search, {trials} trials", total=trials * epochs, completed=done * epochs)
            case events.EpochFinished():
                self._progress.advance(self._task)
                task = self._progress.tasks[0]
                current().step(task.description, task.completed, task.total or 0)
            case events.TrialFinished(trial, _, parameters, accuracy, status, seconds):
                chosen = "  ".join(f"{name} {value:.4g}" for name, value in parameters.items())
                self._line(f"trial {trial}: {status}, validation accuracy {accuracy:.4f}, {seconds:.1f} s  ({chosen})")
            case events.BlockScored(record, total, forecast):
                self._block(record, total, forecast)
            case events.DriftFlagged(record, reason, _):
                self._flag_reason = reason
                block = f"block {record.index}"
                what = f"{block} flagged" if record.flagged else f"a retrain is due after {block}"
                self._line(f"       ⚑ {what}: {reason}", style="bold red")
            case events.RetrainDeclined(block, by, reason):
                self._say_declined(block, by if reason == self._flag_reason else f"{by}; {reason}")
            case events.ChallengerCompared(champion, challenger, test, rows):
                self._line(
                    f"       version {challenger} against version {champion} on rows {rows[0]} to {rows[1] - 1}:"
                    f" {test.challenger_accuracy:.3f} against {test.champion_accuracy:.3f},"
                    f" difference {test.difference:+.3f} [{test.low:+.3f}, {test.high:+.3f}],"
                    f" McNemar p {p_text(test.p_value)}"
                )
            case events.ChallengerRefused(_, challenger, _, reason):
                self._line(f"       ✗ version {challenger} refused: {reason}", style="bold yellow")
            case events.Promoted(champion, previous, by, reason):
                came = f" (before: version {previous})" if previous else ""
                self._line(f"       ✓ version {champion} is champion{came}: {reason} [{by}]", style="bold green")
            case events.RolledBack(champion, previous, by, served_by):
                before = f"version {previous}" if previous else "none"
                self._line(
                    f"✓ version {champion} is champion again, {before} is previous [{by}]; {served_by}",
                    style="bold green",
                )

    def _say_declined(self, block: int, why: str) -> None:
        """Say it once where nobody is there to be asked, or the same no answers every flag."""
        if why != self._declined:
            self._line(f"       not retrained after block {block}: {why}", style="yellow")
        self._declined = why

    def question(self, flag: Flag) -> Reply:
        """Ask whether to retrain now, at a flagged block or at the end; Ctrl-D says no.

        Enter alone gives the answer that is proposed: later where a retrain would learn from too few rows, the window
        where its rows are those since accuracy fell, no at the end where no block was flagged.
        """
        from drift.loop.events import DriftFlagged
        from drift.loop.retraining.approval import Reply

        record, evidence, outlook = flag.record, flag.evidence, flag.outlook
        at_block = isinstance(flag, DriftFlagged)
        flagged = isinstance(flag, DriftFlagged) or flag.flagged > 0
        what = f"block {record.index}: {record.wrong} of {record.rows} rows wrong; " if at_block else ""
        lines = [
            f"{what}{flag.reason}",
            f"last {evidence['recent_blocks']:.0f} blocks of this version: accuracy"
            f" {evidence['recent_accuracy']:.3f} on {evidence['recent_rows']:,.0f} rows;"
            f" by chance: {_odds(evidence['recent_chance'])}",
            f"a retrain: {self._cost()}",
        ]
        if at_block:
            lines.insert(
                1,
                f"by chance: {_odds(evidence['chance'])}"
                f" if the accepted accuracy of {evidence['accepted_accuracy']:.3f} still held",
            )
        if outlook is not None:
            lines.append(f"a retrain now: {outlook.words}" if outlook.obstacle else outlook.words)
        proposed = _proposed(outlook, at_block=at_block, flagged=flagged)
        letters = {"y": "[y]es", "n": "[n]o (do not ask again)" if at_block else "[n]o"}
        if outlook is not None and outlook.window_rows is not None:
            yes = "[y]es, on all rows" if outlook.fall is not None else "[y]es"
            letters = {"y": yes, "w": f"yes, on a [w]indow of {outlook.window_rows:,} rows"} | letters | {"y": yes}
        if at_block:
            enough = f"; enough rows after {outlook.wait_words}" if outlook is not None and outlook.wait_words else ""
            letters["l"] = f"[l]ater (ask at the next flag{enough})"
        enter = f" (Enter: {proposed})" if proposed else ""
        title = "drift flagged" if flagged else "all blocks are scored"
        if at_block and not record.flagged:
            title = "a retrain is due"
        with self._paused():
            panel = Panel(Text("\n".join(lines)), title=title, border_style="red" if at_block else "", expand=False)
            self.console.print(panel, soft_wrap=False)
            return Reply(self._ask(f"Retrain now? {', '.join(letters.values())}{enter}: ", "".join(letters), proposed))

    def ask_promotion(self, challenger: Challenger) -> bool:
        """Ask whether the challenger should serve."""
        test = challenger.test
        with self._paused():
            words = "better" if test.better else "not shown to be better"
            self.console.print(f"the challenger is {words} (p {p_text(test.p_value)})")
            return self._ask(f"Promote version {challenger.version.number}? [y]es, [n]o: ", "yn") == "y"

    def confirm(self, question: str) -> bool:
        """Ask a question that ends with `[y]es, [n]o`."""
        text, _, prompt = question.rpartition("\n")
        with self._paused():
            if text:
                self.console.print(text)
            return self._ask(prompt, "yn") == "y"

    def last_line(self, text: str) -> None:
        """The line that says where the results are."""
        self._live.stop()
        self.console.print(text)

    def _ask(self, prompt: str, letters: str, proposed: str = "") -> str:
        while True:
            try:
                answer = self.console.input(Text(prompt, style="bold")).strip().lower()[:1] or proposed
            except (EOFError, OSError):
                if sys.stdin is not None and sys.stdin.isatty():
                    return "n"
                ignore_hang_ups()  # its signals may come after the error of reading
                discard_lost_terminal()
                raise KeyboardInterrupt from None  # the terminal was closed, which is no answer
            if answer and answer in letters:
                return answer

    def _block(self, record: BlockRecord, total: int, forecast: ThresholdForecast | None) -> None:
        if not self._records:
            self._columns = columns_that_fit(record, self._width)
            self._line(header_line(self._columns), style="bold")
            self._bar("scoring", total=total, completed=record.index)
        self._records.append(record)
        self._total = total
        line = block_line(self._columns, record, forecast)
        self._line(line, style="red" if record.flagged else "")
        self._bar("scoring", total=total, completed=record.index + 1)

    def _bar(self, words: str, *, total: float, completed: float) -> None:
        self._progress.update(self._task, description=words, total=total, completed=completed, visible=True)
        current().step(words, completed, total)
        self._live.update(self._footer())

    def _footer(self) -> Group | Progress:
        recent = self._records[-SPARK_BLOCKS:]
        if not recent:
            return self._progress
        line = Text("accuracy ")
        for record, bar in zip(recent, sparkline([record.accuracy for record in recent]), strict=True):
            line.append(bar, style="bold red" if record.flagged else "green")
        line.append(f"  {recent[-1].accuracy:.3f}")
        return Group(line, self._progress)

    @property
    def _width(self) -> int:
        """Characters of a table's line; the last column of a terminal stays free."""
        return self.console.width - 1 if self.console.is_terminal else DEFAULT_WIDTH

    def _line(self, text: str, *, style: str = "") -> None:
        self.console.print(Text(text, style=style))
        if not self.console.is_terminal:
            current().line_written(self.console.file)

    @contextmanager
    def _paused(self) -> Iterator[None]:
        """Hide the live footer while a question is asked."""
        was_on = self._live.is_started
        self._live.stop()
        yield
        if was_on:
            self._live.start()


def _proposed(outlook: Outlook | None, *, at_block: bool, flagged: bool) -> str:
    """The letter of the answer that Enter alone gives; empty if there is none."""
    if not flagged:
        return "n"
    if outlook is not None and at_block and outlook.too_early:
        return "l"
    if outlook is None or outlook.too_early:  # the rows since a fall may be too few for the window that they make
        return ""
    return "w" if outlook.fall is not None and outlook.window_rows is not None else ""


def _odds(chance: float) -> str:
    """A probability as a person reads it.

    >>> _odds(0.048)
    'about 1 time in 21 (p = 0.048)'
    """
    words = "practically never" if chance < 1e-6 else f"about 1 time in {round(1 / chance):,}"
    return f"{words if chance < 0.5 else 'nothing unusual'} (p {p_text(chance)})"
