"""Every check crossed with every detector that follows errors, and golden traces of where each alarms.

The golden streams are Bernoulli .1, and .3 from the middle on, drawn row by row with Python's `random.Random(7)`: on
them the figures that are known of River's detectors come back: ADWIN 111 rows after the middle of 100,000, and 127 of
1,000,000; DDM 7,027, HDDM-A 812, HDDM-W 31. What is pinned beyond those we measured ourselves, with River 0.26.1.
"""

import inspect
import random
import re
from dataclasses import dataclass, fields
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import river.drift
from numpy.typing import NDArray

import drift.detect.streaming
from drift.data.blocks import Answer, Block, Reference, ScoredBlock
from drift.detect import STREAMING, ErrorDetector, Score
from drift.detect.streaming.protocol import Losses, RowwiseDetector
from drift.errors import BlockError

REFERENCE = Reference.of_losses([0] * 9 + [1])
BY_ROW = {name: made for name, made in STREAMING.items() if issubclass(made, RowwiseDetector)}
SLOW = {"kswin"}  # whose rows cost a millisecond
RIVER = {
    "adwin": river.drift.ADWIN,
    "ddm": river.drift.binary.DDM,
    "eddm": river.drift.binary.EDDM,
    "fhddm": river.drift.binary.FHDDM,
    "hddm_a": river.drift.binary.HDDMA,
    "hddm_w": river.drift.binary.HDDMW,
    "kswin": river.drift.KSWIN,
    "page_hinkley": river.drift.PageHinkley,
}


