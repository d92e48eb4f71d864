"""Losses, frames and features that cannot be used: refused with where the fault is, and frames of every kind taken."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from drift.comparison import compare_tables
from drift.data.blocks import Answer, Block, Reference, ScoredBlock, Table
from drift.detect import (
    STREAMING,
    ClassifierShift,
    DistanceShift,
    EnergyShift,
    FeatureShift,
    JointShift,
    PredictionShift,
    bbsds_test,
    classifier_test,
    energy_test,
    explain,
    feature_tests,
    learn_binning,
    load_detector,
    mmd_features_test,
    mmd_test,
    save_detector,
)
from drift.detect.sequential.dependence import measure_dependence
from drift.detect.sequential.feature_evidence import FeatureEvidence
from drift.detect.sequential.paired_test import tally
from drift.errors import BlockError, DataError

REFERENCE = Reference.of_losses([0, 0, 0, 1] * 50)
BAD: dict[str, tuple[Any, str]] = {
    "nan": ([0.0] * 9 + [float("nan")], "nan in row 9"),
    "infinity": (np.asarray([0, 1, np.inf]), "inf in row 2"),
    "too large": ([0, 2, 1], r"2(\.0)? in row 1"),
    "negative": ([0, -0.5], r"-0\.5 in row 1"),
    "None": ([1, None, 0], "None in row 1"),
    "text": ([1, "wrong"], "'wrong' in row 1"),
    "NA": (pd.Series([0, 1, None], dtype="Int64"), "<NA> in row 2"),
    "masked": (np.ma.array([0.0, 1.0], mask=[False, True]), r"(nan|masked|--) in row 1"),
    "tensor": (torch.tensor([0.0, float("nan")]), r"nan\)? in row 1"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("name", sorted(STREAMING))
def test_a_loss_that_is_none_is_refused_with_its_row(name: str, kind: str) -> None:
    losses, words = BAD[kind]
    detector = STREAMING[name](REFERENCE)
    with pytest.raises(BlockError, match=words):
        list(detector.alarms(losses))
    with pytest.raises(BlockError, match=words):  # an iterator is read row by row
        list(detector.alarms(iter(losses)))
    assert list(detector.alarms([0, 1, 0])) is not None


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize(
    "use",
    [
        Reference.of_losses,
        ScoredBlock.of_losses,
        lambda losses: measure_dependence(losses, 4),
        lambda losses: tally(losses, losses),
    ],
)
def test_plain_losses_are_checked_wherever_they_come_in(use: Callable[[Any], Any], kind: str) -> None:
    losses, words = BAD[kind]
    with pytest.raises(BlockError, match=words):
        use(losses)


@pytest.mark.parametrize("losses", [[[0, 1], [1, 0]], 0.5, np.zeros((3, 1))])
def test_losses_of_another_shape_are_refused(losses: Any) -> None:
    for use in (Reference.of_losses, ScoredBlock.of_losses, lambda given: measure_dependence(given, 2)):
        with pytest.raises(BlockError, match=r"expected losses \(n,\)"):
            use(losses)
    with pytest.raises(BlockError, match="expected losses"):
        STREAMING["ddm"](REFERENCE).alarms(np.zeros((3, 2)))


def test_endless_losses_are_refused_at_the_first_that_is_none() -> None:
    def losses() -> Any:
        yield from [1.0] * 500
        yield float("nan")
        raise AssertionError("read beyond the fault")

    with pytest.raises(BlockError, match="nan in row 500"):
        list(STREAMING["page_hinkley"](REFERENCE).alarms(losses()))


def numbers(rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=rows), "b": rng.integers(0, 9, rows), "c": rng.random(rows) < 0.5})


KINDS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "nullable": lambda frame: frame.convert_dtypes(),
    "Arrow-backed": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "Arrow table": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "record batch": lambda frame: pa.RecordBatch.from_pandas(frame, preserve_index=False),
}
TESTS: dict[str, Callable[[Any, Any], float]] = {
    "mmd": lambda x, y: mmd_test(x, y, permutations=99).p_value,
    "energy": lambda x, y: energy_test(x, y, permutations=99).p_value,
    "mmd of features": lambda x, y: mmd_features_test(x, y, permutations=99, level=0.2).p_value,
    "classifier": lambda x, y: classifier_test(x, y).p_value,
    "explain": lambda x, y: explain(x, y, rows=0).features[0].p_value,
    "features": lambda x, y: feature_tests(x, y).p_value,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("test", TESTS)
def test_frames_of_every_kind_are_taken(test: str, kind: str) -> None:
    """To the same p-value as a plain frame, whichever order the current sample's columns have."""
    x, y = numbers(400).astype({"c": int}), numbers(300).astype({"c": int})
    y["a"] += 0.2
    expected = TESTS[test](x, y)
    assert TESTS[test](KINDS[kind](x), KINDS[kind](y[["c", "a", "b"]])) == expected


