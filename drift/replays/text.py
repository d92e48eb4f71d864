"""A comparison of policies as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean

from drift.replays.experiment import ReplayResults


def table_lines(results: ReplayResults, *, width: int | None = None) -> Iterator[str]:
    """A table, the most accurate policy first, and what needs no model.

    Args:
        results: of the policies.
        width: characters that a line may have; with less than the table takes, columns stand closer, and the last ones
            are left out.
    """
    header = ["policy", "retrains", "accuracy", "± seeds", "of hindsight", "kappa-t", "alarms", "seconds"]
    rows = [header]
    for name in sorted(results.names, key=lambda outcome: -results.accuracy(outcome)[0]):
        outcomes, (accuracy, spread) = results.of(name), results.accuracy(name)
        recovered = results.recovered(name)
        retrains, alarms, seconds = (
            mean(values)
            for values in zip(
                *((len(outcome.run.retrains), len(outcome.run.alarms), outcome.run.seconds) for outcome in outcomes),
                strict=True,
            )
        )
        kappa = mean(outcome.measures.kappa_temporal for outcome in outcomes)
        share = "" if recovered is None else f"{recovered:.0%}"
        shown = f"{spread:.4f}" if len(outcomes) > 1 else ""
        rows.append(
            [
                name,
                f"{retrains:.3g}",
                f"{accuracy:.4f}",
                shown,
                share,
                f"{kappa:.3f}",
                f"{alarms:.3g}",
                f"{seconds:.1f}",
            ]
        )
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
