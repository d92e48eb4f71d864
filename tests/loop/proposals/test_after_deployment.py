"""What is said of a retrain at the end of a deployment is said of the command that is printed under it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import pytest

from drift.errors import ExitCode, TrackingError
from drift.loop.advice import deployment_advice
from drift.loop.advice.deployment_advice import DeploymentAdvice, by_hand_of
from drift.loop.card import Card, DataSource
from drift.loop.events import Ending
from drift.loop.journal.records import DecisionRecord
from drift.loop.options import DeployOptions, PromoteMode, RetrainOptions
from drift.loop.outlook import ByHand
from drift.loop.proposals import last_lines
from drift.loop.retraining.retrain import split_seen

CARD = Card(("x",), ("no", "yes"), {}, (0, 2_550), (2_550, 3_000), "", DataSource("/data/two.csv", "a"))


def lines(
    by_hand: ByHand | None,
    options: DeployOptions,
    code: ExitCode = ExitCode.DONE,
    *,
    decisions: Sequence[DecisionRecord] = (),
    left: int = 0,
) -> list[str]:
    evidence = {"recent_blocks": 5, "recent_rows": 1_680, "recent_accuracy": 0.61, "accepted_accuracy": 0.88}
    record = SimpleNamespace(version=1)
    ending = SimpleNamespace(reason="no block was flagged", outlook=None, evidence=evidence, record=record)
    deployment = SimpleNamespace(stop_row=3_400, options={"source": asdict(CARD.source)})
    result: Any = SimpleNamespace(
        decisions=decisions, ending=ending, by_hand=by_hand, exit_code=code, deployment=deployment, rows_left=left
    )
    return last_lines(result, options, {"server": None})


def numbers(line: str) -> tuple[int, ...]:
    """Learned, new, in all, held out."""
    told = re.search(r"from ([\d,]+) of the ([\d,]+) new rows \(([\d,]+) rows in all\), ([\d,]+) are held out", line)
    assert told is not None, line
    return tuple(int(number.replace(",", "")) for number in told.groups())


@pytest.mark.parametrize("code", [ExitCode.DONE, ExitCode.DRIFT])
@pytest.mark.parametrize(
    ("stop", "window", "held_out", "told"),
    [
        (3_400, None, None, (240, 400, 640, 160)),  # with the window of 800 rows that is proposed
        (3_400, 800, None, (240, 400, 640, 160)),
        (3_400, 2_000, 100, (300, 400, 1_900, 100)),
        (3_100, None, None, (50, 100, 3_050, 50)),
    ],
)
def test_the_statement_is_about_the_printed_command(
    stop: int, window: int | None, held_out: int | None, told: tuple[int, ...], code: ExitCode
) -> None:
    training = RetrainOptions(window_rows=window, held_out_rows=held_out)
    made = lines(by_hand_of(CARD, stop, training, block_rows=20), DeployOptions(retrain=training), code)
    statement = next(line for line in made if line.startswith("a retrain now"))
    assert numbers(statement) == told
    words = shlex.split(made[-1][made[-1].index("drift retrain") :])
    printed = {
        name: int(words[words.index(f"--{name}") + 1])
        for name in ("window_rows", "held_out_rows")
        if f"--{name}" in words
    }
    parts = split_seen(CARD, stop, window_rows=printed.get("window_rows"), held_out_rows=printed.get("held_out_rows"))
    assert told == (parts.refit.stop - CARD.seen, stop - CARD.seen, len(parts.refit), len(parts.held_out))
    if window is None and "window_rows" in printed:
        assert statement.startswith(f"a retrain now with --window_rows {printed['window_rows']}")
    else:
        assert statement.startswith("a retrain now: ")


def test_rows_of_earlier_deployments_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment of 100 rows after one of 400: a retrain by hand begins with all of them."""
    stops = {"first": 3_400, "second": 3_100}
    made = [SimpleNamespace(id=name, options={"source": {"path": "/data/two.csv", "label": "a"}}) for name in stops]
    journal: Any = SimpleNamespace(
        deployments=lambda model: made, blocks=lambda name: [SimpleNamespace(stop=stops[name])]
    )
    registry: Any = SimpleNamespace(name="m", champion=lambda: None)
    monkeypatch.setattr(deployment_advice, "card_of", lambda registry, version: CARD)
    falls: Any = SimpleNamespace(last=lambda *_: None)
    unused: Any = None
    advice = DeploymentAdvice(unused, DeployOptions(), unused, registry, journal, unused, falls)
    by_hand = advice.by_hand()
    assert by_hand is not None
    assert (by_hand.window_rows, by_hand.outlook.new_rows, by_hand.outlook.learned_rows) == (800, 400, 240)

    def away() -> None:
        raise TrackingError("MLflow is away")

    registry.champion = away
    assert advice.by_hand() is None
    assert lines(None, DeployOptions())[:2] == [
        "last 5 blocks of version 1: accuracy 0.610 on 1,680 rows; it was accepted with 0.880",
        "no block was flagged",
    ]