@pytest.mark.parametrize("test", [name for name in TESTS if name != "explain"])
def test_a_missing_value_of_a_nullable_frame_names_its_column(test: str) -> None:
    x, y = numbers(400).convert_dtypes(), numbers(300).convert_dtypes()
    y.loc[7, "b"] = pd.NA
    with pytest.raises(BlockError, match=r"column '?b'?"):
        TESTS[test](x, y)


@pytest.mark.parametrize("test", TESTS)
def test_duplicate_names_of_columns_are_refused(test: str) -> None:
    twice = numbers(100).set_axis(["a", "b", "a"], axis=1)
    for x, y, where in ((twice, numbers(100), "reference"), (numbers(100), twice, "current")):
        with pytest.raises(BlockError, match=f"of different names in the {where}.*got a more than once"):
            TESTS[test](x, y)


def test_duplicate_names_of_a_mapping_and_of_probabilities_are_refused() -> None:
    with pytest.raises(BlockError, match="got 1 more than once"):
        feature_tests({1: [0, 1, 2], "1": [0, 1, 2]}, {1: [0, 1, 2]})
    twice = pd.DataFrame(np.full((50, 2), 0.5)).set_axis(["yes", "yes"], axis=1)
    with pytest.raises(BlockError, match="got yes more than once"):
        bbsds_test(twice, twice)


THIRDS = np.full((9, 3), 1 / 3, np.float32)


def twice(use: Callable[[list[str]], Any]) -> None:
    """Whatever takes names refuses one that comes more than once, and says which and where."""
    with pytest.raises(BlockError, match=r"got a more than once \(positions 0, 2\): rename or drop them"):
        use(["a", "b", "a"])


@pytest.mark.parametrize(
    "use",
    [
        lambda names: Reference.of_features(np.eye(9, 3, dtype=np.float32), names),
        lambda names: Reference(THIRDS, np.zeros(9, int), THIRDS, (), tuple(names)),
        lambda names: Table("t", tuple(names), np.eye(9, 3, dtype=np.float32), np.zeros(9, int), ("u",), None),
        lambda names: Table("t", ("x",), np.eye(9, 1, dtype=np.float32), np.zeros(9, int), tuple(names), None),
        lambda names: learn_binning(np.eye(9, 3), names=names),
        lambda names: learn_binning({"a": np.arange(9), "b": np.arange(9)}, names=names),
        lambda names: learn_binning(pd.DataFrame(np.eye(9, 3), columns=names)),
        lambda names: feature_tests(np.eye(9, 3), np.eye(9, 3), names=names),
        lambda names: explain(np.eye(9, 3), np.eye(9, 3) + 1, names=names),
        lambda names: bbsds_test(THIRDS, THIRDS, classes=names),
        lambda names: compare_tables(*[pd.DataFrame(np.eye(9, 3), columns=names)] * 2),
    ],
)
def test_duplicate_names_are_refused_wherever_they_enter(use: Callable[[list[str]], Any]) -> None:
    twice(use)


