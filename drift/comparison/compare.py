"""Two tables of one kind: every column, and all of them together, tested, measured and explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from drift.comparison.comparable_columns import ComparableColumns, Matrices, choose_columns
from drift.comparison.result import WITHIN_CHANCE, ColumnChange, Comparison, OddRow, change_in_words
from drift.data.frames import pandas_frame
from drift.detect import MMDTest, adjusted, compare_profiles, explain, feature_tests, learn_binning, mmd_test, profile
from drift.detect.explain import MOST_PAIRED, LowDensityRow, pair_changes
from drift.detect.two_sample.samples import two_samples
from drift.system.devices import resolve_device
from drift.system.options import as_names

if TYPE_CHECKING:
    import pandas as pd

JOINT_ROWS = 5_000  # of each table at most, drawn at random: a pass over all pairs of more rows takes long
FEWEST_VALUES = 2
MISSING = "(missing)"  # among categories


def compare_tables(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    columns: str | Sequence[str] = (),
    ignore: str | Sequence[str] = (),
    level: float = 0.05,
    permutations: int = 1000,
    rows: int = 5,
    seed: int = 0,
    device: str = "cpu",
    tell: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Compare two tables, column by column and as a whole.

    There is drift if the joint test (fused MMD) or any column, corrected for their number (Holm), rejects at half the
    level. A column of numbers is tested by Kolmogorov-Smirnov, one of categories by chi-squared; where values are
    missing, by their number, too. Pairs are of the first 60 columns of numbers, or of text or booleans of two values:
    `outcome (sent_back)` is 1 where the outcome is sent_back, the later value in the order of text.

    Args:
        reference: a table, one row an example: a data frame of pandas, polars or Arrow, or numbers (n, d).
        current: another with the same columns.
        columns: compare these only (a text is one name); by default all that can be, see `choose_columns`.
        ignore: columns to leave out.
        level: probability of finding drift where there is none.
        permutations: of the joint test, and draws for each distance's null; more if the level needs them.
        rows: how many unlike rows to tell.
        seed: the same seed gives the same numbers.
        device: where the joint test runs: "cpu", "cuda" or "auto"; MPS has no double precision, which it sums in.
        tell: is called with what is being done.

    Returns:
        The verdict (`drift`, `p_value`), the columns with their tests and distances (`columns`, `changed`,
        `to_frame`), pairs of columns, and unlike rows. As text it is the verdict with its reasons.

    Raises:
        BlockError: tables that cannot be compared.
        UsageError: no such device.
    """
    device = resolve_device(device, double_precision=True)
    reference, current = pandas_frame(reference, "reference"), pandas_frame(current, "current table")
    permutations = max(permutations, ceil(2 / level))  # half the level must be in reach
    usable = choose_columns(reference, current, columns=as_names(columns), ignore=as_names(ignore))
    tell(f"comparing {len(usable.names)} columns")
    matrices = usable.matrices()
    places = [str(at) for at in range(len(matrices.labels))]  # labels of two features may be one text
    where = explain(matrices.reference, matrices.current, names=places, rows=max(rows, 0), pairs=False, seed=seed)
    column_of = dict(zip(places, matrices.columns, strict=True))
    shares = dict.fromkeys(usable.names, 0.0)
    for feature in where.features:
        shares[column_of[feature.feature]] += feature.share
    paired = usable.paired()
    tell("testing all columns together")
    joint = _joint_test(matrices, level=level / 2, permutations=permutations, seed=seed, device=device)
    tell("testing column by column")
    return Comparison(
        rows=(len(reference), len(current)),
        level=level,
        joint=joint,
        columns=_changes(usable, shares, level=level / 2, permutations=permutations, seed=seed),
        pairs=pair_changes(
            paired.reference[:, :MOST_PAIRED], paired.current[:, :MOST_PAIRED], paired.labels[:MOST_PAIRED]
        ),
        unlike=tuple(_odd_row(row, column_of[row.feature], usable, current) for row in where.rows),
        left_out=usable.left_out,
    )


