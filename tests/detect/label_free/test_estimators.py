"""Accuracy without labels: slow twins, estimates and intervals under covariate shift, and how they fail otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import astuple, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.isotonic import IsotonicRegression

import drift.detect.label_free as room
from benchmarks.shifts import Case, elec_blocks, elec_resampled, linear, remapped, simulated, three, uneven
from drift.data.blocks import Answer, Block, Floats, Reference, ScoredBlock
from drift.detect import ATC, CBPE, ESTIMATORS, PAPE, AccuracyEstimate, density_ratio
from drift.detect.label_free.atc import ConfidenceScore, Threshold
from drift.detect.label_free.protocol import FEWEST_OF_A_CLASS, Calibration
from drift.errors import BlockError, LittleOverlapWarning

SCENES: dict[str, Callable[[int], Case]] = {
    "shift": partial(simulated, linear, shift=1.0),
    "three classes": partial(simulated, three, shift=1.0),
    "uneven": partial(simulated, uneven, shift=1.0),
    "concept": partial(simulated, linear, later=remapped),
    "same": partial(simulated, linear),
    "elec": elec_resampled,
}
BEATS = {"shift": 0.5, "three classes": 1.0, "elec": 0.85}  # of the error of saying that nothing changed
SEEDS = 16
every = pytest.mark.parametrize("name", ESTIMATORS)


def estimates(name: str, cases: list[Case], **options: int) -> list[AccuracyEstimate]:
    return [ESTIMATORS[name](**options).accuracy(*case) for case in cases]


@cache
def cases(scene: str, seeds: int) -> list[Case]:
    return [SCENES[scene](seed) for seed in range(seeds)]


@cache
def found(scene: str, name: str, seeds: int) -> np.ndarray:
    """(seeds, 5): truth, reference, estimate, low, high."""
    made = estimates(name, cases(scene, seeds), resamples=100)
    return np.asarray(
        [
            (s.accuracy, r.accuracy, e.accuracy, e.low, e.high)
            for (r, s), e in zip(cases(scene, seeds), made, strict=True)
        ]
    )


def error(scene: str, name: str) -> tuple[float, float]:
    """Bias and mean absolute error of the estimate."""
    off = found(scene, name, SEEDS)[:, 2] - found(scene, name, SEEDS)[:, 0]
    return float(off.mean()), float(np.abs(off).mean())


def unchanged(scene: str) -> float:
    """Mean absolute error of saying that accuracy is the reference's."""
    both = found(scene, "cbpe", SEEDS)
    return float(np.abs(both[:, 1] - both[:, 0]).mean())


def inside(scene: str, name: str, seeds: int = SEEDS) -> int:
    both = found(scene, name, seeds)
    return int(((both[:, 3] <= both[:, 0]) & (both[:, 0] <= both[:, 4])).sum())


# Contract


def test_every_file_is_in_the_sweep() -> None:
    files = {path.stem for path in Path(room.__file__).parent.glob("*.py")}
    assert files - {"__init__", "protocol", "calibration", "density_ratio"} == set(ESTIMATORS)


@every
def test_the_same_block_gets_the_same_estimate_without_its_labels(name: str) -> None:
    reference, scored = cases("same", 1)[0]
    (first,) = estimates(name, [(reference, scored)])
    unlabelled = replace(scored, block=replace(scored.block, labels=None))
    assert estimates(name, [(reference, unlabelled)]) == [first]


@every
def test_an_estimate_is_whole(name: str) -> None:
    reference, scored = cases("shift", 1)[0]
    (estimate,) = estimates(name, [(reference, scored)])
    assert estimate.method == name
    assert 0 <= estimate.low < estimate.accuracy < estimate.high <= 1
    assert estimate.reference_accuracy == reference.accuracy
    assert estimate.drop == pytest.approx(reference.accuracy - estimate.accuracy)
    assert 1 <= estimate.effective_rows <= len(reference)


@every
def test_says_in_one_line_what_it_assumes_and_when_it_fails(name: str) -> None:
    for sentence in (ESTIMATORS[name].assumes, ESTIMATORS[name].fails_when):
        assert sentence.endswith(".")
        assert "\n" not in sentence
    assert "concept drift" in ESTIMATORS[name].fails_when


@every
def test_a_wider_level_gives_a_narrower_interval(name: str) -> None:
    case = cases("same", 1)[0]
    strict, loose = (ESTIMATORS[name](level=level).accuracy(*case) for level in (0.02, 0.4))
    assert strict.low < loose.low < loose.high < strict.high
    assert strict.accuracy == loose.accuracy


