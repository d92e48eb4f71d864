"""A challenger that was refused is not made a second time, and what would make it takes no share of the level."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drift.errors import TrackingError
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import AuditLine
from drift.loop.options import PromoteMode
from drift.loop.retraining.repeated_challengers import (
    Recipe,
    Refused,
    RepeatedError,
    refused_before,
    require_new_search,
    same_model,
)
from drift.tracking.registry import Version
from tests.loop.retraining.test_retries import Stage

RECIPE = Recipe(1, (0, 800), (800, 1_000), 3, 0, "cpu", warm_start=False, total_trials=2)
REFUSED = Refused(4, RECIPE, {"learning_rate": 0.009229992521782002, "width": 64})


def test_a_repeated_challenger_is_no_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first and the third kind of try would make was refused: six others are tested, each at a sixth."""
    stage = Stage(monkeypatch, RepeatedError("again"), False, RepeatedError("again"), *[False] * 5)
    verdict = stage.challenge()
    assert [one["try"] for one in stage.evidence] == [1, 2, 3, 4, 5, 6]
    assert len(verdict.earlier) == 5
    assert [options.level for options in stage.seen] == pytest.approx([0.05 / 6] * 8)
    said = [event.text for event in stage.listener.events if hasattr(event, "text")]
    assert said[1:3] == ["again", "try 1 of at most 6, with a search of 4 trials, at level 0.00833"]


def test_without_further_tries_the_next_kind_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, RepeatedError("again"), True)
    stage.ring = replace(stage.ring, options=replace(stage.ring.options, until_accepted=0))
    assert stage.challenge().promoted
    assert [(options.train.total_trials, options.level) for options in stage.seen] == [(2, 0.05), (4, 0.05)]


def test_the_same_search_is_not_made_again() -> None:
    with pytest.raises(RepeatedError, match=r"^version 4 was trained on these rows with these options"):
        require_new_search(RECIPE, [REFUSED])
    others: list[dict[str, Any]] = [
        {"total_trials": 4},
        {"seed": 1},
        {"fit_rows": (100, 800)},
        {"held_out_rows": (800, 1_020)},
        {"champion": 2},
        {"warm_start": True},
    ]
    for other in others:
        require_new_search(replace(RECIPE, **other), [REFUSED])


def test_a_larger_search_that_chooses_the_same_parameters_makes_the_same_model() -> None:
    larger = replace(RECIPE, total_trials=4)
    assert same_model(larger, dict(REFUSED.parameters), [REFUSED]) == REFUSED
    assert same_model(larger, {"learning_rate": 0.01, "width": 64}, [REFUSED]) is None
    assert same_model(replace(larger, seed=1), dict(REFUSED.parameters), [REFUSED]) is None


def test_a_version_keeps_its_recipe() -> None:
    assert Refused.from_tag(4, REFUSED.to_tag()) == REFUSED


@pytest.mark.parametrize(("mode", "known"), [("auto", [4]), ("ask", [4]), ("always", []), ("never", [])])
def test_only_what_was_judged_against_this_champion_counts(tmp_path: Path, mode: str, known: list[int]) -> None:
    journal = Journal(tmp_path / "log.db")
    told = ((4, 1, "--promote auto"), (5, 1, "--promote never"), (6, 2, "ada"), (7, 1, "ada"), (8, 1, "--promote auto"))
    for number, champion, by in told:
        line = AuditLine("refuse", champion, champion, by, "not better", {"challenger": number})
        journal.audit("m", line)
    tags: dict[int, dict[str, str]] = {8: {}}  # of a version that was made before recipes were kept

    def get(number: int) -> Version:
        if number == 7:
            raise TrackingError("deleted")
        return Version(number, "r", "m", "s", tags.get(number, {"drift.recipe": REFUSED.to_tag()}))

    registry = SimpleNamespace(name="m", get=get)
    championship = SimpleNamespace(registry=registry, journal=journal)
    ring: Any = SimpleNamespace(championship=championship, mode=PromoteMode(mode))
    assert [one.version for one in refused_before(ring.championship, ring.mode, Version(1, "r", "m", "s", {}))] == known


@pytest.mark.parametrize("warm", [False, True])
def test_a_copy_of_the_champion_is_not_made(tmp_path: Path, warm: bool) -> None:
    """It was a challenger of version 1 itself; a warm start would begin with other weights now."""
    made = replace(REFUSED, version=2, recipe=replace(RECIPE, warm_start=warm))
    registry = SimpleNamespace(name="m")
    championship = SimpleNamespace(registry=registry, journal=Journal(tmp_path / "log.db"))
    ring: Any = SimpleNamespace(championship=championship, mode=PromoteMode.AUTO)
    champion = Version(2, "r", "m", "s", {"drift.recipe": made.to_tag()})
    found = refused_before(ring.championship, ring.mode, champion)
    assert [one.version for one in found] == ([] if warm else [2])
    if found:
        again = replace(RECIPE, champion=2)
        with pytest.raises(
            RepeatedError, match=r"^version 2 was trained on these rows .* and serves: not trained again"
        ):
            require_new_search(again, found)
        assert same_model(replace(again, total_trials=4), REFUSED.parameters, found) == found[0]
    assert refused_before(ring.championship, ring.mode, Version(1, "r", "m", "s", {})) == []  # a base model
