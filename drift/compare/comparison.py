"""Two tables of one kind: every column, and all of them together, tested, measured and explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from drift.compare.usable import Matrices, Usable, usable_columns
from drift.compare.words import change_in_words
from drift.detect import (
    FeatureDistances,
    MMDTest,
    adjusted,
    compare_profiles,
    explain,
    feature_tests,
    learn_binning,
    mmd_test,
    profile,
)
from drift.detect.explain import MOST_PAIRED, PairChange, UnlikeRow, pair_changes
from drift.detect.samples import two_samples

if TYPE_CHECKING:
    import pandas as pd

JOINT_ROWS = 10_000  # of each table at most, drawn at random: a pass over all pairs of more rows takes minutes


@dataclass(frozen=True)
class ColumnChange:
    """What happened to one column."""

    column: str
    kind: str  # numbers or categories
    change: str  # in words
    test: str  # ks, or jensen_shannon where values are missing or are categories
    statistic: float  # the test's, in [0, 1]
    p_value: float  # in (0, 1]
    adjusted: float  # for the number of columns (Holm)
    share: float  # of all columns' energy distances, in [0, 1]
    changed: bool  # adjusted <= half the level
    distances: FeatureDistances


@dataclass(frozen=True)
class Comparison:
    """Whether two tables differ, how sure that is, and where the difference lies."""

    rows: tuple[int, int]  # of the reference and of the current table
    level: float  # probability of `drift` where there is none, if rows are independent
    joint: MMDTest  # of all columns together, at half the level
    columns: tuple[ColumnChange, ...]  # the most surprising first
    pairs: tuple[PairChange, ...]  # of columns of numbers, the most surprising first
    unlike: tuple[UnlikeRow, ...]  # rows of the current table, the most unlike the reference first
    left_out: dict[str, str]  # columns that were not compared: why

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
        """The pairs of columns that go together differently, beyond what chance explains."""
        return tuple(pair for pair in self.pairs if pair.adjusted <= self.level / 2)


def compare_tables(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    columns: Sequence[str] = (),
    ignore: Sequence[str] = (),
    level: float = 0.05,
    permutations: int = 1000,
    rows: int = 5,
    seed: int = 0,
) -> Comparison:
    """Compare two tables, column by column and as a whole.

    There is drift if the joint test (fused MMD) or any column, corrected for their number (Holm), rejects at half the
    level. A column of numbers is tested by Kolmogorov-Smirnov, one with missing values or categories by its
    Jensen-Shannon divergence on the reference's bins.

    Args:
        reference: a table, one row an example.
        current: another with the same columns.
        columns: compare these only; by default all that can be, see `usable_columns`.
        ignore: columns to leave out.
        level: probability of finding drift where there is none.
        permutations: of the joint test, and draws for each distance's null.
        rows: how many unlike rows to tell.
        seed: the same seed gives the same numbers.

    Raises:
        BlockError: tables that cannot be compared.
    """
    usable = usable_columns(reference, current, columns=columns, ignore=ignore)
    matrices = usable.matrices()
    where = explain(matrices.reference, matrices.current, names=matrices.labels, rows=rows, seed=seed)
    column_of = dict(zip(matrices.labels, matrices.columns, strict=True))
    shares = dict.fromkeys(usable.names, 0.0)
    for feature in where.features:
        shares[column_of[feature.feature]] += feature.share
    numbers = [at for at, label in enumerate(matrices.labels) if label in usable.numeric][:MOST_PAIRED]
    return Comparison(
        rows=(len(reference), len(current)),
        level=level,
        joint=_joint_test(matrices, level=level / 2, permutations=permutations, seed=seed),
        columns=_changes(usable, shares, level=level / 2, permutations=permutations, seed=seed),
        pairs=pair_changes(
            matrices.reference[:, numbers], matrices.current[:, numbers], [matrices.labels[at] for at in numbers]
        ),
        unlike=tuple(replace(row, row=_number(current, row.row), feature=column_of[row.feature]) for row in where.rows),
        left_out=usable.left_out,
    )


def _joint_test(matrices: Matrices, *, level: float, permutations: int, seed: int) -> MMDTest:
    rng = np.random.default_rng(seed)
    x, y = (sample[rng.permutation(len(sample))[:JOINT_ROWS]] for sample in (matrices.reference, matrices.current))
    scaled = two_samples(x, y).standardised()
    return mmd_test(scaled.reference.float(), scaled.current.float(), level=level, permutations=permutations, seed=seed)


def _changes(
    usable: Usable, shares: Mapping[str, float], *, level: float, permutations: int, seed: int
) -> tuple[ColumnChange, ...]:
    before, after = ({name: table[name] for name in usable.names} for table in (usable.reference, usable.current))
    binning = learn_binning(before)
    distances = {
        found.feature: found
        for found in compare_profiles(
            profile(binning, before), profile(binning, after), permutations=permutations, level=level, seed=seed
        )
    }
    complete = [name for name in usable.numeric if all(_is_complete(table[name]) for table in (before, after))]
    tests = {}
    if complete:
        samples = ({name: table[name].to_numpy(np.float64) for name in complete} for table in (before, after))
        tests = {found.feature: found for found in feature_tests(*samples, test="ks", correction="none").features}
    found = [
        ColumnChange(
            column=name,
            kind="numbers" if name in usable.numeric else "categories",
            change=change_in_words(before[name], after[name], numeric=name in usable.numeric),
            test="ks" if name in tests else "jensen_shannon",
            statistic=tests[name].statistic if name in tests else distances[name]["jensen_shannon"].value,
            p_value=tests[name].p_value if name in tests else distances[name].p_value,
            adjusted=1.0,
            share=shares[name],
            changed=False,
            distances=distances[name],
        )
        for name in usable.names
    ]
    corrected = adjusted(np.asarray([one.p_value for one in found]), "holm")
    judged = [
        replace(one, adjusted=float(value), changed=bool(value <= level))
        for one, value in zip(found, corrected, strict=True)
    ]
    return tuple(sorted(judged, key=lambda one: (one.adjusted, -one.share)))


def _number(table: pd.DataFrame, position: int) -> int:
    """A row's number in the file that the table is a stretch of."""
    from pandas import RangeIndex

    return int(table.index[position]) if isinstance(table.index, RangeIndex) else position


def _is_complete(column: pd.Series) -> bool:
    return bool(np.isfinite(column.to_numpy(np.float64, na_value=np.nan)).all())
