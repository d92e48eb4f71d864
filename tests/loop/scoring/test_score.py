"""The block loop with fakes: the whole story in milliseconds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from drift.data.blocks import ScoredBlock, blocks, cut
from drift.detect import AccuracyDrop, FeatureShift, Harm, PredictionShift
from drift.detect.sequential.paired_test import TestState
from drift.errors import ExitCode, ServingError
from drift.loop.events import DriftFlagged, Ending, Notice
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import IMPOSSIBLE, DecisionRecord, Deployment, now
from drift.loop.retraining.approval import AlwaysRetrain, Approval, AskPerson, Flag, NeverRetrain, Reply
from drift.loop.running import exit_code
from drift.loop.scoring.score import LoopParts, Progress, losses_by_block, run_blocks
from drift.loop.scoring.shadow import SHADOW, Shadow, shadow_of
from drift.policies.alarm import OnAlarm
from drift.policies.history import BlockRecord
from drift.policies.threshold import BelowThreshold
from tests.fakes import FakeService, Listener, SignPredictor, stream

ROWS, SIZE, DRIFT_AT = range(200, 600), 40, 400
TABLE = stream(600, drift_at=DRIFT_AT)


class Story:
    """One deployment of fakes, which can be run again from its log."""

    def __init__(self, folder: Path, consent: Callable[[Flag], Approval], *, promote: bool = True) -> None:
        self.journal = Journal(folder / "log.db")
        self.service = FakeService(loaded={1: "x.mar", 2: "x.mar"}, default_version=1)
        self.listener = Listener()
        self.promote = promote
        self.parts = LoopParts(
            deployment="d",
            predictor=self.service,
            first_champion=SignPredictor(1),
            reference_of=lambda version: SignPredictor(version).reference(
                TABLE, range(200) if version == 1 else range(420, 600)
            ),
            detectors=[
                AccuracyDrop(SignPredictor(1).reference(TABLE, range(200))),
                FeatureShift(SignPredictor(1).reference(TABLE, range(200))),
                PredictionShift(SignPredictor(1).reference(TABLE, range(200))),
            ],
            policy=BelowThreshold(0.8, cooldown=2),
            consent=consent,
            retrain=self._retrain,
            log=self.journal,
            tell=self.listener,
        )
        if not self.journal.deployments():
            self.journal.begin(Deployment("d", "toy", "run", {}, 1, 200, 600, "running", 0, now()))
        losses = losses_by_block(self.journal.answers("d"))
        self.progress = Progress(self.journal.blocks("d"), self.journal.decisions("d"), losses)

    def run(self) -> None:
        left = blocks(TABLE, ROWS, SIZE, first=len(self.progress.blocks))
        run_blocks(left, self.parts, self.progress, total=len(cut(ROWS, SIZE)))

    def _retrain(self, record: BlockRecord, consent: Approval, flag: Flag) -> DecisionRecord:
        if self.promote:
            self.service.make_default(2)
        outcome = "promoted" if self.promote else "refused"
        return DecisionRecord(record.index, True, consent.by, consent.reason, flag.evidence, outcome, challenger=2)


def test_drift_is_flagged_retrained_and_healed(tmp_path: Path) -> None:
    story = Story(tmp_path, AlwaysRetrain())
    story.run()
    found = story.journal.blocks("d")
    assert [block.index for block in found] == list(range(10))
    assert [block.flagged for block in found].index(True) == 5
    assert [block.version for block in found] == [1] * 6 + [2] * 4
    assert all(block.accuracy == 1 for block in found[:5] + found[6:])
    assert all(block.first_champion_correct < block.correct for block in found[6:])
    assert story.listener.deeds() == ["BlockScored"] * 6 + ["DriftFlagged"] + ["BlockScored"] * 4
    assert exit_code(story.progress) is ExitCode.DONE


def test_scores_are_against_the_reference_of_the_serving_version(tmp_path: Path) -> None:
    story = Story(tmp_path, AlwaysRetrain())
    story.run()
    accepted = [
        score.detail for block in story.progress.blocks for score in block.scores if score.detector == "accuracy"
    ]
    assert accepted == ["accepted 1.000"] * 10
    assert {score.detector for score in story.progress.blocks[0].scores} == {"accuracy", "features", "predictions"}


def test_a_small_reference_is_warned_of_once(tmp_path: Path) -> None:
    """References of 200 and 180 rows against blocks of 40: both are small, for two versions, in one warning."""
    story = Story(tmp_path, AlwaysRetrain())
    story.run()
    said = [event.text for event in story.listener.events if isinstance(event, Notice)]
    assert [text[:40] for text in said] == ["version 1: the reference has 200 rows, f"]


def test_a_flag_carries_the_p_value_of_the_table(tmp_path: Path) -> None:
    story = Story(tmp_path, NeverRetrain())
    story.run()
    flags = [event for event in story.listener.events if isinstance(event, DriftFlagged)]
    assert len(flags) == 5
    for flag in flags:
        shown = next(score.p_value for score in flag.record.scores if score.detector == "accuracy")
        assert flag.evidence["chance"] == shown


@pytest.mark.parametrize(
    ("consent", "by"),
    [(NeverRetrain(), "--retrain never"), (NeverRetrain("no terminal to ask at"), "no terminal to ask at")],
)
def test_without_consent_the_loop_goes_on_and_says_so(
    tmp_path: Path, consent: Callable[[Flag], Approval], by: str
) -> None:
    story = Story(tmp_path, consent)
    story.run()
    assert len(story.progress.blocks) == 10
    assert all(block.version == 1 for block in story.progress.blocks)
    assert {decision.by for decision in story.journal.decisions("d")} == {by}
    assert exit_code(story.progress) is ExitCode.DRIFT


def test_a_person_is_asked_until_they_say_no(tmp_path: Path) -> None:
    asked: list[int] = []
    replies = iter([Reply.LATER, Reply.NO])

    def question(flag: Flag) -> Reply:
        asked.append(flag.record.index)
        return next(replies)

    story = Story(tmp_path, AskPerson(question, person="ada"))
    story.run()
    flagged = [block.index for block in story.progress.blocks if block.flagged]
    assert len(flagged) > 2
    assert asked == flagged[:2]
    assert [d.reason.split(" to:")[0] for d in story.progress.decisions[:2]] == ["answered not yet", "answered no"]
    assert story.progress.decisions[2].reason == "said no to an earlier block of this deployment"
    assert exit_code(story.progress) is ExitCode.DRIFT


def test_a_refused_challenger_is_not_tried_again_within_the_cooldown(tmp_path: Path) -> None:
    story = Story(tmp_path, AlwaysRetrain(), promote=False)
    story.run()
    assert [decision.block for decision in story.progress.decisions if decision.retrain] == [5, 8]
    assert exit_code(story.progress) is ExitCode.REFUSED


@pytest.mark.parametrize("asks", [False, True])
def test_mlflow_is_asked_about_a_retrain_only_for_a_person(tmp_path: Path, asks: bool) -> None:
    """While MLflow is away, a question to it at every flagged block would take seconds each time."""
    story = Story(tmp_path, AskPerson(lambda flag: Reply.LATER, person="ada") if asks else NeverRetrain())
    looked: list[int] = []
    story.parts.outlook = lambda record, window: looked.append(record.index)
    story.run()
    flagged = [block.index for block in story.progress.blocks if block.flagged]
    assert looked == ([*flagged, 9] if asks else [])


def test_too_few_rows_begin_no_cooldown(tmp_path: Path) -> None:
    """A retrain for which rows were lacking is asked for again at the next flag, and what detectors know is kept."""
    story = Story(tmp_path, AlwaysRetrain())
    trained, tried = story.parts.retrain, list[int]()

    def too_few(record: BlockRecord, consent: Approval, flag: Flag) -> DecisionRecord:
        if record.index < 7:
            return DecisionRecord(record.index, True, consent.by, "too few rows", flag.evidence, IMPOSSIBLE)
        tried.append(record.index)
        return trained(record, consent, flag)

    story.parts.retrain = too_few
    story.run()
    assert [(made.block, made.outcome) for made in story.progress.decisions] == [
        (5, IMPOSSIBLE),
        (6, IMPOSSIBLE),
        (7, "promoted"),
    ]
    assert (story.progress.retrained_at, tried) == ([7], [7])
    assert exit_code(story.progress) is ExitCode.DONE


def test_a_crash_between_blocks_costs_nothing(tmp_path: Path) -> None:
    story = Story(tmp_path, AlwaysRetrain())
    answer = story.service.predict
    calls = []

    def dies(features: object) -> object:
        calls.append(features)
        if len(calls) == 4:
            raise ServingError("the machine went away")
        return answer(features)  # type: ignore[arg-type]

    story.service.predict = dies  # type: ignore[method-assign, assignment]
    with pytest.raises(ServingError):
        story.run()
    again = Story(tmp_path, AlwaysRetrain())
    assert len(again.progress.blocks) == 3
    again.run()
    assert [block.index for block in again.journal.blocks("d")] == list(range(10))


def test_a_flag_whose_decision_was_lost_in_a_crash_is_decided_first(tmp_path: Path) -> None:
    story = Story(tmp_path, AlwaysRetrain())

    def dies(record: BlockRecord, consent: Approval, flag: Flag) -> DecisionRecord:
        raise KeyboardInterrupt

    story.parts.retrain = dies
    with pytest.raises(KeyboardInterrupt):
        story.run()
    assert story.journal.blocks("d")[-1].flagged
    again = Story(tmp_path, AlwaysRetrain())
    again.run()
    assert again.listener.deeds()[:2] == ["DriftFlagged", "BlockScored"]
    assert again.journal.decisions("d")[0].block == 5


def test_policy_is_pure_and_waits_out_its_cooldown(tmp_path: Path) -> None:
    from drift.policies.history import History

    story = Story(tmp_path, NeverRetrain())
    story.run()
    policy, seen = BelowThreshold(0.8, cooldown=2), story.progress.blocks
    history = History(seen[:6], 1.0, retrained_at=[])
    assert policy.decide(history) == policy.decide(history)
    assert policy.decide(history).retrain
    waiting = policy.decide(replace(history, retrained_at=[4]))
    assert waiting.alarm
    assert not waiting.retrain
    assert "retrained within 2 blocks" in waiting.reason
    evidence = policy.decide(history).evidence
    assert evidence["recent_rows"] == 200
    assert evidence["threshold"] == 0.8


def watch_evidence(story: Story) -> None:
    """Let the story's policy listen to evidence kept over blocks."""
    harm = Harm(SignPredictor(1).reference(TABLE, range(200)), tolerated_loss=0.1, expected_run_length=50)
    story.parts.detectors = [*story.parts.detectors, harm]
    story.parts.policy = OnAlarm("harm", cooldown=2)


