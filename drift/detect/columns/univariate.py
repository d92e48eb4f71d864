"""Two-sample tests of one feature at a time, and what they say together: which feature moved, and did any?

They see that a feature is distributed differently, not that features go together differently; `mmd_test` and
`classifier_test` see both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import ceil, comb
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.detect.columns.column_tests import EXACT_ROWS, TESTS
from drift.detect.columns.two_sample_columns import TwoSampleColumn, plain_columns, two_tables
from drift.errors import BlockError

if TYPE_CHECKING:
    from drift.detect.columns.two_sample_columns import Features
    from drift.detect.two_sample.samples import Sample

Correction: TypeAlias = Literal["bonferroni", "holm", "benjamini-hochberg", "none"]
Test: TypeAlias = Literal["auto", "ks", "cramer_von_mises", "chi_squared"]

FEWEST_DRAWS = 999


@dataclass(frozen=True)
class FeatureTest:
    """The test of one feature.

    Attributes:
        feature: its name.
        test: ks, cramer_von_mises or chi_squared.
        statistic: KS: in [0, 1]; the others: at least 0, up to rounding; larger means further apart.
        p_value: in (0, 1].
        adjusted: the p-value, corrected for the number of features; in (0, 1].
    """

    feature: str
    test: str
    statistic: float
    p_value: float
    adjusted: float


@dataclass(frozen=True)
class FeatureTests:
    """The tests of all features, and of the hypothesis that none has changed.

    Attributes:
        features: the test of each feature.
        correction: for the number of features, see `adjusted`.
        level: a feature has changed if its adjusted p-value is at most this.
        rows: of the reference and of the current sample.
    """

    features: tuple[FeatureTest, ...]
    correction: str
    level: float
    rows: tuple[int, int]

    @property
    def worst(self) -> FeatureTest:
        """The test with the smallest p-value."""
        return min(self.features, key=lambda feature: feature.p_value)

    @property
    def statistic(self) -> float:
        """The worst feature's."""
        return self.worst.statistic

    @property
    def p_value(self) -> float:
        """The smallest adjusted p-value, in (0, 1]."""
        return self.worst.adjusted

    @property
    def rejected(self) -> bool:
        """Whether some feature differs beyond what chance explains; without correction, of that feature alone."""
        return self.p_value <= self.level


def adjusted(p_values: NDArray[np.float64], correction: Correction) -> NDArray[np.float64]:
    """P-values corrected for their number d, in the same order, each to be compared with the level; at most 1.

    Bonferroni and Holm (1979, never larger) hold the probability of any false rejection, whatever the dependence
    between features; Benjamini and Hochberg (1995) the expected share of false ones among the rejected, for features
    that are independent or depend positively.

    Args:
        p_values: (d,) in [0, 1].
        correction: which.

    Raises:
        BlockError: an unknown correction, no p-values, or some outside [0, 1].

    >>> adjusted(np.asarray([0.01, 0.04, 0.03]), "holm")
    array([0.03, 0.06, 0.06])
    """
    values = np.asarray(p_values, np.float64)
    if values.ndim != 1 or not len(values) or not bool(((values >= 0) & (values <= 1)).all()):
        raise BlockError(f"expected one p-value or more, each in [0, 1], got {values}")
    if correction not in _CORRECTIONS:
        raise BlockError(f"expected correction {', '.join(_CORRECTIONS)}, got {correction!r}")
    order = values.argsort(kind="stable")
    result = np.empty_like(values)
    result[order] = np.minimum(_CORRECTIONS[correction](values[order]), 1)
    return result


def feature_tests(
    reference: Features,
    current: Features,
    *,
    test: Test = "ks",
    correction: Correction = "holm",
    names: Sequence[str] | None = None,
    categorical: Collection[str] = (),
    level: float = 0.05,
    seed: int = 0,
) -> FeatureTests:
    """Test every feature on its own.

    The p-values are SciPy's wherever those hold their level and find what there is to find:

    - `ks`: without ties `ks_2samp`, exact up to 10,000 rows of each sample and n m = 4,000,000, asymptotic above (an
      exact one can take a second there). With ties it would find next to nothing in a column of zeros with few other
      values, so that there the p-value is exact given the ties; of more than 500 different values, the difference is
      then taken at about 250 edges between them, and before and after each frequent value.
    - `cramer_von_mises`: `cramervonmises_2samp`. Its ranks are wrong with ties if n and m differ, up to rejecting
      always; so where few values are tied often, the p-value is by permutations, and else ties are broken at random.
    - `chi_squared`: `chi2_contingency` without Yates' correction; by permutations if a category is expected in fewer
      than 5 rows of a sample.

    A p-value by permutations is (1 + count) / (1 + B), with B = 999 or more: enough that one feature can be rejected.
    It is 50 / draws if 50 draws were as extreme before.

    Args:
        reference: (n, d) or (n,) array or tensor; or a mapping from names to (n,) columns, such as a dict or a pandas
            DataFrame, where some may be text.
        current: the same with m rows.
        test: of every feature; `auto` takes chi-squared for categories and KS for numbers.
        correction: for the number of features, see `adjusted`.
        names: of an array's columns; "0", "1", ... by default.
        categorical: columns whose numbers are categories; text and truth values always are.
        level: for `rejected`.
        seed: of permutations and broken ties.

    Raises:
        BlockError: samples that cannot be compared, or too few rows for any feature to be rejected.

    >>> rng = np.random.default_rng(0)
    >>> old = {"size": rng.normal(size=200), "colour": rng.choice(["red", "blue"], 200)}
    >>> new = {"size": rng.normal(size=150), "colour": np.full(150, "red")}
    >>> feature_tests(old, new, test="auto").worst.feature
    'colour'
    """
    if test not in ("auto", *TESTS):
        raise BlockError(f"expected test auto, {', '.join(TESTS)}, got {test!r}")
    numeric = test in ("ks", "cramer_von_mises")
    if numeric and categorical:
        raise BlockError(f"expected no categorical columns with test {test!r}, got {categorical}: test='auto' has both")
    every = None if test == "chi_squared" else categorical
    columns = two_tables(reference, current, names=names, categorical=every, numeric=numeric)
    return _judged(columns, test=test, correction=correction, level=level, seed=seed)


