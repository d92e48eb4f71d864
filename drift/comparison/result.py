"""The result of a comparison, and in words: the verdict and its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drift.detect import FeatureDistances, MMDTest
from drift.detect.explain import PairChange
from drift.detect.permutation.p_values import p_text

if TYPE_CHECKING:
    import pandas as pd


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

    @property
    def least_likely(self) -> ColumnChange:
        """The column with the smallest p-value."""
        return min(self.columns, key=lambda column: column.adjusted)


def verdict(comparison: Comparison) -> str:
    """Whether there is drift, in one line."""
    n, m = comparison.rows
    count = len(comparison.columns)
    sizes = f"{n:,} rows against {m:,}, {count} column{'' if count == 1 else 's'}"
    if not comparison.drift:
        return f"no drift: p {p_text(comparison.p_value)} at level {comparison.level:g} ({sizes})"
    return f"drift: p {p_text(comparison.p_value)} at level {comparison.level:g} ({sizes})"


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
        least = comparison.least_likely
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
