"""A champion is never replaced by a new base model without a comparison, a question, or an order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from drift.detect import PairedTest, mcnemar_test
from drift.loop import succession as module
from drift.loop.card import Card, DataSource
from drift.loop.options import DeployOptions, PromoteMode
from drift.loop.releases.candidate import Candidate
from drift.loop.succession import Contest, Succession
from drift.tracking.registry import Version
from drift.tracking.runs.lookup import RunRecord
from drift.tracking.runs.release import Release

CHAMPION = Version(4, "r4", "m4", "s", {})
RUN = RunRecord("base2", "FINISHED", {"reference/accuracy": 0.7}, {}, {"drift.model_id": "m9"})
CANDIDATE = Candidate(RUN, "drift", None, CHAMPION, 1, False)


def card(seen: int) -> Card:
    return Card(("x",), ("no", "yes"), {}, (0, seen - 10), (seen - 10, seen), "", DataSource())


BASE = Release(Path("model.pt2"), card(300).to_metadata(), Path("reference.npz"), "", "")


def outcome(better: int, worse: int) -> PairedTest:
    """Of rows that only the new model, or only the champion, answers rightly."""
    champion = np.r_[np.zeros(better, bool), np.ones(worse, bool)]
    return mcnemar_test(champion, ~champion, level=0.05)


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Succession]:
    """`decide` for a champion that has seen 200 rows and a base model that has seen 300."""
    monkeypatch.setattr(module, "card_of", lambda registry, version: card(200))

    def make(
        mode: PromoteMode, *, scored: int, test: PairedTest | None = None, ask: Callable[[str], bool] | None = None
    ) -> Succession:
        monkeypatch.setattr(module, "last_row_seen", lambda journal, model, card: scored)
        monkeypatch.setattr(Contest, "_compare", lambda *args: test)
        return contest(DeployOptions(promote=mode), ask=ask).decide(BASE)

    return make


def contest(options: DeployOptions, **context: object) -> Contest:
    world = SimpleNamespace(**{"journal": None, "ask_replacement": context.pop("ask", None), "person": "ada"} | context)
    return Contest(CANDIDATE, CHAMPION, cast(Any, _Registry()), cast(Any, world), options, None)


class _Registry:
    name, store = "m", None


@pytest.mark.parametrize(
    ("test", "promoted"), [(outcome(20, 2), True), (outcome(2, 20), False), (outcome(9, 8), False)]
)
def test_auto_promotes_only_the_better_one(
    decided: Callable[..., Succession], test: PairedTest, promoted: bool
) -> None:
    made = decided(PromoteMode.AUTO, scored=340, test=test)
    assert (made.promoted, made.by, made.rows) == (promoted, "--promote auto", range(300, 340))
    assert "new base model " + ("better" if promoted else "not better") in made.reason


@pytest.mark.parametrize("scored", [250, 300, 339])
def test_too_few_rows_new_to_both_keep_the_champion(decided: Callable[..., Succession], scored: int) -> None:
    made = decided(PromoteMode.AUTO, scored=scored)
    assert (made.promoted, made.test, made.by) == (False, None, "no terminal to ask at")
    assert f"{max(0, scored - 300)} scored rows are new to both" in made.reason


@pytest.mark.parametrize("answer", [True, False])
def test_a_person_is_asked_where_nothing_can_be_compared(decided: Callable[..., Succession], answer: bool) -> None:
    questions: list[str] = []
    made = decided(PromoteMode.AUTO, scored=0, ask=lambda text: questions.append(text) or answer)  # type: ignore[func-returns-value]
    assert (made.promoted, made.by) == (answer, "ada")
    assert "not compared with version 4" in questions[0]


def test_modes_mean_what_they_mean_elsewhere(decided: Callable[..., Succession]) -> None:
    worse, better = outcome(2, 20), outcome(20, 2)
    assert decided(PromoteMode.ALWAYS, scored=340, test=worse).promoted
    assert decided(PromoteMode.ALWAYS, scored=0).promoted
    assert not decided(PromoteMode.NEVER, scored=340, test=better).promoted
    assert decided(PromoteMode.ASK, scored=340, test=worse, ask=lambda text: True).promoted
    assert not decided(PromoteMode.ASK, scored=340, test=better, ask=lambda text: False).promoted


def kept(made: Succession, *, table_rows: int, scored_to: int = 0, server: Mapping[str, object] | None = None) -> str:
    options = DeployOptions(model_name="m", threshold_accuracy=0.7, promote=PromoteMode.NEVER, start_row=250)
    decision = contest(options, server=server or {})
    return decision.kept_line(made, DataSource(), table_rows=table_rows, scored_to=scored_to)


def test_one_line_says_how_to_compare_or_replace(decided: Callable[..., Succession]) -> None:
    made = decided(PromoteMode.AUTO, scored=0)
    line = kept(made, table_rows=5_300)
    assert "\n" not in line
    named = "drift deploy --mlflow_experiment_name drift --register_model_name m"
    assert f"{named} --start_row 300 --threshold_accuracy 0.7 --promote never --test_data_rows 400" in line
    assert line.endswith(f"to replace it uncompared: {named} --threshold_accuracy 0.7 --promote always")
    assert "add later rows to compare them" in kept(made, table_rows=305)
    own = kept(made, table_rows=5_300, server={"server": "http://127.0.0.1:8080", "server_folder": "run"})
    assert own.count("--server http://127.0.0.1:8080 --server_folder run") == 2


def test_the_deployment_that_scores_new_rows_is_followed_by_the_one_that_compares(
    decided: Callable[..., Succession],
) -> None:
    """The command that was proposed before is not proposed again."""
    for scored, scored_to in ((0, 700), (700, 320)):
        line = kept(decided(PromoteMode.NEVER, scored=scored), table_rows=5_300, scored_to=scored_to)
        assert "score rows" not in line
        assert "to compare them, deploy again after this deployment: drift deploy" in line
        assert line.count("--promote") == 2  # who decided, and the replacement
    assert "score rows" in kept(decided(PromoteMode.NEVER, scored=0), table_rows=5_300, scored_to=339)