def test_names_that_are_one_text_are_duplicates() -> None:
    """Columns are found by text, so that 1 and "1" would be one column."""
    with pytest.raises(BlockError, match=r"got 1 more than once \(positions 0, 1\)"):
        Reference.of_features(np.eye(9, 2), (1, "1"))  # type: ignore[arg-type]


def test_a_saved_reference_with_duplicate_names_is_refused(tmp_path: Path) -> None:
    folder = Path(save_detector(FeatureShift(Reference.of_features(ROWS, NAMES)), str(tmp_path / "saved")))
    card = folder / "detector.json"
    card.write_text(card.read_text().replace('"demand"', '"price"'))
    with pytest.raises(DataError, match="got price more than once"):
        load_detector(folder)


NAMES = ("price", "demand")
ROWS = np.random.default_rng(1).normal(size=(400, 2)).astype(np.float32)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("detector", [FeatureShift, JointShift, EnergyShift, ClassifierShift, FeatureEvidence])
def test_a_missing_feature_is_refused_by_its_name(detector: Any, bad: float) -> None:
    block = ROWS[:40].copy()
    block[[17, 30], 1] = bad
    words = "got 2 that are NaN or infinite in column 'demand', the first in row 17"
    watching = detector(Reference.of_features(ROWS, NAMES))
    with pytest.raises(BlockError, match=words):
        watching.score(ScoredBlock.of_features(block))
    with pytest.raises(BlockError, match="'demand'"):
        detector(Reference.of_features(np.concatenate([block, ROWS]), NAMES)).score(ScoredBlock.of_features(ROWS[:40]))
    ignoring = detector(Reference.of_features(ROWS, NAMES), ignore=("demand",))
    assert ignoring.score(ScoredBlock.of_features(block)).detector == detector.name


def test_distances_count_missing_features_as_a_cell() -> None:
    block = ROWS[:40].copy()
    block[:20, 1] = np.nan
    assert DistanceShift(Reference.of_features(ROWS, NAMES)).score(ScoredBlock.of_features(block)).alarm


def test_a_missing_probability_is_refused_by_its_class() -> None:
    probabilities = np.full((40, 2), 0.5, np.float32)
    reference = Reference(ROWS, np.zeros(400, np.int64), np.full((400, 2), 0.5, np.float32), NAMES, ("UP", "DOWN"))
    block = Block(0, range(40), ROWS[:40], None, None)
    bad = probabilities.copy()
    bad[3, 0] = np.nan
    with pytest.raises(BlockError, match="column 'UP'"):
        PredictionShift(reference).score(ScoredBlock(block, Answer(bad, 1), 0.0))


def test_objects_that_are_numbers_are_taken_as_numbers() -> None:
    """A column that pandas keeps as objects, of floats, integers, decimals or truth values, is that of the floats."""
    rng = np.random.default_rng(0)
    old, new = (pd.DataFrame({"x": rng.normal(size=60), "y": rng.integers(0, 2, 60)}) for _ in range(2))
    objects = pd.DataFrame(
        {
            "x": pd.Series(list(map(Decimal, old["x"])), dtype=object),
            "y": pd.Series(list(map(bool, old["y"])), dtype=object),
        }
    )
    assert mmd_test(objects, new.astype(object)) == mmd_test(old, new)


def test_objects_that_are_no_numbers_are_refused_by_name() -> None:
    frame = pd.DataFrame({"x": np.arange(20.0)})
    for values, kind in ((["1.5"], "text"), ([[1]], r"objects \(list\)"), ([["a"], "b"], r"objects \(list, str\)")):
        column = pd.Series([*frame["x"][: 20 - len(values)], *values], dtype=object)
        with pytest.raises(BlockError, match=rf"expected numbers, got {kind} in column 'x' of the current sample"):
            mmd_test(frame, pd.DataFrame({"x": column}))
    missing = pd.DataFrame({"x": pd.Series([None, *frame["x"][1:]], dtype=object)})
    with pytest.raises(BlockError, match="x"):
        mmd_test(frame, missing)
