"""The result of a comparison, and in words: how a column changed, the verdict and its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drift.detect import FeatureDistances, MMDTest
from drift.detect.explain import PairChange
from drift.detect.permutation.p_values import p_text

if TYPE_CHECKING:
    import pandas as pd

WITHIN_CHANCE = " (within chance)"  # ends what is said of the values of a column that did not change
NOTICED_SHARE = 0.005  # of rows: smaller changes of missing or unknown values are not worth a word
NOTICED_SHIFT = 0.1  # of the median, in interquartile ranges of the reference
NOTICED_SPREAD = 1.15  # ratio of interquartile ranges


@dataclass(frozen=True)
class ColumnChange:
    """What happened to one column.

    Attributes:
        column: its name.
        kind: numbers or categories.
        change: in words, with "(within chance)" at the end if not `changed`.
        test: ks, chi_squared for categories, or "ks and missing": of values there are, and of how many there are.
        statistic: the test's.
        p_value: in (0, 1].
        adjusted: for the number of columns (Holm).
        share: of all columns' energy distances, in [0, 1].
        changed: adjusted <= half the level.
        distances: between its two distributions.
    """

    column: str
    kind: str
    change: str
    test: str
    statistic: float
    p_value: float
    adjusted: float
    share: float
    changed: bool
    distances: FeatureDistances


@dataclass(frozen=True)
class OddRow:
    """A row of the current table unlike the reference's.

    Attributes:
        row: in its file, from 0.
        p_value: share of the reference's rows that are as unlike its other rows, in (0, 1].
        column: in which it lies farthest out.
        value: of that column.
        place: where that lies in the reference, in words.
    """

    row: int
    p_value: float
    column: str
    value: str
    place: str


@dataclass(frozen=True)
class Comparison:
    """Whether two tables differ, how sure that is, and where the difference lies.

    Attributes:
        rows: of the reference and of the current table.
        level: probability of `drift` where there is none, if rows are independent.
        joint: of all columns together, at half the level.
        columns: the largest share of the difference first.
        pairs: of columns of numbers or two values, the most surprising first.
        unlike: rows of the current table, the most unlike the reference first.
        left_out: columns that were not compared: why.
    """

    rows: tuple[int, int]
    level: float
    joint: MMDTest
    columns: tuple[ColumnChange, ...]
    pairs: tuple[PairChange, ...]
    unlike: tuple[OddRow, ...]
    left_out: dict[str, str]

    def __str__(self) -> str:
        """The verdict and its reasons."""
        return "\n  ".join([verdict(self), *reasons(self)])

    @property
    def p_value(self) -> float:
        """Of no difference at all, in (0, 1]: of the joint test and the columns', corrected for there being two."""
        return min(1.0, 2 * min(self.joint.p_value, *(column.adjusted for column in self.columns)))

    @property
    def drift(self) -> bool:
        """Whether the tables differ beyond what chance explains."""
        return self.p_value <= self.level

    @property
    def changed(self) -> tuple[ColumnChange, ...]:
        """The columns that differ beyond what chance explains."""
        return tuple(column for column in self.columns if column.changed)

    @property
    def changed_pairs(self) -> tuple[PairChange, ...]:
        """The pairs whose rank correlation changed beyond what chance explains; none where there is no drift."""
        return tuple(pair for pair in self.pairs if self.drift and pair.adjusted <= self.level / 2)

    def to_frame(self) -> pd.DataFrame:
        """The columns as a data frame.

        Returns:
            One row for each column, in the order of `columns`, with columns column, kind, change, test, statistic,
            p_value, adjusted, share and changed, and one for each distance, such as jensen_shannon and psi.
        """
        import pandas as pd

        return pd.DataFrame(
            [
                {name: value for name, value in vars(column).items() if name != "distances"}
                | {distance.name: distance.value for distance in column.distances.distances}
                for column in self.columns
            ]
        )


def verdict(comparison: Comparison) -> str:
    """Whether there is drift, in one line."""
    n, m = comparison.rows
    count = len(comparison.columns)
    sizes = f"{n:,} rows against {m:,}, {count} column{'' if count == 1 else 's'}"
    word = "drift" if comparison.drift else "no drift"
    return f"{word}: p {p_text(comparison.p_value)} at level {comparison.level:g} ({sizes})"