def test_evidence_retrains_and_begins_anew(tmp_path: Path) -> None:
    """It grows over blocks until it alarms; after a promotion or a refusal, what was answered does not count again."""
    for promote in (True, False):
        folder = tmp_path / str(promote)
        folder.mkdir()
        story = Story(folder, AlwaysRetrain(), promote=promote)
        watch_evidence(story)
        story.run()
        values = [block.scores[-1].statistic for block in story.progress.blocks]
        first = story.progress.retrained_at[0]
        assert first >= 5
        assert values[first - 1] < 50 <= values[first]
        assert [block.flagged for block in story.progress.blocks].index(True) == first
        if promote:
            assert max(values[first + 1 :]) < 50


def test_evidence_survives_a_crash(tmp_path: Path) -> None:
    """Resumed after any block, the scores are those of a deployment that never stopped."""
    (tmp_path / "whole").mkdir()
    whole = Story(tmp_path / "whole", AlwaysRetrain())
    watch_evidence(whole)
    whole.run()
    for stop in (3, 6, 7):
        folder = tmp_path / str(stop)
        folder.mkdir()
        story = Story(folder, AlwaysRetrain())
        watch_evidence(story)
        run_blocks(list(blocks(TABLE, ROWS, SIZE))[:stop], story.parts, story.progress, total=10)
        again = Story(folder, AlwaysRetrain())
        again.service.make_default(story.service.default_version or 1)
        watch_evidence(again)
        again.run()
        assert [block.scores for block in again.progress.blocks] == [block.scores for block in whole.progress.blocks]


