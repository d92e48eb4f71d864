"""Tables of numbers as pandas, polars, Arrow, NumPy and PyTorch hold them: the same answer from each, or one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pytest
import torch

from drift.comparison import compare_tables
from drift.data.blocks import Reference, ScoredBlock
from drift.detect import DistanceShift, explain, feature_tests, learn_binning, profile
from drift.detect.label_free.pape import density_ratio
from drift.detect.two_sample.random_features import FourierSketch
from drift.errors import BlockError


def numbers(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.normal(size=rows), "b": rng.integers(0, 9, rows).astype(float)})


OLD, NEW = numbers(120, 0), numbers(90, 1) + np.asarray([0.5, 0])
FRAMES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "nullable": lambda frame: frame.convert_dtypes(),
    "Arrow-backed": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "Arrow table": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "record batch": lambda frame: pa.RecordBatch.from_pandas(frame, preserve_index=False),
    "polars": polars.from_pandas,
}
ARRAYS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "NumPy": lambda frame: frame.to_numpy(),
    "torch": lambda frame: torch.as_tensor(frame.to_numpy().copy()),
}
USES: dict[str, Callable[[Any, Any], Any]] = {
    "density ratio": lambda x, y: density_ratio(x, y).weights.tolist(),
    "binning": lambda x, y: [found.counts for found in profile(learn_binning(x), y).columns.values()],
    "compare": lambda x, y: compare_tables(x, y, permutations=99, rows=1).p_value,
    "features": lambda x, y: feature_tests(x, y).p_value,
    "explain": lambda x, y: [found.p_value for found in explain(x, y, rows=1).features],
}


@pytest.mark.parametrize("kind", [*FRAMES, *ARRAYS])
@pytest.mark.parametrize("use", USES)
def test_every_kind_of_table_gives_the_same(use: str, kind: str) -> None:
    """Also with the current sample's columns in another order, where they have names."""
    expected = USES[use](OLD, NEW)
    made = (FRAMES | ARRAYS)[kind]
    assert USES[use](made(OLD), made(NEW[["b", "a"]] if kind in FRAMES else NEW)) == expected


@pytest.mark.parametrize("kind", FRAMES)
def test_an_explanation_has_the_names_of_the_columns(kind: str) -> None:
    made = FRAMES[kind]
    for x, y in ((made(OLD), made(NEW)), (OLD.to_numpy(), made(NEW))):
        assert {share.feature for share in explain(x, y, rows=1).features} == {"a", "b"}


@pytest.mark.parametrize("kind", FRAMES)
def test_a_reference_and_a_block_of_a_frame_keep_its_names(kind: str) -> None:
    made = FRAMES[kind]
    reference = Reference.of_features(made(OLD))
    assert reference.names == ("a", "b")
    np.testing.assert_array_equal(Reference.of_features(made(OLD), ("b", "a")).features, OLD[["b", "a"]].to_numpy())
    moved = NEW.assign(a=NEW["a"] + 3)[["b", "a"]]
    block = ScoredBlock.of_features(made(moved), names=reference.names)
    np.testing.assert_array_equal(block.block.features, moved[["a", "b"]].to_numpy())
    score = DistanceShift(reference).score(ScoredBlock.of_features(made(moved), names=reference.names))
    assert score.alarm
    assert score.detail == "a"
    with pytest.raises(BlockError, match=r"pass names=reference\.names"):
        ScoredBlock.of_features(made(moved))
    with pytest.raises(BlockError, match=r"reference's columns in the block, got \['b'\] instead of \['c'\]"):
        ScoredBlock.of_features(made(moved), names=("a", "c"))


def test_a_column_is_a_sample_of_one_feature() -> None:
    """Of pandas, too, whose items are its index and values."""
    x, y = OLD["a"], NEW["a"]
    expected = feature_tests(x.to_numpy(), y.to_numpy())
    for made in (pd.Series, lambda one: one.convert_dtypes(), polars.Series, torch.as_tensor, list):
        values = [np.asarray(one) if made in (polars.Series, torch.as_tensor) else one for one in (x, y)]
        assert feature_tests(made(values[0]), made(values[1])) == expected
    missing = x.convert_dtypes()
    missing[3] = pd.NA
    with pytest.raises(BlockError, match="got 1 that are missing, NaN or infinite in column '0' of the reference"):
        feature_tests(missing, y)


@pytest.mark.parametrize("kind", ["Arrow-backed", "Arrow table", "polars"])
def test_missing_values_and_categories_of_every_frame_are_cells(kind: str) -> None:
    table = pd.DataFrame({"n": [1.0, 2.0, None] * 20, "flag": [True, None, False] * 20, "word": ["x", None, "y"] * 20})
    table["flag"] = table["flag"].astype("boolean")
    made = FRAMES[kind](table)
    expected, found = (profile(learn_binning(one), one).to_json() for one in (table, made))
    assert found == expected
    assert [column["missing"] for column in found["columns"].values()] == [20, 20, 20]


def test_what_is_no_table_is_refused_in_one_line() -> None:
    text = pd.DataFrame({"a": ["x"] * 40})
    with pytest.raises(BlockError, match="expected numbers, got text in column 'a' of the reference"):
        density_ratio(text, text)
    with pytest.raises(BlockError, match=r"expected a data frame .* for the reference, got list"):
        compare_tables(["a", "b"], ["a", "b"])  # type: ignore[arg-type]
    with pytest.raises(BlockError, match=r"got a LazyFrame: pass frame\.collect\(\)"):
        compare_tables(polars.from_pandas(OLD).lazy(), OLD)  # type: ignore[arg-type]
    with pytest.raises(BlockError, match="got a data frame: pass frame"):
        FourierSketch(np.ones((2, 4))).update(OLD)
    with pytest.raises(BlockError, match=r"instead of \['b'\]"):
        density_ratio(OLD, NEW.rename(columns={"b": "c"}))