def bbsds_test(
    reference_probabilities: Sample,
    current_probabilities: Sample,
    *,
    classes: Sequence[str] | None = None,
    correction: Correction = "bonferroni",
    level: float = 0.05,
) -> FeatureTests:
    """Test whether a model answers differently: KS of each class's probability; needs no labels.

    Black-box shift detection on softmax outputs (BBSDs; Lipton et al. 2018, Rabanser et al. 2019).

    Args:
        reference_probabilities: (n, classes) in [0, 1], rows sum to 1; or (n,) of one class.
        current_probabilities: (m, classes) or (m,).
        classes: their names; "0", "1", ... by default. Of two classes only the first is tested, see `informative`.
        correction: for the number of classes.
        level: for `rejected`.

    Raises:
        BlockError: samples that cannot be compared, no probabilities, or too few rows for any class to be rejected.
    """
    columns = two_tables(reference_probabilities, current_probabilities, names=classes, numeric=True)
    for rows in ([column.reference for column in columns], [column.current for column in columns]):
        table = np.stack(rows)
        low, high = float(table.min()), float(table.max())
        if low < -1e-6 or high > 1 + 1e-6 or (len(rows) > 1 and bool((abs(table.sum(axis=0) - 1) > 1e-2).any())):
            raise BlockError(
                f"expected probabilities that sum to 1, got values from {low:.3g} to {high:.3g}: use the softmax's"
                " output; feature_tests takes anything else"
            )
    return _judged(columns[: informative(len(columns))], test="ks", correction=correction, level=level, seed=0)


def informative(classes: int) -> int:
    """How many columns of probabilities to test: of two the second mirrors the first, and would only cost power."""
    return 1 if classes == 2 else classes


def ks_tests(reference: NDArray[Any], current: NDArray[Any], names: Sequence[str], *, level: float) -> FeatureTests:
    """KS of every column by Bonferroni, for detectors: samples of any size, of which only the width is checked."""
    columns = plain_columns(reference, current, names)
    return _tested(columns, test="ks", correction="bonferroni", level=level, seed=0)


def _judged(
    columns: list[TwoSampleColumn], *, test: Test, correction: Correction, level: float, seed: int
) -> FeatureTests:
    """All tests, if some feature can be rejected by them."""
    if not 0 < level < 1:
        raise BlockError(f"expected a level between 0 and 1, got {level}")
    rows = len(columns[0].reference), len(columns[0].current)
    times = len(columns) if correction in ("bonferroni", "holm") else 1
    # Of all ways to choose the first sample's rows, how many are as extreme as the most extreme one?
    extremes = min(1 if column.categorical else 2 for column in columns)
    exact = test != "cramer_von_mises" or max(rows) <= EXACT_ROWS
    if exact and times * extremes / _ways(*rows) > level:
        needed = next(size for size in range(1, 1_000) if times * extremes / _ways(size, size) <= level)
        raise BlockError(
            f"expected at least {needed} rows in each sample to reject one of {len(columns)} features at level {level},"
            f" got {rows[0]} and {rows[1]}: no p-value is as small"
        )
    return _tested(columns, test=test, correction=correction, level=level, seed=seed)


def _ways(n: int, m: int) -> int:
    """At most the number of ways to choose n of n + m rows, and just it where either is below 50."""
    return comb(n + m, min(n, m, 50))


def _tested(
    columns: list[TwoSampleColumn], *, test: Test, correction: Correction, level: float, seed: int
) -> FeatureTests:
    rng = np.random.default_rng(seed)
    draws = enough_draws(len(columns), level=level)
    kinds = [("chi_squared" if column.categorical else "ks") if test == "auto" else test for column in columns]
    outcomes = [TESTS[kind](column, draws, rng) for kind, column in zip(kinds, columns, strict=True)]
    p_values = np.maximum([p_value for _, p_value in outcomes], np.finfo(np.float64).tiny)  # never 0
    return FeatureTests(
        features=tuple(
            FeatureTest(column.name, kind, float(statistic), float(p_value), float(corrected))
            for column, kind, (statistic, _), p_value, corrected in zip(
                columns, kinds, outcomes, p_values, adjusted(p_values, correction), strict=True
            )
        ),
        correction=correction,
        level=level,
        rows=(len(columns[0].reference), len(columns[0].current)),
    )


def enough_draws(columns: int, *, level: float) -> int:
    """Permutations for each of so many columns, 999 or more, with which one can be rejected after correction."""
    return max(FEWEST_DRAWS, ceil(2 * columns / level) - 1)


def _benjamini_hochberg(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    ratios = ordered * (len(ordered) / np.arange(1, len(ordered) + 1))
    return np.minimum.accumulate(ratios[::-1])[::-1]


_CORRECTIONS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "bonferroni": lambda ordered: ordered * len(ordered),
    "holm": lambda ordered: np.maximum.accumulate(ordered * np.arange(len(ordered), 0, -1)),
    "benjamini-hochberg": _benjamini_hochberg,
    "none": lambda ordered: ordered,
}