class Shadowing(Story):
    """A story whose challengers are watched on new blocks."""

    def __init__(self, folder: Path, *, better: bool) -> None:
        super().__init__(folder, AlwaysRetrain())
        self.predictor = SignPredictor(2 if better else 1)
        self.ended: list[Shadow] = []
        self.parts.shadow, self.parts.end_shadow = self._begin, self._end

    def _retrain(self, record: BlockRecord, consent: Approval, flag: Flag) -> DecisionRecord:
        return DecisionRecord(record.index, True, consent.by, consent.reason, flag.evidence, SHADOW, challenger=2)

    def _begin(self, decision: DecisionRecord, progress: Progress) -> Shadow:
        held_out = self.parts.reference_of(1)
        found = shadow_of(2, self.predictor, SignPredictor(1), held_out, level=0.05)
        for block in progress.blocks:
            if block.index > decision.block:
                rows = TABLE.block(block.index, range(block.start, block.stop))
                found.observe(ScoredBlock(rows, SignPredictor(block.version).predict(rows.features), 0.0))
        return found

    def _end(self, shadow: Shadow, record: BlockRecord) -> DecisionRecord:
        self.ended.append(shadow)
        better = shadow.paired_test.verdict is TestState.BETTER
        if better:
            self.service.make_default(2)
        outcome = "promoted" if better else "refused"
        return DecisionRecord(record.index, True, "--shadow", shadow.words, {}, outcome, 2, shadow.comparison)