@pytest.mark.parametrize("mode", list(PromoteMode))
def test_the_printed_command_can_promote(mode: PromoteMode) -> None:
    (*_, last) = lines(None, DeployOptions(promote=mode))
    assert ("--promote never" not in last) and ((f"--promote {mode}" in last) is (mode is not PromoteMode.NEVER))


REFUSED = DecisionRecord(3, True, "--retrain always", "", {}, "refused", challenger=2)


def test_after_a_refusal_a_command_tries_again() -> None:
    training = RetrainOptions(window_rows=800)
    by_hand = by_hand_of(CARD, 3_400, training, block_rows=20)
    *_, last = lines(by_hand, DeployOptions(retrain=training), ExitCode.REFUSED, decisions=[REFUSED])
    assert last.startswith("version 2 was refused and the champion stays; to try again")
    assert "drift retrain" in last
    assert "--window_rows 800" in last
    assert last.endswith("--until_accepted 2")


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (1_000, "drift deploy --mlflow_experiment_name drift --data /data/two.csv --label a"),
        (30, "--test_data_rows 30"),
        (19, "only 19 rows are left to score, fewer than a block: add later rows at the end of the table"),
        (0, "no row is left to score: add later rows at the end of the table"),
    ],
)
def test_a_wait_comes_with_the_command_that_scores(left: int, said: str) -> None:
    by_hand = by_hand_of(CARD, 3_100, RetrainOptions(), block_rows=20)
    options = DeployOptions(threshold_accuracy=0.7)
    assert by_hand.outlook.wait_blocks == 5
    made = lines(by_hand, options, ExitCode.DRIFT, left=left)
    score = made[made.index(next(line for line in made if line.startswith("a retrain now"))) + 1]
    assert said in score
    assert "not retrained; without waiting, to retrain: drift retrain " in made[-1]
    if left >= 20:
        assert score.startswith("to score them: drift deploy")
        assert f"--start_row 3100 --test_data_rows {min(100, left)}" in score  # 5 blocks of 20
        assert "--threshold_accuracy 0.7" in score


PROMOTED = DecisionRecord(3, True, "--retrain always", "", {}, "promoted", challenger=2)


@pytest.mark.parametrize("decisions", [[], [PROMOTED]])
@pytest.mark.parametrize(("left", "scores"), [(1_000, 100), (60, 60), (19, 0), (0, 0)])
def test_the_next_rows_are_scored_first(left: int, scores: int, decisions: list[DecisionRecord]) -> None:
    """After a promotion, and where nothing was flagged."""
    by_hand = by_hand_of(CARD, 3_400, RetrainOptions(), block_rows=20)
    made = lines(by_hand, DeployOptions(threshold_accuracy=0.7), decisions=decisions, left=left)
    found = [line for line in made if line.startswith("to score the next rows: drift deploy ")]
    assert len(found) == bool(scores)
    if found:
        assert found[0].endswith(f" --test_data_rows {scores}")
        assert "--start_row 3400" in found[0]
        assert "--threshold_accuracy 0.7" in found[0]
        assert made.index(found[0]) == len(made) - (1 if decisions else 2)
    assert made[-1].startswith("to retrain anyway: drift retrain ") is (not decisions)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (100, "too few to learn from: score 5 more blocks first"),
        (60, "too few to learn from: 5 more blocks are needed, and the table has rows for 3"),
        (1, "too few to learn from: 5 more blocks are needed, and the table has no rows for them yet"),
        (-40, "too few to learn from: 5 more blocks are needed, and the table has no rows for them yet"),
    ],
)
def test_blocks_that_the_table_does_not_have_are_not_proposed(left: int, said: str) -> None:
    by_hand = by_hand_of(CARD, 3_100, RetrainOptions(), block_rows=20)
    made = lines(by_hand, DeployOptions(), ExitCode.DRIFT, left=left)
    now, score = made[1:3]
    assert now.startswith("a retrain now: ") and now.endswith(said)
    assert score.startswith(
        {60: "to score them: ", 100: "to score them: ", 1: "only 1 row is left to score"}.get(left, "no")
    )


@pytest.mark.parametrize(
    ("correct", "threshold", "ends"),
    [
        (11, 0.55, "is 0.550, of block 2, which is the threshold"),
        (11, 0.5497, "is 0.550, of block 2, less than 0.001 above the threshold of 0.550"),
        (11, 0.5503, "is 0.550, of block 2, less than 0.001 below the threshold of 0.550"),
        (12, 0.55, "is 0.600, of block 2, 0.050 above the threshold of 0.550"),
        (10, 0.55, "is 0.500, of block 2, 0.050 below the threshold of 0.550"),
    ],
)
def test_the_distance_from_the_threshold_in_words(correct: int, threshold: float, ends: str) -> None:
    block: Any = SimpleNamespace(index=2, accuracy=correct / 20)
    assert Ending(block, block, threshold, 0, {}).reason == f"no block was flagged; the lowest accuracy {ends}"
