"""Further tries: what changes from one to the next, where they end, and the level over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from scipy.stats import binom

from drift.detect import PairedTest, mcnemar_test
from drift.errors import TrainingError, UsageError
from drift.loop.options import DeployOptions, PromoteMode, RetrainOptions, TrainOptions
from drift.loop.releases.promote import Championship
from drift.loop.retraining import challenge as module
from drift.loop.retraining.challenge import Try, challenge, kinds
from drift.loop.retraining.retrain import ChallengeConfig, Challenger, Occasion
from drift.tracking.registry import Version
from tests.fakes import Listener

OPTIONS = RetrainOptions(TrainOptions(max_epochs=3, total_trials=2), until_accepted=5)


def tries(options: RetrainOptions, seen: int) -> Iterator[Try]:
    """The first try and the further ones that were asked for."""
    return islice(kinds(options, seen), 1 + options.until_accepted)


def plan(options: RetrainOptions, seen: int) -> list[tuple[int, int | None]]:
    """Trials and window of each try."""
    return [(one.options.train.total_trials, one.options.window_rows) for one in tries(options, seen)]


def test_tries_search_more_then_take_another_window() -> None:
    assert plan(OPTIONS, 4_000) == [(2, None), (4, None), (4, 2_000), (8, 2_000), (8, 1_000), (16, 1_000)]
    windowed = replace(OPTIONS, window_rows=1_000)
    assert [window for _, window in plan(windowed, 4_000)] == [1_000, 1_000, 500, 500, 2_000, 2_000]


def test_where_no_window_is_left_the_search_grows() -> None:
    assert plan(OPTIONS, 300) == [(2, None), (4, None), (8, None), (16, None), (32, None), (64, None)]


def test_no_try_repeats_another() -> None:
    many = list(tries(replace(OPTIONS, until_accepted=20), 300))
    assert len({one.options for one in many}) == len(many) == 21
    assert max(one.options.train.total_trials for one in many) == 64


def test_without_further_tries_all_stays_as_it_was() -> None:
    (only,) = tries(RetrainOptions(), 4_000)
    assert only.options == RetrainOptions()


@pytest.mark.parametrize("further", [1, 3, 7])
def test_an_equal_challenger_keeps_the_level_over_all_tries(further: int) -> None:
    """500 worlds without a difference, overlapping held-out rows: promoted in at most 5 %, by a bound of 1e-4."""
    rng, worlds, promoted, uncorrected = np.random.default_rng(further), 500, 0, 0
    levels = [one.options.level for one in tries(replace(OPTIONS, until_accepted=further), 4_000)]
    assert sum(levels) == pytest.approx(0.05)
    for _ in range(worlds):
        champion = rng.random(400) < 0.7
        p_values = []
        for n in range(len(levels)):  # every other try has other held-out rows, of which half are the same
            part = slice(0, 300) if n % 2 else slice(100, 400)
            p_values.append(mcnemar_test(champion[part], rng.random(300) < 0.7, level=0.05).p_value)
        better = [mcnemar_level(p, level) for p, level in zip(p_values, levels, strict=True)]
        promoted += any(better)
        uncorrected += any(p <= 0.05 for p in p_values)
    assert promoted <= binom.ppf(1 - 1e-4, worlds, 0.05)
    assert uncorrected > promoted


def mcnemar_level(p_value: float, level: float) -> bool:
    """Two-sided, so that half of the rejections are of a worse challenger: an upper bound of promotions."""
    return p_value <= level


class Stage:
    """A ring whose retrains give the outcomes that are told, one after another."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *outcomes: bool | Exception) -> None:
        self.seen: list[RetrainOptions] = []
        self.evidence: list[dict[str, Any]] = []
        self.listener, self.left = Listener(), list(outcomes)
        championship = SimpleNamespace(
            tell=self.listener,
            registry=SimpleNamespace(name="m", champion=lambda: Version(1, "r", "m", "s", {})),
            promote=lambda *args, **more: None,
            refuse=lambda *args, **more: self.evidence.append(more["evidence"]),
        )
        championship.decide = partial(Championship.decide, cast(Any, championship))
        monkeypatch.setattr(module, "retrain", self.train)
        self.ring = ChallengeConfig(cast(Any, championship), "drift", OPTIONS, PromoteMode.AUTO, None, "ada")

    def train(self, occasion: Occasion, ring: ChallengeConfig, refused: Any) -> Challenger:
        self.seen.append(ring.options)
        outcome = self.left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        test = self.paired(outcome, ring.options.level)
        number = 1 + len(self.seen)
        return Challenger(Version(number, "r", "m", "s", {}), cast(Any, None), test, range(40), "run")

    @staticmethod
    def paired(better: bool, level: float) -> PairedTest:
        champion = np.zeros(40, bool)
        return mcnemar_test(champion, np.full(40, better), level=level)

    def challenge(self, first_try: int = 1) -> module.ChallengeResult:
        champion = Version(1, "r", "m", "s", {})
        return challenge(Occasion(cast(Any, None), 4_000, champion, "x", {}), self.ring, first_try=first_try)


def test_tries_end_with_the_first_that_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, False, False, True, False)
    verdict = stage.challenge()
    assert verdict.promoted
    assert verdict.challenger.version.number == 4
    assert [one.promoted for one in verdict.earlier] == [False, False]
    assert [options.level for options in stage.seen] == pytest.approx([0.05 / 6] * 3)
    assert [one["try"] for one in stage.evidence] == [1, 2]
    said = [event.text for event in stage.listener.events if hasattr(event, "text")]
    assert said[0].startswith("at most 6 tries until a challenger is accepted")
    assert [text for text in said if text.startswith("try 3 of at most 6, on the last 2,000 rows")]


def test_tries_end_after_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, *[False] * 6)
    verdict = stage.challenge()
    assert not verdict.promoted
    assert len(stage.seen) == 1 + len(verdict.earlier) == 6


def test_tries_go_on_where_they_were_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the options of the next try, and at the level of all of them."""
    whole, rest = Stage(monkeypatch, *[False] * 6), Stage(monkeypatch, *[False] * 3)
    monkeypatch.setattr(module, "retrain", whole.train)
    whole.challenge()
    monkeypatch.setattr(module, "retrain", rest.train)
    rest.challenge(first_try=4)
    assert rest.seen == whole.seen[3:]
    assert [one["try"] for one in rest.evidence] == [4, 5, 6]


def test_a_try_without_a_challenger_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, TrainingError("nan"), True)
    assert stage.challenge().promoted
    with pytest.raises(TrainingError, match="nan"):
        Stage(monkeypatch, *[TrainingError("nan")] * 6).challenge()


@pytest.mark.parametrize("more", [{"shadow": True}, {"promote": PromoteMode.NEVER}])
def test_options_that_contradict_it_are_refused(more: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--until_accepted"):
        DeployOptions(retrain=OPTIONS, **more)