def test_a_challenger_in_the_shadow_is_promoted_by_new_rows(tmp_path: Path) -> None:
    story = Shadowing(tmp_path, better=True)
    story.run()
    assert [decision.outcome for decision in story.progress.decisions] == [SHADOW, "promoted"]
    begun, ended = (decision.block for decision in story.progress.decisions)
    versions = [block.version for block in story.progress.blocks]
    assert versions == [1] * (ended + 1) + [2] * (9 - ended)
    flags = [event for event in story.listener.events if isinstance(event, DriftFlagged)]
    flagged = [block.index for block in story.progress.blocks if block.flagged]
    assert flagged == list(range(begun, ended + 1))  # a champion that goes on failing stays visible
    assert [flag.record.index for flag in flags] == flagged[: len(flags)]
    assert all("but version 2 is in shadow" in flag.reason for flag in flags[1:])  # and nobody is asked
    (shadow,) = story.ended
    assert shadow.tally.rows == SIZE * (ended - begun)
    found = shadow.comparison
    assert found["low"] > 0
    assert found["p_value"] < 0.05
    assert found["only_challenger"] > found["only_champion"] == 0
    assert found["challenger_accuracy"] == 1


def test_a_challenger_that_gains_nothing_stays_in_the_shadow(tmp_path: Path) -> None:
    story = Shadowing(tmp_path, better=False)
    story.run()
    assert [decision.outcome for decision in story.progress.decisions] == [SHADOW]
    assert not story.ended
    assert "version 2 is still in the shadow: challenger undecided: +0.000" in str(story.listener.events[-1])
    assert exit_code(story.progress) is ExitCode.DRIFT  # it was not refused, and the champion that failed still serves


def test_a_shadow_survives_a_crash(tmp_path: Path) -> None:
    """Resumed after any block, the verdict falls after the same one, on the same rows."""
    (tmp_path / "whole").mkdir()
    whole = Shadowing(tmp_path / "whole", better=True)
    whole.run()
    for stop in (6, 7, 8):
        folder = tmp_path / str(stop)
        folder.mkdir()
        story = Shadowing(folder, better=True)
        run_blocks(list(blocks(TABLE, ROWS, SIZE))[:stop], story.parts, story.progress, total=10)
        again = Shadowing(folder, better=True)
        again.service.make_default(story.service.default_version or 1)
        again.run()
        found, expected = again.journal.decisions("d"), whole.journal.decisions("d")
        assert [(one.block, one.outcome) for one in found] == [(one.block, one.outcome) for one in expected]
        assert found[-1].comparison == expected[-1].comparison


