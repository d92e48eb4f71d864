"""Networks that are trained once: every option reaches the fit, and half of a network is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drift.datasets.images import Images
from drift.images import networks
from drift.images.networks import train_network
from drift.images.results.summaries import ramp_words
from tests.images.conftest import CLASSES, Digits
from tests.images.streams.test_simulate import simulated


@pytest.fixture
def parts(digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Images, Images]:
    monkeypatch.setenv("DRIFT_CACHE", str(tmp_path / "cache"))
    pixels, labels = digits.pool.pixels, digits.pool.labels
    train, validation = (Images("d", pixels[rows], labels[rows], CLASSES) for rows in (slice(0, 200), slice(200, 260)))
    return train, validation


def nobody(words: str, done: int, total: int) -> None:
    pass


def test_half_a_network_is_trained_again(parts: tuple[Images, Images], tmp_path: Path) -> None:
    first = train_network("small", *parts, max_epochs=1, seed=0, tell=nobody)
    (folder,) = (tmp_path / "cache" / "networks").iterdir()
    for path in folder.glob("*.json"):
        path.unlink()
    again = train_network("small", *parts, max_epochs=1, seed=0, tell=nobody)
    rows = parts[1].pixels
    np.testing.assert_allclose(again.predict(rows).probabilities, first.predict(rows).probabilities, atol=1e-5)
    assert list(folder.glob("*.json"))


def test_options_reach_the_fit_of_the_last_layer(parts: tuple[Images, Images], monkeypatch: pytest.MonkeyPatch) -> None:
    """A pretrained network's body is kept as it is, unless it is to be compared with one that is fitted whole."""
    told: list[dict[str, Any]] = []

    def remember(kind: str) -> Callable[..., list[object]]:
        def fit(*images: object, **options: Any) -> list[object]:
            told.append({"fitted": kind} | options)
            return []

        return fit

    monkeypatch.setattr(networks, "fit_head", remember("head"))
    monkeypatch.setattr(networks, "fit_images", remember("whole"))
    train_network("efficientnet-lite0", *parts, max_epochs=3, seed=7, seconds=30.0, tell=nobody)
    (head,) = told
    assert head["fitted"] == "head"
    assert (head["options"].max_epochs, head["options"].seed, head["seconds"]) == (3, 7, 30.0)
    train_network("efficientnet-lite0", *parts, max_epochs=3, seed=7, seconds=30.0, whole=True, tell=nobody)
    assert told[1]["fitted"] == "whole"


def test_an_alarm_before_anything_drifts_is_called_false(digits: Digits) -> None:
    found = simulated(digits, (0.0,) * 4 + (0.9,) * 4)
    one = found.batches[1]
    alarm = replace(one.scores[0], p_value=1e-9)
    early = replace(
        found, batches=(found.batches[0], replace(one, scores=(alarm, *one.scores[1:])), *found.batches[2:])
    )
    assert "first alarm at batch 1, where nothing had drifted: a false one" in "\n".join(ramp_words(early))
    assert "false" not in "\n".join(ramp_words(found))
