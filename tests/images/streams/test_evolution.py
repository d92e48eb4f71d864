"""Batches: nothing changes at severity 0, and each ingredient changes what it says, no more."""

from dataclasses import replace

import numpy as np
import pytest

from drift.errors import BlockError, UsageError
from drift.images.streams.evolution import NEVER_SEEN, Evolution, ImagePool
from tests.images.conftest import Digits, noisy

RAMP = (0.0, 0.0, 0.25, 0.5, 1.0)


def test_no_image_comes_twice(digits: Digits) -> None:
    numbered = ImagePool(digits.pool.pixels, np.arange(len(digits.pool)))
    evolution = Evolution(numbered, (0.0,) * 6, 200)
    seen = np.concatenate([evolution.batch(index).labels for index in range(6)])
    assert len(set(seen.tolist())) == 1_200
    again = evolution.batch(3)
    assert (again.labels == seen[600:800]).all()
    assert (again.pixels == digits.pool.pixels[again.labels]).all()
    assert (replace(evolution, seed=1).batch(3).labels != again.labels).any()


def test_covariate_shift_changes_images_and_no_label(digits: Digits) -> None:
    clean = Evolution(digits.pool, RAMP, 100)
    shifted = replace(clean, perturb=noisy)
    for index, severity in enumerate(RAMP):
        before, after = clean.batch(index), shifted.batch(index)
        assert after.severity == severity
        assert (before.labels == after.labels).all()
        assert (before.pixels == after.pixels).all() == (severity == 0)


def test_data_evolution_mixes_strangers_in(digits: Digits) -> None:
    strangers = ImagePool(255 - digits.pool.pixels[:30], np.full(30, NEVER_SEEN))
    evolution = Evolution(digits.pool, RAMP, 100, out_of_distribution=strangers, most_strange=0.6)
    for index, severity in enumerate(RAMP):
        batch = evolution.batch(index)
        assert batch.out_of_distribution == (batch.labels == NEVER_SEEN).sum() == round(60 * severity)
    with pytest.raises(BlockError, match=r"expected images of shape \(8, 8, 1\) to mix in, got \(4, 4, 1\)"):
        replace(evolution, out_of_distribution=ImagePool(strangers.pixels[:, :4, :4], strangers.labels))


def test_concept_drift_changes_labels_and_no_image(digits: Digits) -> None:
    clean = Evolution(digits.pool, RAMP, 200)
    moved = replace(clean, relabelled={3: 5, 5: 3})
    for index, severity in enumerate(RAMP):
        before, after = clean.batch(index), moved.batch(index)
        assert (before.pixels == after.pixels).all()
        other = before.labels != after.labels
        assert set(before.labels[other].tolist()) <= {3, 5}
        named = np.isin(before.labels, (3, 5))
        assert abs(other[named].mean() - severity) < 0.35
        assert other.any() == (severity > 0)


def test_what_cannot_be_cut_is_refused(digits: Digits) -> None:
    with pytest.raises(BlockError, match="expected 2,000 images for 20 batches of 100, got 1,297"):
        Evolution(digits.pool, (0.0,) * 20, 100)
    with pytest.raises(UsageError, match="expected batches of 2 images or more, got 1"):
        Evolution(digits.pool, (0.0,), 1)
