"""A ramp on real digits: accuracy falls, alarms come in time, and none where nothing changes."""

from dataclasses import replace

import numpy as np
import pytest

from drift.images.detection.image_detectors import chosen
from drift.images.results.pictures import ramp_picture
from drift.images.streams.evolution import NEVER_SEEN, Evolution, ImagePool
from drift.images.streams.simulate import RampResult, simulate
from tests.images.conftest import CLASSES, Digits, noisy

BATCHES = 12
ALL = "mmd_fused,bbsds,ks_pca,untrained_autoencoder"


def simulated(
    digits: Digits, severities: tuple[float, ...], names: str = "bbsds,ks_pca", **ingredients: object
) -> RampResult:
    pool = ImagePool(digits.pool.pixels[500:], digits.pool.labels[500:])
    evolution = replace(Evolution(pool, severities, 50), **ingredients)  # type: ignore[arg-type]
    reference = ImagePool(digits.pool.pixels[:500], digits.pool.labels[:500])
    return simulate(digits.network, evolution, reference, digits.known, chosen(names), classes=CLASSES)


@pytest.mark.slow
def test_a_ramp_is_noticed_before_much_is_lost(digits: Digits) -> None:
    severities = tuple(float(s) for s in np.linspace(0, 0.9, BATCHES))
    found = simulated(digits, severities, ALL, perturb=noisy)
    assert found.detectors == ("mmd_fused", "bbsds", "ks_pca", "untrained_autoencoder", "harm")
    assert found.lost_at is not None
    assert found.accepted > 0.85 > found.batches[-1].accuracy + 0.35
    for name in ("mmd_fused", "ks_pca"):
        first = found.first_alarm(name)
        assert first is not None
        assert 0 < first <= found.lost_at
    assert found.first_alarm("harm") is not None


@pytest.mark.slow
def test_where_nothing_changes_nobody_is_alarmed(digits: Digits) -> None:
    found = simulated(digits, (0.0,) * BATCHES, ALL, perturb=noisy)
    assert [found.first_alarm(name) for name in found.detectors] == [None] * 5
    assert abs(np.mean([one.accuracy for one in found.batches]) - found.accepted) < 0.05


def test_concept_drift_is_seen_with_labels_alone(digits: Digits) -> None:
    turned = {code: (code + 1) % 10 for code in range(10)}
    found = simulated(digits, (0.0,) * 3 + (1.0,) * (BATCHES - 3), relabelled=turned)
    assert found.batches[-1].accuracy < 0.2
    assert found.first_alarm("harm") in (3, 4, 5)
    assert [found.first_alarm(name) for name in found.detectors[:-1]] == [None] * 2


def test_a_class_never_seen_is_always_wrong(digits: Digits) -> None:
    strangers = ImagePool(digits.pool.pixels[:100], np.full(100, NEVER_SEEN))
    found = simulated(digits, (1.0,) * BATCHES, out_of_distribution=strangers, most_strange=1.0)
    assert {one.accuracy for one in found.batches} == {0.0}
    assert found.batches[0].by_class == (None,) * 10
    assert found.batches[0].out_of_distribution == 50


def test_measures_of_a_batch_equal_naive_twins(digits: Digits) -> None:
    """Confidence, calibration in ten bins (Guo et al. 2017), each class' accuracy, and the share of the level."""
    found = simulated(digits, (0.0, 0.8), perturb=noisy)
    pool = ImagePool(digits.pool.pixels[500:], digits.pool.labels[500:])
    for one in found.batches:
        batch = Evolution(pool, (0.0, 0.8), 50, perturb=noisy).batch(one.index)
        answers = digits.network.predict(batch.pixels).probabilities
        confidence, right = answers.max(axis=1), answers.argmax(axis=1) == batch.labels
        assert one.confidence == pytest.approx(confidence.mean())
        assert one.accuracy == right.mean()
        bins = np.minimum((10 * confidence).astype(int), 9)
        gaps = [(bins == b).sum() * abs(confidence[bins == b].mean() - right[bins == b].mean()) for b in set(bins)]
        assert one.calibration_error == pytest.approx(sum(gaps) / 50, abs=1e-6)
        for code, share in enumerate(one.by_class):
            of_class = right[batch.labels == code]
            assert share == (of_class.mean() if len(of_class) else None)
        assert [score.level for score in one.scores[:2]] == [0.005, 0.005]


def test_the_picture_shows_every_batch(digits: Digits) -> None:
    found = simulated(digits, tuple(float(s) for s in np.linspace(0, 1, BATCHES)), perturb=noisy)
    figure = ramp_picture(found, [digits.pool.pixels[:3]] * BATCHES)
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert texts == [f"{one.severity:.2f}" for one in found.batches]
    assert figure.axes[1].lines[2].get_ydata() == pytest.approx([one.accuracy for one in found.batches])