def reasons(comparison: Comparison) -> list[str]:
    """Why the verdict is what it is, one thing a line, the weightiest first."""
    joint, changed = comparison.joint, comparison.changed
    lines = [
        f"only in the {which}: {', '.join(names)}"
        for which, other in (("reference", "current table"), ("current table", "reference"))
        if (names := [name for name, why in comparison.left_out.items() if why == f"not in the {other}"])
    ]
    lines += [
        f"{column.column}: {column.change} ({column.share:.0%} of the difference, p {p_text(column.adjusted)})"
        for column in changed
    ]
    if not changed:
        least = min(comparison.columns, key=lambda column: column.adjusted)
        lines.append(
            f"every column is within chance: the smallest p-value is that of {least.column}, {least.adjusted:.2g}, and"
            f" drift would be {comparison.level / 2:g} or less"
        )
    pairs = comparison.changed_pairs
    for pair in pairs[:3]:
        lines.append(
            f"{pair.features[0]} and {pair.features[1]} go together differently: rank correlation"
            f" {pair.before:+.2f} → {pair.after:+.2f} (p {p_text(pair.adjusted)})"
        )
    if len(pairs) > 3:
        lines.append(f"{len(pairs) - 3} more pairs of columns go together differently")
    used = "" if joint.rows == comparison.rows else f" on {joint.rows[0]:,} and {joint.rows[1]:,} rows of them"
    differ = "differ" if joint.rejected else "are within chance"
    lines.append(f"all columns together {differ}: MMD, {joint.kernel}{used}, p {p_text(joint.p_value)}")
    return lines


def change_in_words(reference: pd.Series, current: pd.Series, *, numeric: bool) -> str:
    """The most telling difference of a column's values: where they lie, how far they spread, which are new."""
    words = _numbers(reference.dropna(), current.dropna()) if numeric else _categories(reference, current)
    before, after = float(reference.isna().mean()), float(current.isna().mean())
    if abs(after - before) >= NOTICED_SHARE:
        words.append(f"missing {before:.1%} → {after:.1%}")
    return ", ".join(words)


def _numbers(reference: pd.Series, current: pd.Series) -> list[str]:
    if not len(reference) or not len(current):
        return ["no values" if not len(current) else "values where there were none"]
    values = np.unique(np.r_[reference.unique(), current.unique()])
    if len(values) == 2:  # a yes or no: the median would jump from one to the other, or not move at all
        value = values[1]
        before, after = (float((column == value).mean()) for column in (reference, current))
        return [f"share of {value:.4g} {before:.1%}" + (", as before" if before == after else f" → {after:.1%}")]
    (low, before, high), (left, after, right) = (
        np.quantile(column.to_numpy(np.float64), [0.25, 0.5, 0.75]) for column in (reference, current)
    )
    words = []
    width, width_after = high - low, right - left
    if abs(after - before) > NOTICED_SHIFT * width:
        words.append(f"median {before:.4g} → {after:.4g}")
    if width and width_after and max(width / width_after, width_after / width) > NOTICED_SPREAD:
        words.append(f"spread × {width_after / width:.2g}")
    outside = float(((current < reference.min()) | (current > reference.max())).mean())
    if outside >= NOTICED_SHARE:
        words.append(f"{outside:.1%} beyond the reference's range")
    return words or [f"median {before:.4g}, as before" if before == after else f"median {before:.4g} → {after:.4g}"]


def _categories(reference: pd.Series, current: pd.Series) -> list[str]:
    before, after = (dict(column.dropna().astype(str).value_counts(normalize=True)) for column in (reference, current))
    apart = {name: abs(after.get(name, 0.0) - before.get(name, 0.0)) for name in (*before, *after)}
    words = []
    if apart:
        name = max(apart, key=apart.__getitem__)
        words.append(f"{name!r} {before.get(name, 0.0):.1%} → {after.get(name, 0.0):.1%}")
    new = sorted(set(after) - set(before), key=lambda label: -after[label])
    if new:
        shown = ", ".join(repr(label) for label in new[:3]) + (f" and {len(new) - 3} more" if len(new) > 3 else "")
        words.append(f"new: {shown} ({sum(after[label] for label in new):.1%})")
    return words
