"""Profiles: counts as a plain loop gives them, parts that merge to the whole, and tables that are refused."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest

from drift.detect import Binning, Profile, compare_profiles, learn_binning, merge, profile
from drift.detect.profiles.binning import CategoryBins, QuantileBins, ValueBins
from drift.detect.profiles.counts import MOST_NAMED, CellCounts, NamedCounts
from drift.errors import BlockError


def mixed(rng: np.random.Generator, n: int) -> dict[str, Any]:
    """Every kind of column, with missing values and infinity."""
    gaps = rng.normal(size=n)
    gaps[rng.random(n) < 0.1] = np.nan
    gaps[rng.random(n) < 0.02] = np.inf
    gaps[rng.random(n) < 0.02] = -np.inf
    words = rng.choice(["a", "b", "c", "dé"], n, p=[0.6, 0.3, 0.09, 0.01]).astype(object)
    words[rng.random(n) < 0.1] = None
    return {
        "plain": rng.standard_cauchy(n).astype(np.float32),
        "gaps": gaps,
        "whole": rng.poisson(40, n),
        "few": rng.poisson(1, n).astype(np.int8),
        "constant": np.full(n, 3.5),
        "words": words,
        "flag": rng.random(n) < 0.3,
        "category": pd.Categorical(rng.choice(["x", "y"], n), categories=["y", "x", "z"]),
        "ids": rng.integers(0, 5_000, n).astype(str),
    }


def cut(table: dict[str, Any], rows: np.ndarray) -> dict[str, Any]:
    return {name: values[rows] for name, values in table.items()}


def assert_same(one: Profile, other: Profile) -> None:
    """Equal counts, and moments up to rounding."""
    assert one.rows == other.rows
    for name, ours in one.columns.items():
        theirs = other.columns[name]
        assert (ours.counts, ours.missing) == (theirs.counts, theirs.missing), name
        assert getattr(ours, "other", 0) == getattr(theirs, "other", 0)
        assert (ours.moments.count, ours.moments.low, ours.moments.high) == (
            theirs.moments.count,
            theirs.moments.low,
            theirs.moments.high,
        )
        assert ours.moments.mean == pytest.approx(theirs.moments.mean, rel=1e-9, abs=1e-12)
        assert ours.moments.squares == pytest.approx(theirs.moments.squares, rel=1e-9, abs=1e-9)


def test_kinds_of_columns() -> None:
    binning = learn_binning(mixed(np.random.default_rng(0), 2_000))
    kinds = {name: type(bins) for name, bins in binning.columns.items()}
    assert {name for name, kind in kinds.items() if kind is QuantileBins} == {"plain", "gaps", "whole"}
    assert {name for name, kind in kinds.items() if kind is ValueBins} == {"few", "constant"}
    assert {name for name, kind in kinds.items() if kind is CategoryBins} == {"words", "flag", "category", "ids"}


def test_counts_equal_a_plain_loop() -> None:
    rng = np.random.default_rng(1)
    binning = learn_binning(mixed(rng, 900))
    table = mixed(rng, 1_100)
    found = profile(binning, table)
    for name in ("plain", "gaps", "whole"):
        bins, counts = binning.columns[name], found.columns[name]
        assert isinstance(bins, QuantileBins)
        assert isinstance(counts, CellCounts)
        expected = [0] * (len(bins.lows) + 2)
        missing = 0
        for value in table[name].tolist():
            if np.isnan(value):
                missing += 1
            elif value > bins.highs[-1]:
                expected[-1] += 1
            else:
                expected[sum(value >= low for low in bins.lows)] += 1
        assert (list(counts.counts), counts.missing) == (expected, missing)
        finite = table[name][np.isfinite(table[name])].astype(np.float64)
        assert counts.moments.mean == pytest.approx(finite.mean())
        assert counts.moments.squares == pytest.approx(finite.var() * len(finite))
        assert (counts.moments.low, counts.moments.high) == (finite.min(), finite.max())
    for name in ("few", "words", "flag", "category"):
        counts = found.columns[name]
        assert isinstance(counts, NamedCounts)
        plain = [None if value is None else str(float(value) if name == "few" else value) for value in table[name]]
        assert counts.counts == Counter(value for value in plain if value is not None)
        assert counts.missing == plain.count(None)


def test_cells_of_a_continuous_column_have_equal_rows() -> None:
    values = np.random.default_rng(2).normal(size=1_234)
    for bins in (2, 10, 37):
        learned = learn_binning({"x": values}, bins=bins).columns["x"]
        assert isinstance(learned, QuantileBins)
        assert len(learned.lows) == bins
        assert max(learned.counts[1:-1]) - min(learned.counts[1:-1]) <= 1
        assert learned.weights[0] == learned.weights[-1] == 1
        assert sum(learned.weights) == 1_235
        assert profile(Binning({"x": learned}), {"x": values}).columns["x"].counts == learned.counts


def test_heavy_values_are_cells_alone() -> None:
    rng = np.random.default_rng(3)
    values = np.where(rng.random(1_000) < 0.6, 0.0, rng.exponential(size=1_000))
    learned = learn_binning({"x": values}).columns["x"]
    assert isinstance(learned, QuantileBins)
    assert (learned.lows[0], learned.highs[0], learned.counts[1]) == (0.0, 0.0, (values == 0).sum())
    assert sum(learned.weights) == pytest.approx(1_001)
    assert min(learned.weights) > 0


@pytest.mark.parametrize("seed", range(4))
def test_parts_merge_to_the_whole(seed: int) -> None:
    """Any partition, in any order, and grouped in any way; empty parts too."""
    rng = np.random.default_rng(seed)
    binning, table = learn_binning(mixed(rng, 500)), mixed(rng, 3_000)
    whole = profile(binning, table)
    where = rng.integers(0, 7, 3_000)
    parts = [profile(binning, cut(table, np.flatnonzero(where == part))) for part in (*range(7), 99)]
    for _ in range(3):
        order = [parts[i] for i in rng.permutation(len(parts))]
        assert_same(merge(*order), whole)
        middle = int(rng.integers(1, len(order)))
        assert_same(merge(merge(*order[:middle]), merge(*order[middle:])), whole)
    assert merge(parts[0], parts[1]) == merge(parts[1], parts[0])


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    binning, table = learn_binning(mixed(rng, 500)), mixed(rng, 2_000)
    whole = profile(binning, table)
    monkeypatch.setattr("drift.detect.profiles.profiles.ROWS_AT_ONCE", 77)
    assert_same(profile(binning, table), whole)


def test_many_categories_are_counted_exactly_and_chosen_alike() -> None:
    rng = np.random.default_rng(5)
    ids = rng.integers(0, 4_000, 20_000).astype(str)
    binning = learn_binning({"id": ids})
    counts = profile(binning, {"id": ids}).columns["id"]
    assert isinstance(counts, NamedCounts)
    assert len(counts.counts) == MOST_NAMED
    assert counts.present == 20_000
    truth = Counter(ids.tolist())
    assert all(truth[name] == rows for name, rows in counts.counts.items())


def test_moments_do_not_cancel() -> None:
    """A billion times further from 0 than spread."""
    rng = np.random.default_rng(6)
    values = 1e9 + rng.normal(size=50_000)
    binning = learn_binning({"x": values})
    parts = [profile(binning, {"x": part}) for part in np.array_split(values, 13)]
    moments = merge(*parts).columns["x"].moments
    assert moments.squares / moments.count == pytest.approx(values.var(), rel=1e-6)
    assert moments.total == pytest.approx(values.sum())


def test_tables_of_every_kind_give_the_same() -> None:
    rng = np.random.default_rng(7)
    array = rng.normal(size=(300, 2))
    frame = pd.DataFrame(array, columns=["a", "b"])
    binning = learn_binning(array, names=["a", "b"])
    assert learn_binning(frame) == learn_binning({"b": array[:, 1], "a": array[:, 0]}, names=["a", "b"]) == binning
    assert profile(binning, frame) == profile(binning, array) == profile(binning, np.asfortranarray(array))
    assert learn_binning(array).columns.keys() == {"0", "1"}
    assert profile(binning, frame.assign(extra="text")) == profile(binning, frame)


def test_missing_values_of_every_kind() -> None:
    numbers: list[Any] = [1.5, None, np.nan, pd.NA, 2]
    text: list[Any] = ["a", None, np.nan, pd.NA, "b"]
    columns = {
        "numbers": pd.Series(numbers, dtype=object),
        "nullable": pd.Series([1, None, None, None, 2], dtype="Int64"),
        "text": np.asarray(text, object),
        "string": pd.Series(text, dtype="string"),
        "category": pd.Series(text, dtype="category"),
        "boolean": pd.Series([True, None, None, None, False], dtype="boolean"),
    }
    binning = learn_binning(columns)
    kinds = [type(bins) for bins in binning.columns.values()]
    assert kinds == [QuantileBins, QuantileBins, *[CategoryBins] * 4]
    found = profile(binning, columns)
    assert {(counts.present, counts.missing) for counts in found.columns.values()} == {(2, 3)}
    nothing = pd.DataFrame({name: [None, None] for name in columns})
    assert {counts.missing for counts in profile(binning, nothing).columns.values()} == {2}


def test_single_and_double_precision_meet() -> None:
    """A value rounded to float32 in one of two tables is in the same cell in both."""
    values = np.random.default_rng(8).choice(np.arange(40) / 10, 2_000)
    few = np.random.default_rng(8).choice([0.1, 0.2, 0.7], 2_000)
    double = {"many": values, "few": few}
    single = {name: column.astype(np.float32) for name, column in double.items()}
    for learned, other in ((double, single), (single, double)):
        binning = learn_binning(learned)
        found, expected = profile(binning, other), profile(binning, learned)
        assert found.columns["many"].counts == expected.columns["many"].counts
        for feature in compare_profiles(expected, found):
            assert feature.p_value == 1


def test_json_and_back() -> None:
    rng = np.random.default_rng(9)
    table = mixed(rng, 700)
    binning = learn_binning(table)
    found = profile(binning, mixed(rng, 400))
    assert Binning.from_json(json.loads(json.dumps(binning.to_json()))) == binning
    text = json.dumps(found.to_json(), allow_nan=False)
    assert Profile.from_json(json.loads(text), binning=binning) == found
    with pytest.raises(BlockError, match="expected a profile of columns plain"):
        Profile.from_json({"rows": 1, "columns": {}}, binning=binning)


NUMBERS = np.arange(50.0)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"a": NUMBERS, "c": NUMBERS}, r"got none called b\. Was the model retrained on other columns\?"),
        ({"a": NUMBERS, "b": NUMBERS.astype(str)}, "expected numbers in column 'b', as in the reference"),
        ({"a": NUMBERS, "b": NUMBERS[:9]}, "columns of one length, got a 50, b 9 rows"),
        ({"a": NUMBERS, "b": np.zeros((50, 2))}, "one value a row in column 'b'"),
        ({"a": NUMBERS, "b": NUMBERS.astype("datetime64[s]")}, "numbers, text or booleans in column 'b'"),
        (np.zeros((9, 3)), r"expected 2 columns, as in the reference; got table\.shape=\(9, 3\)"),
    ],
)
def test_tables_that_do_not_fit(table: Any, words: str) -> None:
    binning = learn_binning({"a": NUMBERS, "b": NUMBERS})
    with pytest.raises(BlockError, match=words):
        profile(binning, table)


def test_numbers_where_categories_were() -> None:
    binning = learn_binning({"a": np.asarray(["x", "y"])})
    with pytest.raises(BlockError, match="expected categories in column 'a', as in the reference; got values of type"):
        profile(binning, {"a": np.arange(3.0)})


def test_references_that_teach_nothing() -> None:
    with pytest.raises(BlockError, match="expected a table with rows"):
        learn_binning({"a": np.zeros(0)})
    with pytest.raises(BlockError, match="expected 2 bins or more, got 1"):
        learn_binning({"a": NUMBERS}, bins=1)


def test_profiles_on_different_bins_do_not_merge() -> None:
    table = {"a": NUMBERS, "b": NUMBERS}
    one, other = learn_binning(table), learn_binning(table | {"b": NUMBERS + 1})
    with pytest.raises(BlockError, match="expected profiles on the same bins, got different ones in b:"):
        merge(profile(one, table), profile(other, table))