@pytest.mark.parametrize("name", ["atc", "cbpe"])
def test_an_interval_holds_the_estimate_for_a_single_row(name: str) -> None:
    reference, scored = cases("same", 1)[0]
    one = ScoredBlock(Block(0, range(1), scored.block.features[:1], None, None), Answer(np.eye(2)[:1], 0), 0.0)  # type: ignore[arg-type]
    estimate = ESTIMATORS[name]().accuracy(reference, one)
    assert estimate.low <= estimate.accuracy <= estimate.high


# Slow twins


def tied(rows: int, classes: int, rng: np.random.Generator) -> Floats:
    """Probabilities with many equal confidences, in eighths."""
    return np.asarray(rng.multinomial(8, np.full(classes, 1 / classes), rows) / 8, np.float32)


@pytest.mark.parametrize("classes", [2, 4])
def test_calibration_is_isotonic_regression_of_each_predicted_class(classes: int) -> None:
    rng = np.random.default_rng(classes)
    before, now = tied(1_500, classes, rng), tied(400, classes, rng)
    before[before.argmax(axis=1) == 1] *= rng.random((int((before.argmax(axis=1) == 1).sum()), 1)) * 0.1 + 0.9
    labels, weights = rng.integers(0, classes, 1_500), rng.exponential(size=1_500)
    chances = Calibration(labels, before, now).chances(weights)
    for one in range(classes):
        of, asked = before.argmax(axis=1) == one, now.argmax(axis=1) == one
        assert of.sum() >= FEWEST_OF_A_CLASS
        twin = IsotonicRegression(out_of_bounds="clip")
        twin.fit(before[of].max(axis=1).astype(float), labels[of] == one, sample_weight=weights[of])
        np.testing.assert_allclose(chances[asked], twin.predict(now[asked].max(axis=1).astype(float)), atol=1e-9)


def test_a_class_that_was_hardly_predicted_shares_the_curve_of_all() -> None:
    rng = np.random.default_rng(0)
    sure = 0.5 + 0.5 * rng.random(600).astype(np.float32)
    before = np.column_stack([sure, 1 - sure])
    before[: FEWEST_OF_A_CLASS - 1] = before[: FEWEST_OF_A_CLASS - 1, ::-1]
    labels = (rng.random(600) > sure).astype(np.int64)
    twin = IsotonicRegression(out_of_bounds="clip").fit(
        before.max(axis=1).astype(float), before.argmax(axis=1) == labels
    )
    chances = Calibration(labels, before, before[:20]).chances(np.ones(600))
    np.testing.assert_allclose(chances, twin.predict(before[:20].max(axis=1).astype(float)), atol=1e-9)


def test_the_threshold_leaves_as_many_below_as_are_wrong() -> None:
    rng = np.random.default_rng(1)
    sureness, now, right = rng.normal(size=300), rng.normal(0.3, 1, 200), rng.random(300) < 0.7
    ordered = np.sort(sureness)
    wrong = int((~right).sum())
    share, swapped = Threshold(sureness, right, now).shares(np.ones(300))
    assert share == pytest.approx((now > ordered[wrong - 1]).mean(), abs=1e-12)
    assert swapped == pytest.approx((right & (sureness <= ordered[wrong - 1])).mean(), abs=1e-12)
    assert swapped == pytest.approx((~right & (sureness > ordered[wrong - 1])).mean(), abs=1e-12)


@pytest.mark.parametrize("values", [1, 2, 5])
def test_the_reference_gets_its_own_accuracy_whatever_is_tied(values: int) -> None:
    rng = np.random.default_rng(values)
    sureness, right = rng.integers(0, values, 300).astype(float), rng.random(300) < 0.7
    assert Threshold(sureness, right, sureness).shares(np.ones(300))[0] == pytest.approx(right.mean(), abs=1e-12)


def test_weights_of_the_threshold_are_rows_more_often() -> None:
    rng = np.random.default_rng(3)
    sureness, now, right = rng.normal(size=100), rng.normal(size=50), rng.random(100) < 0.6
    often = rng.integers(1, 4, 100)
    repeated = Threshold(sureness.repeat(often), right.repeat(often), now).shares(np.ones(often.sum()))
    assert Threshold(sureness, right, now).shares(often.astype(float)) == pytest.approx(repeated, abs=1e-12)