@cache
def stepped(rows: int, *, seed: int = 7) -> tuple[int, ...]:
    """Bernoulli .1, and .3 from the middle on."""
    rng = random.Random(seed)
    return tuple(int(rng.random() < (0.1 if row < rows // 2 else 0.3)) for row in range(rows))


def varied(name: str) -> list[int]:
    """Error rates that rise and fall far enough for a detector to alarm in every direction that it knows."""
    rng, rows = np.random.default_rng(5), 480 if name in SLOW else 1_200
    rates = np.repeat([0.1, 0.8, 0.05, 0.9], rows // 4)
    return [int(wrong) for wrong in rng.random(len(rates)) < rates]


def of(name: str, **options: Any) -> ErrorDetector:
    return STREAMING[name](REFERENCE, **options)


def test_every_file_is_of_the_sweep() -> None:
    """No detector of the folder is missing from the sweep."""
    folder = Path(drift.detect.streaming.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "protocol"}
    assert files
    assert {detector.__module__.rsplit(".", 1)[1] for detector in STREAMING.values()} == files
    assert set(RIVER) <= set(STREAMING)
    assert len(STREAMING) == len(set(STREAMING.values()))


@pytest.mark.parametrize("name", STREAMING)
def test_a_question_changes_nothing(name: str) -> None:
    """Asking twice answers the same, and the blocks after are judged as if nobody had asked."""
    asked, quiet = of(name), of(name)
    for losses in np.array_split(varied(name), 25):
        block = ScoredBlock.of_losses(losses)
        first = asked.score(block)
        assert asked.score(block) == first == quiet.score(block)
        assert first.detector == name
        assert first.threshold is not None
        assert first.p_value is None
        assert first.alarm == (first.statistic >= first.threshold)
        asked.alarms(losses)
        asked.update(block)
        quiet.update(block)


@pytest.mark.parametrize("name", STREAMING)
def test_reset_forgets(name: str) -> None:
    """After a reset, a detector judges as one that was made with that reference."""
    new = Reference.of_losses([0, 0, 1])
    used, fresh = of(name), STREAMING[name](new)
    used.update(ScoredBlock.of_losses(varied(name)[:350]))
    used.reset(new)
    assert used.reference is new
    for losses in np.array_split(varied(name), 25):
        block = ScoredBlock.of_losses(losses)
        assert used.score(block) == fresh.score(block)
        used.update(block)
        fresh.update(block)


@pytest.mark.parametrize("name", STREAMING)
def test_the_same_losses_alarm_again(name: str) -> None:
    """Two detectors with the same options, and so the same seed, alarm at the same rows."""
    detector = of(name)
    first = list(detector.alarms(varied(name), block_size=20))
    assert first
    assert (
        list(detector.alarms(varied(name), block_size=20))
        == first
        == list(of(name).alarms(varied(name), block_size=20))
    )


@pytest.mark.parametrize("name", STREAMING)
def test_losses_may_be_endless(name: str) -> None:
    """Rows are read as alarms are asked for, and a plain rise is noticed."""
    rng = random.Random(3)
    endless = (int(rng.random() < (0.1 if row < 300 else 0.9)) for row in count())
    assert next(of(name).alarms(endless, block_size=20)) < 2_000


@pytest.mark.parametrize("name", STREAMING)
def test_a_block_without_labels_is_refused(name: str) -> None:
    block = ScoredBlock(
        Block(3, range(2), np.zeros((2, 1), np.float32), None, None), Answer(np.eye(2, dtype=np.float32), 1), 0.0
    )
    detector = of(name)
    for call in (detector.score, detector.update):
        with pytest.raises(BlockError, match="expected labels for block 3"):
            call(block)
    with pytest.raises(BlockError, match="expected a Reference, got list"):
        STREAMING[name]([0, 1])  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 20, 48])
@pytest.mark.parametrize("only_worse", [True, False])
@pytest.mark.parametrize("name", BY_ROW)
def test_blocks_alarm_at_the_rows_of_the_stream(name: str, only_worse: bool, size: int) -> None:
    """However the losses are cut into blocks, the same rows alarm, and the score tells them."""
    losses = varied(name)
    detector, found, counted = of(name, only_worse=only_worse), [], 0.0
    for start in range(0, len(losses), size):
        block = ScoredBlock.of_losses(losses[start : start + size])
        score = detector.score(block)
        told = [part for part in score.detail.split(", ") if part and "not counted" not in part]
        assert len(told) == score.statistic
        assert score.alarm == bool(told)
        rows = [re.fullmatch(r"error (?:rose|fell) at row (\d+) of the block", part) for part in told]
        found += [start + int(row[1]) for row in rows if row]
        counted += score.statistic
        detector.update(block)
    assert found == list(of(name, only_worse=only_worse).alarms(losses))
    assert found == list(of(name, only_worse=only_worse).alarms(np.asarray(losses), block_size=size))


@pytest.mark.parametrize("name", BY_ROW)
def test_after_an_alarm_it_begins_from_nothing(name: str) -> None:
    """The alarms after the first are those of a new detector on the rows after it."""
    losses, detector = varied(name), of(name, only_worse=False)
    first, *later = detector.alarms(losses)
    assert later
    assert later == [first + 1 + row for row in detector.alarms(losses[first + 1 :])]


@pytest.mark.parametrize("name", BY_ROW)
def test_only_rises_count(name: str) -> None:
    """Where the error falls once, nothing counts; where it rises once, something does."""
    falls = np.repeat([1, 0], 300)
    assert list(of(name).alarms(falls)) == []
    assert bool(list(of(name, only_worse=False).alarms(falls))) == (name in {"adwin", "kswin", "page_hinkley"})
    assert next(of(name).alarms(1 - falls)) >= 300


@pytest.mark.parametrize("name", RIVER)
def test_options_have_the_defaults_of_river(name: str) -> None:
    """Nothing was tuned on the way; only a seed, which River leaves open, and a law that it lacks differ."""
    theirs = inspect.signature(RIVER[name]).parameters
    ours = {option.name: option.default for option in fields(STREAMING[name])}
    options = set(ours) - {"reference", "only_worse", "seed", "exact_given_ties"}
    assert options
    assert {option: theirs[option].default for option in options} == {option: ours[option] for option in options}


def strict(name: str) -> dict[str, float]:
    """An option, so strict that nothing alarms."""
    return {
        "adwin": {"delta": 1e-300},
        "ddm": {"drift_threshold": 1e6},
        "eddm": {"beta": 1e-6},
        "fhddm": {"confidence_level": 1e-300},
        "hddm_a": {"drift_confidence": 1e-300},
        "hddm_w": {"drift_confidence": 1e-300},
        "kswin": {"alpha": 0.0},
        "page_hinkley": {"threshold": 1e6},
    }[name]


@pytest.mark.parametrize("name", RIVER)
def test_options_arrive(name: str) -> None:
    assert list(of(name, **strict(name)).alarms(varied(name))) == []


def test_the_seed_arrives() -> None:
    """Other draws of older rows, other alarms."""
    losses = varied("kswin")
    assert len({tuple(of("kswin", seed=seed).alarms(losses)) for seed in (0, 1)}) == 2


def risen(seed: int) -> NDArray[np.float64]:
    """Error .1, and .45 from row 200 to 400."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.random(200) < 0.1, rng.random(200) < 0.45]).astype(float)


def kswin_counts(*, exact_given_ties: bool) -> tuple[int, int, int, int]:
    """Streams of 25 with the rise found, and with a false alarm before; false alarms in 20,000 rows of .1 and of .3."""
    streams = [list(of("kswin", exact_given_ties=exact_given_ties).alarms(risen(seed))) for seed in range(25)]
    quiet = [
        len(list(of("kswin", exact_given_ties=exact_given_ties).alarms(losses.astype(float))))
        for losses in (np.random.default_rng(1).random(20_000) < rate for rate in (0.1, 0.3))
    ]
    found = sum(any(row >= 200 for row in rows) for rows in streams)
    return found, sum(any(row < 200 for row in rows) for rows in streams), quiet[0], quiet[1]


def test_kswin_given_the_ties_finds_what_river_s_misses() -> None:
    """The figures of decision 9; those of River's law are in the slow test after this."""
    assert kswin_counts(exact_given_ties=True) == (25, 0, 2, 20)


@pytest.mark.slow
def test_kswin_as_river_has_it_misses_half_of_the_rises() -> None:
    """The figures of decision 9: false alarms are fewer, too."""
    assert kswin_counts(exact_given_ties=False) == (12, 0, 0, 1)


def test_kswin_given_the_ties_is_river_s_without_ties() -> None:
    """With losses that are all different both laws are one; draws and restarts are River's."""
    rng = np.random.default_rng(0)
    losses = rng.random(450) * np.repeat([0.5, 1.0, 0.4], 150)
    detectors = [of("kswin", only_worse=False, exact_given_ties=exact) for exact in (True, False)]
    first, second = (list(detector.alarms(losses)) for detector in detectors)
    assert first == second
    assert len(first) >= 2


def test_the_direction_of_page_hinkley() -> None:
    """The adapter's answer is that of two one-sided detectors, which begin anew together."""
    rng = np.random.default_rng(4)
    losses = [int(wrong) for wrong in rng.random(8_000) < np.repeat([0.1, 0.6, 0.2, 0.9, 0.3, 0.1, 0.5, 0.0], 1_000)]
    expected: list[tuple[int, bool]] = []
    sides: dict[bool, river.drift.PageHinkley] = {}
    for row, loss in enumerate(losses):
        sides = sides or {up: river.drift.PageHinkley(mode="up" if up else "down") for up in (True, False)}
        for side in sides.values():
            side.update(loss)
        if any(side.drift_detected for side in sides.values()):
            expected.append((row, sides[True].drift_detected))
            sides = {}
    detector = of("page_hinkley", only_worse=False)
    assert {rose for _, rose in expected} == {True, False}
    assert list(detector.alarms(losses)) == [row for row, _ in expected]
    assert list(of("page_hinkley").alarms(losses)) == [row for row, rose in expected if rose]


def test_river_s_fhddm_alarms_at_improvement() -> None:
    """Given errors, as its documentation asks, it alarms when they become fewer, and not when they become more."""
    rises = [0] * 300 + [1] * 300
    for losses, expected in ((rises, False), (rises[::-1], True)):
        theirs, alarmed = river.drift.binary.FHDDM(), False
        for loss in losses:
            theirs.update(loss)
            alarmed = alarmed or theirs.drift_detected
        assert alarmed == expected
        assert bool(list(of("fhddm").alarms(losses))) != expected


def eddm(losses: Any, *, ddof: int, first: int) -> list[int]:
    """Rows at which EDDM alarms: the variance divides by errors - `ddof`, levels count from row `first` (from 1) on."""
    errors, alarms, begun = np.flatnonzero(losses) + 1, [], 0
    while len(errors := errors[errors > begun]):
        distances, number = np.diff(errors, prepend=begun), np.arange(1, len(errors) + 1)
        mean = np.cumsum(distances) / number
        squares = np.maximum(np.cumsum(distances**2) - number * mean**2, 0)
        level = mean + 2 * np.sqrt(squares / np.maximum(number - ddof, 1))
        level[errors - begun < first] = 0
        low = (number > 30) & (level < 0.9 * np.maximum.accumulate(level)) & (errors - begun >= first)
        if not low.any():
            break
        begun = int(errors[low.argmax()])
        alarms.append(begun - 1)
    return alarms


def test_eddm_and_its_variance() -> None:
    """With n - 1 it is River's; with n, as in MOA's source, false alarms go from 49 to 1, elsewhere from 9 to 28.

    Over 20 such streams they go from 701 to 456. MOA's `EDDM.java` counts levels from the 30th row on, River from the
    31st: no difference here.
    """
    halves = [stepped(100_000, seed=seed)[:50_000] for seed in range(20)]
    sample, population = ([eddm(half, ddof=ddof, first=31) for half in halves] for ddof in (1, 0))
    for seed in (2, 7):
        assert sample[seed] == list(of("eddm").alarms(halves[seed]))
    assert (len(sample[7]), population[7]) == (49, [430])
    assert (len(sample[2]), len(population[2])) == (9, 28)
    assert (sum(map(len, sample)), sum(map(len, population))) == (701, 456)
    more = [len(one) - len(other) for one, other in zip(sample, population, strict=True)]
    assert (sum(excess > 0 for excess in more), sum(excess < 0 for excess in more)) == (11, 2)
    assert eddm(halves[7], ddof=0, first=30) == [430]


GOLDEN = {  # rows after the middle of 100,000 at which each first alarms, and its number of alarms before it and in all
    "adwin": (111, 0, 1),
    "ddm": (557, 0, 1),
    "eddm": (667, 49, 61),
    "fhddm": (96, 0, 9),
    "hddm_a": (458, 0, 3),
    "hddm_w": (101, 0, 18),
    "page_hinkley": (205, 1, 4),
}
LONG = {"adwin": 127, "ddm": 7_027, "fhddm": 90, "hddm_a": 812, "hddm_w": 31, "page_hinkley": 171}  # of 1,000,000
MIDDLE = 500_000


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_traces(name: str) -> None:
    rows = list(of(name).alarms(stepped(100_000)))
    later = [row - 50_000 for row in rows if row >= 50_000]
    assert (later[0], len(rows) - len(later), len(rows)) == GOLDEN[name]


def test_golden_traces_of_both_directions() -> None:
    """Three more alarms of Page-Hinkley are at falls, and one of KSWIN, on a short stream of two rises and a fall."""
    assert list(of("page_hinkley").alarms(stepped(100_000))) == [20_953, 50_205, 88_383, 99_857]
    both = [20_953, 45_555, 50_205, 62_790, 72_237, 88_383, 99_857]
    assert list(of("page_hinkley", only_worse=False).alarms(stepped(100_000))) == both
    assert list(of("kswin").alarms(varied("kswin"))) == [133, 377]
    assert list(of("kswin", only_worse=False).alarms(varied("kswin"))) == [133, 257, 377]


def first_after_the_middle(name: str) -> int:
    """Rows from the middle of 1,000,000 to the first alarm after it."""
    return next(row for row in of(name).alarms(stepped(2 * MIDDLE)) if row >= MIDDLE) - MIDDLE


@pytest.mark.parametrize("name", sorted(set(LONG) - {"hddm_a", "hddm_w"}))
def test_long_golden_traces(name: str) -> None:
    assert first_after_the_middle(name) == LONG[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hddm_a", "hddm_w"])
def test_long_golden_traces_of_slow_detectors(name: str) -> None:
    """A row takes these eight microseconds."""
    assert first_after_the_middle(name) == LONG[name]


@dataclass(frozen=True)
class Evidence:
    """What `Summed` keeps."""

    total: float = 0.0


@dataclass(eq=False)
class Summed(ErrorDetector):
    """A detector of whole blocks with a frozen state: their mean losses above the accepted one, summed from below 0."""

    name: ClassVar[str] = "summed"
    limit: float = 1.0

    def _begin(self, reference: Reference) -> Evidence:
        return Evidence()

    def _step(self, state: Evidence, losses: Losses) -> tuple[Evidence, Score]:
        total = max(0.0, state.total + float(losses.mean()) - (1 - self.reference.accuracy))
        return Evidence(total), Score(self.name, total, threshold=self.limit)


def test_a_detector_of_blocks() -> None:
    """A detector that judges whole blocks, by the reference's accuracy, needs its beginning and its step alone."""
    losses = [0] * 40 + [1] * 40
    detector = Summed(REFERENCE)
    assert list(detector.alarms(losses, block_size=20)) == [79]
    assert list(detector.alarms(losses, block_size=16)) == [63, 79]
    assert list(Summed(REFERENCE, limit=0.7).alarms(losses, block_size=30)) == [79]
    assert list(Summed(Reference.of_losses([1, 1])).alarms(losses, block_size=20)) == []
    for start in range(0, 60, 20):
        detector.update(ScoredBlock.of_losses(losses[start : start + 20]))
    last = ScoredBlock.of_losses(losses[60:])
    assert detector.score(last).words == "1.8 of 1"
    detector.reset(REFERENCE)
    assert detector.score(last).words == "0.9 of 1"


def test_losses_are_of_0_or_1() -> None:
    assert Reference.of_losses([0, 0, 0, 1]).accuracy == 0.75
    block = ScoredBlock.of_losses([0, 1, 1])
    assert block.losses.tolist() == [0, 1, 1]
    assert (block.wrong, block.correct) == (2, 1)
    with pytest.raises(BlockError, match=r"expected losses of 0 or 1, got 0\.5 in row 1"):
        ScoredBlock.of_losses([0, 0.5])
