"""Results of experiments as sentences and tables, for the terminal, pages and Markdown alike."""

from __future__ import annotations

from collections.abc import Sequence

from drift.detect import Score
from drift.detect.permutation.p_values import format_p_value
from drift.images.augment import SampleComparison
from drift.images.detection.detector_comparison import DetectorComparison
from drift.images.streams.simulate import RampResult


def ramp_words(ramp: RampResult) -> list[str]:
    """Accuracy lost on a ramp, and the first alarm of each detector, in sentences."""
    first, last = ramp.batches[0], ramp.batches[-1]
    lines = [
        f"accuracy {ramp.accepted:.3f} on the reference, {first.accuracy:.3f} in the first batch and"
        f" {last.accuracy:.3f} in the last; severity up to {max(batch.severity for batch in ramp.batches):.2f}"
    ]
    lost = ramp.lost_at
    if lost is None:
        lines.append("nowhere 5 points of accuracy were lost beyond what chance explains")
    else:
        lines.append(f"5 points are first lost at batch {lost} (severity {ramp.batches[lost].severity:.2f})")
    for name in ramp.detectors:
        lines.append(f"{name}: {_when(ramp.first_alarm(name), lost, ramp.drifts_at)}")
    return lines


def _when(alarm: int | None, lost: int | None, drifts: int | None) -> str:
    if alarm is not None and (drifts is None or alarm < drifts):
        return f"first alarm at batch {alarm}, where nothing had drifted: a false one"
    if alarm is None:
        return "no alarm" if lost is None else "no alarm, missed"
    if lost is None:
        return f"first alarm at batch {alarm}, where little was lost"
    if alarm == lost:
        return f"first alarm at batch {alarm}, in time"
    batches = "1 batch" if abs(alarm - lost) == 1 else f"{abs(alarm - lost)} batches"
    return f"first alarm at batch {alarm}, {batches} {'before' if alarm < lost else 'late'}"


MOST_EVIDENCE = 1_000_000
BATCH_COLUMNS = ("batch", "severity", "accuracy", "confidence", "calibration error")


def batch_rows(ramp: RampResult) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows of the table of batches; the detectors' are p-values, or evidence of its threshold."""
    columns = (*BATCH_COLUMNS, *ramp.detectors)
    rows = []
    for batch in ramp.batches:
        cells = [str(batch.index), f"{batch.severity:.2f}", f"{batch.accuracy:.3f}", f"{batch.confidence:.3f}"]
        cells.append(f"{batch.calibration_error:.3f}")
        cells += [("⚑ " if score.alarm else "") + _said(score) for score in batch.scores]
        rows.append(tuple(cells))
    return columns, rows


def _said(score: Score) -> str:
    """A p-value, or evidence of its threshold, which grows beyond what anybody reads."""
    if score.p_value is None and score.statistic > MOST_EVIDENCE:
        return f"over {MOST_EVIDENCE:,} of {score.threshold:.3g}"
    return score.words if score.p_value is None else format_p_value(score.p_value)


def batch_records(ramp: RampResult) -> list[dict[str, object]]:
    """Plain values of every batch, for a file."""
    return [
        {
            "batch": batch.index,
            "severity": batch.severity,
            "strange": batch.out_of_distribution,
            "accuracy": batch.accuracy,
            "chance": batch.chance,
            "accuracy_by_class": dict(zip(ramp.classes, batch.by_class, strict=True)),
            "calibration_error": batch.calibration_error,
            "confidence": batch.confidence,
            "detectors": {
                score.detector: {"statistic": score.statistic, "p_value": score.p_value, "alarm": score.alarm}
                for score in batch.scores
            },
        }
        for batch in ramp.batches
    ]


def comparison_rows(comparison: DetectorComparison) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows of the table of detectors: score and p-value for each shift, and the images needed."""
    columns = ["detector"]
    for shift in comparison.shifts:
        columns += [f"{shift}: score", "p"] + (["images needed"] if shift != comparison.shifts[0] else [])
    rows = []
    for name in comparison.detectors:
        cells = [name]
        for shift in comparison.shifts:
            cell = comparison.cell(name, shift)
            cells += [f"{cell.statistic:.4g}", format_p_value(cell.p_value)]
            if shift != comparison.shifts[0]:
                cells.append(f"over {cell.tried}" if cell.needed is None else str(cell.needed))
        rows.append(tuple(cells))
    return tuple(columns), rows


def sample_rows(results: list[SampleComparison]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows of the table of networks and samples."""
    columns = ("network", "images", "accuracy", "distance", "threshold", "p", "verdict")
    rows: list[tuple[str, ...]] = [
        (
            result.model,
            result.sample,
            f"{result.accuracy:.3f}",
            f"{result.distance:.4f}",
            f"{result.threshold:.4f}",
            format_p_value(result.p_value),
            result.verdict,
        )
        for result in results
    ]
    return columns, rows


def text_table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], width: int | None = None) -> list[str]:
    """Lines for a terminal, numbers to the right.

    Args:
        columns: names of the columns.
        rows: their cells.
        width: characters that a line may have. A table that is wider gets headers of several lines, then columns that
            stand closer, then several tables below one another, each with the first column.
    """
    heads = [[name] for name in columns]
    if width is not None and _table_width(heads, rows, gap=2) > width:
        heads = [name.replace("_", "_ ").split() for name in columns]
    gap = 2 if width is None or _table_width(heads, rows, gap=2) <= width else 1
    parts, part = [], [0]
    for at in range(1, len(columns)):
        wide = _table_width([heads[p] for p in (*part, at)], [[row[p] for p in (*part, at)] for row in rows], gap)
        if width is not None and wide > width and len(part) > 1:
            parts.append(part)
            part = [0]
        part.append(at)
    lines: list[str] = []
    for chosen in [*parts, part]:
        lines += ([""] if lines else []) + _aligned(
            [heads[at] for at in chosen], [[row[at] for at in chosen] for row in rows], gap
        )
    return lines


def _table_width(heads: Sequence[Sequence[str]], rows: Sequence[Sequence[str]], gap: int) -> int:
    return sum(_widths(heads, rows)) + gap * (len(heads) - 1)


def _widths(heads: Sequence[Sequence[str]], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(text) for text in [*head, *(row[at] for row in rows)]) for at, head in enumerate(heads)]


def _aligned(heads: Sequence[Sequence[str]], rows: Sequence[Sequence[str]], gap: int) -> list[str]:
    widths, deep = _widths(heads, rows), max(len(head) for head in heads)
    above = [[([""] * (deep - len(head)) + list(head))[level] for head in heads] for level in range(deep)]
    return [
        (" " * gap)
        .join(
            [
                row[0].ljust(widths[0]),
                *(cell.strip().rjust(wide) for cell, wide in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        .rstrip()
        for row in [*above, *rows]
    ]