def test_both_kinds_of_sureness_agree_for_two_classes_and_not_for_three() -> None:
    for scene, same in (("shift", True), ("three classes", False)):
        case = cases(scene, 1)[0]
        one, other = (ATC(sureness=kind, resamples=100).accuracy(*case) for kind in ConfidenceScore)
        assert (one.accuracy == pytest.approx(other.accuracy, abs=1e-3)) is same


def test_the_density_ratio_is_near_that_of_two_normals() -> None:
    """For N(0, 1) and N(d, 1): E_w[x] = d, and n / (effective rows) = exp(d²)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6_000, 1))
    ratio = density_ratio(x, rng.normal(0.7, 1, size=(6_000, 1)))
    assert ratio.weights.mean() == pytest.approx(1)
    assert float((ratio.weights * x[:, 0]).mean()) == pytest.approx(0.7, abs=0.07)
    assert ratio.effective_rows / 6_000 == pytest.approx(np.exp(-0.49), rel=0.15)
    assert np.corrcoef(np.log(ratio.weights), x[:, 0])[0, 1] > 0.95
    assert ratio.overlap > 0.95


# Where assumptions hold


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cbpe", "pape"])
@pytest.mark.parametrize("scene", ["shift", "three classes", pytest.param("elec", marks=pytest.mark.slow)])
def test_estimates_follow_accuracy_under_covariate_shift(scene: str, name: str) -> None:
    """Knowing each row's true chance, one is off by .01 for the luck of 1,000 labels."""
    bias, absolute = error(scene, name)
    assert abs(bias) < 0.011
    assert absolute < 0.019
    assert absolute < BEATS[scene] * unchanged(scene)


@every
def test_without_a_shift_estimates_are_unbiased(name: str) -> None:
    bias, absolute = error("same", name)
    assert abs(bias) < 0.012
    assert absolute < 0.022


def test_pape_beats_cbpe_where_calibration_differs_by_region() -> None:
    bias, absolute = error("uneven", "cbpe")
    assert bias > 0.03
    assert abs(error("uneven", "pape")[0]) < 0.015
    assert error("uneven", "pape")[1] < 0.6 * absolute


@pytest.mark.parametrize(
    ("scene", "name"),
    [(scene, name) for scene in ("shift", "three classes") for name in ("cbpe", "pape")]
    + [pytest.param("elec", name, marks=pytest.mark.slow) for name in ("cbpe", "pape")]
    + [("same", name) for name in ESTIMATORS],
)
def test_intervals_cover_the_count_to_come(scene: str, name: str) -> None:
    """As a binomial bound at 1 in 1,000; and they say something: no wider than .1."""
    assert inside(scene, name) >= binom.ppf(1e-3, SEEDS, 0.95)
    both = found(scene, name, SEEDS)
    assert (both[:, 4] - both[:, 3]).mean() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("scene", ["same", "shift"])
@pytest.mark.parametrize("name", ["cbpe", "pape"])
def test_intervals_cover_as_often_as_they_say(scene: str, name: str) -> None:
    """Over 300 references, models and blocks; .93 allows for ends taken from 100 resamples."""
    assert inside(scene, name, 300) >= binom.ppf(1e-3, 300, 0.93)


# Where they fail


@every
def test_pure_concept_drift_is_not_seen(name: str) -> None:
    """Features keep their distribution, labels follow another rule: the estimate stays while accuracy falls by .3."""
    both = found("concept", name, SEEDS)
    truth, accepted, estimate = both[:, :3].mean(axis=0)
    assert truth < accepted - 0.3
    assert estimate == pytest.approx(accepted, abs=0.015)
    assert inside("concept", name) == 0


def test_atc_is_off_where_confidence_is_no_all_or_nothing() -> None:
    """Its own assumption fails under a covariate shift that leaves CBPE unharmed."""
    assert error("three classes", "atc")[1] > 1.5 * error("three classes", "cbpe")[1]


def test_elec_drifts_in_concept_and_estimates_stay_too_high() -> None:
    """Over ELEC's blocks accuracy falls by .1 and more; CBPE and ATC say less, and miss by more than `unchanged`."""
    stream = list(elec_blocks(0))
    truth = np.asarray([scored.accuracy for _, scored in stream])
    accepted = stream[0][0].accuracy
    assert truth.mean() < accepted - 0.1
    for name in ("cbpe", "atc"):
        made = estimates(name, stream, resamples=50)
        told = np.asarray([estimate.accuracy for estimate in made])
        assert (told - truth).mean() > 0.05
        assert np.abs(told - truth).mean() > np.abs(accepted - truth).mean()
        assert np.corrcoef(told, truth)[0, 1] < 0  # not even the direction: blocks told to be better are worse
        covered = [one.low <= true <= one.high for one, true in zip(made, truth, strict=True)]
        assert np.mean(covered) < 0.3