def at_end(story: Story) -> list[Ending]:
    """Ask about nothing but the end; returns what was asked."""
    asked: list[Ending] = []

    def question(flag: Flag) -> Reply:
        assert isinstance(flag, Ending)
        asked.append(flag)
        return Reply.YES if story.promote else Reply.NO

    story.parts.consent = AskPerson(question, person="ada")
    story.parts.policy = BelowThreshold(0.1)
    return asked


def test_at_the_end_somebody_is_asked_though_none_was_flagged(tmp_path: Path) -> None:
    story = Story(tmp_path, NeverRetrain(), promote=False)
    asked = at_end(story)
    story.run()
    (ending,) = asked
    lowest = min(block.accuracy for block in story.progress.blocks)
    assert ending.distance == pytest.approx(lowest - 0.1)
    assert ending.reason.startswith(f"no block was flagged; the lowest accuracy is {lowest:.3f}, of block ")
    assert [(made.block, made.outcome, made.by) for made in story.journal.decisions("d")] == [(10, "declined", "ada")]
    assert exit_code(story.progress) is ExitCode.DONE


def test_a_yes_at_the_end_retrains_and_is_kept(tmp_path: Path) -> None:
    story = Story(tmp_path, NeverRetrain(), promote=True)
    at_end(story)
    story.parts.retrain = lambda record, consent, flag: DecisionRecord(
        flag.block, True, consent.by, consent.reason, flag.evidence, "refused", challenger=2
    )
    story.run()
    assert [(made.block, made.outcome) for made in story.journal.decisions("d")] == [(10, "refused")]
    assert exit_code(story.progress) is ExitCode.REFUSED


@pytest.mark.parametrize("promote", [True, False])
def test_the_last_question_waits_after_a_promotion_only(tmp_path: Path, promote: bool) -> None:
    """A challenger that was refused a block ago leaves the question open; one that was promoted does not."""
    asked: list[Flag] = []

    def question(flag: Flag) -> Reply:
        asked.append(flag)
        return Reply.LATER if isinstance(flag, Ending) else Reply.YES

    story = Story(tmp_path, AskPerson(question, person="ada"), promote=promote)
    story.parts.cooldown = 5
    story.parts.policy = BelowThreshold(0.8, cooldown=5)
    run_blocks(list(blocks(TABLE, ROWS, SIZE))[:7], story.parts, story.progress, total=7)
    assert story.progress.retrained_at == [5]
    assert [type(flag) for flag in asked] == ([DriftFlagged] if promote else [DriftFlagged, Ending])


def test_an_interrupted_question_at_the_end_is_put_again(tmp_path: Path) -> None:
    story = Story(tmp_path, NeverRetrain(), promote=False)

    def interrupted(flag: Flag) -> Reply:
        raise KeyboardInterrupt

    story.parts.policy, story.parts.consent = BelowThreshold(0.1), AskPerson(interrupted, person="ada")
    with pytest.raises(KeyboardInterrupt):
        story.run()
    assert len(story.journal.blocks("d")) == 10
    again = Story(tmp_path, NeverRetrain(), promote=False)
    asked = at_end(again)
    again.run()
    assert len(asked) == 1
    once_more = Story(tmp_path, NeverRetrain(), promote=False)
    asked = at_end(once_more)
    once_more.run()
    assert not asked  # it was decided


def test_who_said_no_to_a_flag_is_not_asked_at_the_end(tmp_path: Path) -> None:
    """Also after an interruption that came between."""
    replies: list[Flag] = []

    def question(flag: Flag) -> Reply:
        replies.append(flag)
        return Reply.NO

    story = Story(tmp_path, AskPerson(question, person="ada"))
    run_blocks(list(blocks(TABLE, ROWS, SIZE))[:6], story.parts, story.progress, total=10)
    assert len(replies) == 1
    again = Story(tmp_path, AskPerson(question, person="ada"))
    again.run()
    assert len(replies) == 1
    assert exit_code(again.progress) is ExitCode.DRIFT