def _joint_test(matrices: Matrices, *, level: float, permutations: int, seed: int, device: str) -> MMDTest:
    rng = np.random.default_rng(seed)
    x, y = (sample[rng.permutation(len(sample))[:JOINT_ROWS]] for sample in (matrices.reference, matrices.current))
    scaled = two_samples(x, y).standardised()
    reference, current = (sample.float().to(device) for sample in (scaled.reference, scaled.current))
    return mmd_test(reference, current, level=level, permutations=permutations, seed=seed)


def _changes(
    usable: ComparableColumns, shares: Mapping[str, float], *, level: float, permutations: int, seed: int
) -> tuple[ColumnChange, ...]:
    before, after = ({name: table[name] for name in usable.names} for table in (usable.reference, usable.current))
    for name in usable.categorical:
        if before[name].isna().all() or after[name].isna().all():  # no type shows that this is a category
            before[name], after[name] = (column.fillna(MISSING) for column in (before[name], after[name]))
    binning = learn_binning(before)
    compared = compare_profiles(
        profile(binning, before), profile(binning, after), permutations=permutations, level=level, seed=seed
    )
    distances = {feature.feature: feature for feature in compared}
    tests = {
        name: _column_test(before[name], after[name], numeric=name in usable.numeric, seed=seed)
        for name in usable.names
    }
    corrected = adjusted(np.asarray([p_value for _, _, p_value in tests.values()]), "holm")
    changes = []
    for (name, (test, statistic, p_value)), value in zip(tests.items(), corrected, strict=True):
        numeric, changed = name in usable.numeric, bool(value <= level)
        words = change_in_words(usable.reference[name], usable.current[name], numeric=numeric)
        changes.append(
            ColumnChange(
                column=name,
                kind="numbers" if numeric else "categories",
                change=words if changed else words + WITHIN_CHANCE,
                test=test,
                statistic=statistic,
                p_value=p_value,
                adjusted=float(value),
                share=shares[name],
                changed=changed,
                distances=distances[name],
            )
        )
    return tuple(sorted(changes, key=lambda column: (-column.share, column.adjusted)))


def _column_test(reference: pd.Series, current: pd.Series, *, numeric: bool, seed: int) -> tuple[str, float, float]:
    """A column's test, its statistic and its p-value."""
    gaps = [column.isna().to_numpy() for column in (reference, current)]
    if not numeric:
        texts = [column.astype(str).where(column.notna(), MISSING) for column in (reference, current)]
        return _one_test("chi_squared", *(text.to_numpy(object) for text in texts), seed=seed)
    largest = np.finfo(np.float64).max
    values = [
        np.nan_to_num(column.dropna().to_numpy(np.float64), posinf=largest, neginf=-largest)
        for column in (reference, current)
    ]
    enough = min(map(len, values)) >= FEWEST_VALUES
    whole = _one_test("ks", *values, seed=seed) if enough else ("ks", 0.0, 1.0)
    if not any(gap.any() for gap in gaps):
        return whole
    _, _, missing = _one_test("chi_squared", *(gap.astype(object) for gap in gaps), seed=seed)
    return "ks and missing", whole[1], min(1.0, 2 * min(whole[2], missing))


def _one_test(
    test: Literal["ks", "chi_squared"], reference: NDArray[Any], current: NDArray[Any], *, seed: int
) -> tuple[str, float, float]:
    tests = feature_tests({"x": reference}, {"x": current}, test=test, level=0.5, correction="none", seed=seed)
    return test, tests.worst.statistic, tests.worst.p_value


def _odd_row(row: LowDensityRow, column: str, usable: ComparableColumns, current: pd.DataFrame) -> OddRow:
    """Where a row lies farthest out: a number among the reference's numbers, or how rare a value is."""
    value, before = usable.current[column].iloc[row.row], usable.reference[column]
    label = current.index[row.row]
    number = int(label) if isinstance(label, (int, np.integer)) else row.row
    missing = bool(usable.current[column].isna().iloc[row.row])
    if column in usable.numeric and not missing and np.isfinite(value):
        place = f"above {row.quantile:.1%} of the reference"
        return OddRow(number, row.p_value, column, f"{value:.6g}", place)
    same = before.isna() if missing else before == value
    place = f"as in {same.mean():.1%} of the reference"
    return OddRow(number, row.p_value, column, "missing" if missing else str(value), place)