def test_pape_refuses_elec_where_constant_columns_begin_to_vary() -> None:
    """Past row 17,424 no row of the reference has such features; effective rows alone would not have told."""
    late = [case for case in elec_blocks(0) if case[1].block.rows.start >= 17_424][::6]
    for reference, scored in late:
        with pytest.raises(BlockError, match=r"overlap 0\.0\d: no weights make it stand for the block"):
            PAPE().accuracy(reference, scored)
        assert density_ratio(reference.features, scored.block.features).effective_rows > 100


def test_pape_warns_when_little_carries_the_weight() -> None:
    reference, scored = simulated(linear, 0, shift=2.4)
    with pytest.warns(LittleOverlapWarning, match="the estimate rests on little: .* effective rows of 3,000") as told:
        PAPE(resamples=50).accuracy(reference, scored)
    assert told[0].filename == __file__


def test_pape_refuses_a_block_beyond_the_reference() -> None:
    reference, scored = simulated(linear, 0, shift=8.0)
    with pytest.raises(BlockError, match="take a reference that covers it, or wait for labels"):
        PAPE().accuracy(reference, scored)


# Bad input


def changed(reference: Reference, scored: ScoredBlock, what: str) -> Case:
    """The case with one thing wrong."""
    probabilities = scored.answer.probabilities
    if what == "all right":
        return replace(reference, labels=reference.probabilities.argmax(axis=1)), scored
    if what == "no model":
        return Reference.of_features(reference.features), ScoredBlock.of_features(scored.block.features)
    if what == "few":
        return Reference(*(part[:20] for part in astuple(reference)[:3])), scored
    if what == "empty":
        empty = Block(3, range(0), scored.block.features[:0], None, None)
        return reference, ScoredBlock(empty, Answer(probabilities[:0], 0), 0.0)
    if what == "features":
        return reference, replace(scored, block=replace(scored.block, features=scored.block.features[:, :2]))
    wrong = {
        "classes": np.column_stack([probabilities, probabilities[:, :1] * 0]),
        "rows": probabilities[1:],
        "sum": probabilities * np.float32(1.1),
        "NaN": probabilities * np.float32(np.nan),
        "negative": np.column_stack([probabilities[:, 0] + 1, probabilities[:, 1] - 1]),
    }[what]
    return reference, replace(scored, answer=Answer(wrong, 0))


@every
@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("all right", "expected a reference with right and wrong answers, got 3000 right of 3000: take rows"),
        ("no model", "expected probabilities of 2 classes or more in the reference, got 1"),
        ("few", "expected a reference of at least 50 rows, got 20"),
        ("empty", "expected rows in block 3, got none"),
        ("features", r"expected 3 features, as in the reference; got shape \(1000, 2\)"),
        ("classes", r"expected probabilities \(1000, 2\).*got \(1000, 3\)"),
        ("rows", r"expected probabilities \(1000, 2\).*got \(999, 2\)"),
        ("sum", r"that sum to 1 in block 0, got .* at row 0 \(1000 such rows\)"),
        ("NaN", "that sum to 1 in block 0, got"),
        ("negative", r"expected probabilities in \[0, 1\]"),
    ],
)
def test_bad_input_is_refused_in_one_line(name: str, what: str, message: str) -> None:
    reference, scored = changed(*cases("same", 1)[0], what)
    with pytest.raises(BlockError, match=message) as refused:
        ESTIMATORS[name]().accuracy(reference, scored)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("level", "resamples", "message"),
    [
        (0.0, 200, "between 0 and 1"),
        (0.05, 49, "expected 50 resamples"),
        (0.001, 200, "expected 2000 resamples or more"),
    ],
)
def test_options_that_mean_nothing_are_refused(level: float, resamples: int, message: str) -> None:
    with pytest.raises(BlockError, match=message):
        CBPE(level=level, resamples=resamples)


def test_a_density_ratio_of_other_columns_is_refused() -> None:
    x = np.zeros((30, 2))
    for y, message in ((np.zeros((30, 3)), "as many features"), (x[:5], "at least 20 rows"), (x + np.inf, "infinit")):
        with pytest.raises(BlockError, match=message):
            density_ratio(x, y)


def test_missing_values_have_a_density_ratio() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 400, 2))
    x[:80, 0], y[:240, 0] = np.nan, np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weights = density_ratio(x, y).weights
    assert weights[:80].mean() > 2 * weights[80:].mean()
