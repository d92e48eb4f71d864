"""Error analysis: worst rows, how strange they are, slices where errors concentrate, and what moved with them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, hypergeom

from drift.errors import UsageError
from drift.monitor.analysis.annotations import as_markdown, finding_of
from drift.monitor.analysis.anomaly import Neighbourhood
from drift.monitor.analysis.errors import find_error_slices, largest, moved_together, row_losses
from drift.monitor.sources.rows import PredictionRows
from drift.monitor.sources.slices import Condition, parse_slice
from drift.monitor.store.records import Batch, MonitorRecord, Quality
from tests.monitor.worlds import COLUMNS

BATCH = Batch(1, "day 1", 0.0, None, None, 1, 1, "", "", "", {}, Quality(), "")
MONITOR = MonitorRecord(1, "shop", COLUMNS, (), "")


def features(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 4)), columns=["a", "b", "c", "d"])
    frame["kind"] = rng.choice(np.asarray(["x", "y", "z"], object), size=rows)
    frame.loc[rng.uniform(size=rows) < 0.1, "d"] = np.nan
    return frame


def test_errors_without_a_pattern_are_given_none() -> None:
    """At level .05: some slice in at most 5 % of batches whose errors are drawn without looking at the features."""
    found = 0
    for seed in range(100):
        wrong = (np.random.default_rng(10_000 + seed).uniform(size=600) < 0.2).astype(float)
        found += bool(find_error_slices(features(600, seed), wrong))
    assert found <= binom.ppf(0.999, 100, 0.05)


@pytest.mark.parametrize(
    ("where", "columns"),
    [
        (lambda f: f["a"] > 0.7, {"a"}),
        (lambda f: f["kind"] == "y", {"kind"}),
        (lambda f: (f["a"] > 0) & (f["kind"] == "z"), {"a", "kind"}),
        (lambda f: f["d"].isna(), {"d"}),
    ],
)
def test_errors_that_concentrate_are_found_with_their_numbers(where: object, columns: set[str]) -> None:
    frame = features(3_000)
    assert callable(where)
    inside = where(frame).to_numpy()
    wrong = np.random.default_rng(1).uniform(size=3_000) < np.where(inside, 0.5, 0.1)
    best, *_ = find_error_slices(frame, wrong.astype(float))
    assert {one.column for one in best.conditions} == columns
    rows = np.logical_and.reduce([one.rows(frame) for one in best.conditions])
    assert (best.rows, best.wrong) == (rows.sum(), (rows & wrong).sum())
    assert best.error_rate == pytest.approx(wrong[rows].mean())
    assert best.rest_error_rate == pytest.approx(wrong[~rows].mean())
    assert best.p_value == pytest.approx(hypergeom.sf(best.wrong - 1, 3_000, wrong.sum(), best.rows), rel=1e-6)
    assert best.p_value < best.adjusted_p_value < 1e-6


def test_slices_are_read_and_never_run() -> None:
    frame = features(200)
    one = parse_slice("cold and rare: a < -1 and kind == 'x'")
    assert one.name == "cold and rare"
    np.testing.assert_array_equal(one.rows(frame), (frame["a"] < -1) & (frame["kind"] == "x"))
    for text in ("x", "x: ", ": a < 1", "x: a", "x: __import__('os')", "x: a < 1 or b < 1 ; c"):
        with pytest.raises(UsageError):
            parse_slice(text).rows(frame)
    for condition, words in (
        (Condition("a", "<", "b"), "expected a number"),
        (Condition("kind", "<", 1.0), "== or !="),
    ):
        with pytest.raises(UsageError, match=words):
            condition.rows(frame)
    with pytest.raises(UsageError, match="expected a feature, got 'nope'"):
        Condition("nope", "<", 1.0).rows(frame)


def test_missing_values_satisfy_no_comparison() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan], "kind": np.asarray(["x", None], object)})
    for condition in (Condition("a", ">", 0.0), Condition("a", "<", 9.0), Condition("a", "!=", 7.0)):
        assert condition.rows(frame).tolist() == [True, False]
    assert Condition("kind", "!=", "y").rows(frame).tolist() == [True, False]
    assert Condition("kind", "==", None).rows(frame).tolist() == [False, True]


def rows_of(**changes: object) -> PredictionRows:
    names = np.asarray(["UP", "DOWN", "UP", "UP"], object)
    truth = np.asarray(["UP", "UP", None, "DOWN"], object)
    frame = pd.DataFrame({"a": np.arange(4.0)})
    given = {"confidence": np.asarray([0.9, 0.8, 0.99, 0.7])} | changes
    return PredictionRows(np.asarray(list("0123"), object), names, truth, frame, **given)  # type: ignore[arg-type]


def test_losses_of_rows_are_those_of_their_truths() -> None:
    expected = [-np.log(0.9), -np.log(0.2), np.nan, -np.log(0.3)]
    np.testing.assert_allclose(row_losses(rows_of()), expected)
    spread = np.asarray([[0.1, 0.9], [0.8, 0.2], [0.01, 0.99], [0.3, 0.7]])
    of_all = rows_of(confidence=None, probabilities=spread, classes=("DOWN", "UP"))
    np.testing.assert_allclose(row_losses(of_all), expected)
    np.testing.assert_allclose(row_losses(rows_of(confidence=None)), [0, 1, np.nan, 1])
    numbers = PredictionRows(
        np.asarray(["a"], object), np.asarray([3.0]), np.asarray([1.5]), pd.DataFrame({"x": [0.0]})
    )
    np.testing.assert_allclose(row_losses(numbers), [1.5])
    assert largest(row_losses(rows_of()), most=2).tolist() == [1, 3]


def test_anomalies_are_uniform_on_usual_rows_and_small_on_strange_ones() -> None:
    usual = Neighbourhood(features(3_000))
    shares = np.asarray([one.share for one in usual.anomalies(features(2_000, seed=1))])
    assert shares.min() > 0
    for level in (0.05, 0.2, 0.5):
        assert (shares <= level).mean() == pytest.approx(level, abs=0.04)
    strange = features(5, seed=2).assign(a=9.0, b=-9.0)
    assert max(one.share for one in usual.anomalies(strange)) < 0.01


def test_the_nearest_reference_rows_are_those_of_a_plain_search() -> None:
    reference = features(500)[["a", "b"]]
    usual = Neighbourhood(reference)
    some = features(5, seed=3)[["a", "b"]]
    spread = (reference.quantile(0.75) - reference.quantile(0.25)) / 1.349
    for row, near in zip(some.to_numpy(), usual.nearest(some), strict=True):
        distances = np.sqrt((((reference - row) / spread) ** 2).sum(axis=1))
        assert [one.position for one in near] == distances.nsmallest(3).index.tolist()
        assert [one.distance for one in near] == pytest.approx(distances.nsmallest(3).tolist())


def test_rows_as_near_as_neighbours_are_alike_and_others_are_not() -> None:
    reference = features(2_000)
    usual = Neighbourhood(reference)
    some = reference.iloc[:3].reset_index(drop=True)
    others = some.assign(a=some["a"] + 0.01)
    assert np.diag(usual.alike(some, others)).all()
    assert not usual.alike(some, others.assign(b=9.0)).any()
    never_seen = some.assign(kind="never seen")
    assert len(usual.anomalies(never_seen)) == 3


def test_what_moves_with_the_errors_stands_first() -> None:
    rng = np.random.default_rng(0)
    losses = rng.uniform(size=30)
    found = moved_together(
        {"with": (losses**2).tolist(), "against": (-losses + rng.normal(0, 0.2, 30)).tolist(),
         "neither": rng.uniform(size=30).tolist(), "flat": [1.0] * 30, "unknown": [float("nan")] * 30},
        losses.tolist(),
    )  # fmt: skip
    assert [one.signal for one in found] == ["with", "against", "neither"]
    assert found[0].correlation == pytest.approx(1.0)
    assert found[1].correlation < 0


ROW = {
    "key": "k1",
    "features": {"a": 1.0, "<b>": "x"},
    "prediction": "UP",
    "truth": "DOWN",
    "confidence": 0.9,
    "time": None,
}


def test_a_verdict_is_needed_and_a_reason_for_what_is_real() -> None:
    for form, words in (
        ({}, "anomaly or real"),
        ({"verdict": "maybe"}, "anomaly or real"),
        ({"verdict": "real"}, "reason"),
    ):
        with pytest.raises(UsageError, match=words):
            finding_of(BATCH, ROW, form, by="Ada")
    kept = finding_of(BATCH, ROW, {"verdict": "anomaly", "tags": "a, b,a,, c ", "note": "x" * 9_999}, by="Ada")
    assert (kept.tags, len(kept.note)) == (("a", "b", "c"), 4_000)


def test_findings_as_markdown_hold_no_markup_of_others() -> None:
    form = {
        "verdict": "real",
        "reason": "[x](javascript:alert(1)) <script>",
        "note": "# no heading\n![i](http://x)\n<b>",
    }
    text = as_markdown(MONITOR, [finding_of(BATCH, ROW, form, by="*Ada*\n# x")])
    assert "<" not in text.replace("&lt;", "")
    assert "](http" not in text and "](javascript" not in text
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert len(headings) == 2
    assert "None yet." in as_markdown(MONITOR, [])


def test_a_slice_may_be_of_a_feature_with_a_hostile_name() -> None:
    name = "<script>alert(1)</script> > 0"
    one = parse_slice(f's: "{name}" > 0.5')
    assert one.rows(pd.DataFrame({name: [0.0, 1.0]})).tolist() == [False, True]
