"""A comparison of policies as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drift.replays.experiment import ReplayResults
from drift.replays.summary import policy_summaries


def table_lines(results: ReplayResults, *, width: int | None = None) -> Iterator[str]:
    """A table, the most accurate policy first, and what needs no model.

    Args:
        results: of the policies.
        width: characters that a line may have; with less than the table takes, columns stand closer, and the last ones
            are left out.
    """
    header = ["policy", "retrains", "accuracy", "± seeds", "of hindsight", "kappa-t", "alarms", "seconds"]
    rows = [header]
    several = len(results.outcomes) > len(results.names)  # seeds
    for line in policy_summaries(results):
        spread = f"{line.spread:.4f}" if several else ""
        share = "" if line.recovered is None else f"{line.recovered:.0%}"
        numbers = f"{line.kappa_temporal:.3f}", f"{line.alarms:.3g}", f"{line.seconds:.1f}"
        rows.append([line.name, f"{line.retrains:.3g}", f"{line.accuracy:.4f}", spread, share, *numbers])
    yield from _fitted(rows, width)
    yield (
        f"without a model: majority {results.baselines.majority:.4f},"
        f" repeating the last label {results.baselines.no_change:.4f} (which needs every label at once)"
    )


def _fitted(rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    gap = 2
    while width is not None and len(widths) > 2 and sum(widths) + gap * (len(widths) - 1) > width:
        if gap == 2:
            gap = 1
        else:
            widths.pop()
    for row in rows:
        cells = [text.rjust(wide) for text, wide in zip(row, widths, strict=False)]
        yield (" " * gap).join([row[0].ljust(widths[0]), *cells[1:]]).rstrip()
