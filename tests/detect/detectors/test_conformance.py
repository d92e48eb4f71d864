"""Every check crossed with every detector."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

import drift.detect.detectors
from drift.data.blocks import Answer, Block, Floats, Reference, ScoredBlock
from drift.detect import DETECTORS, FixedReference, load_detector, save_detector
from drift.errors import SmallReferenceWarning

NAMES = ("a", "b", "c")
SLOW = {"mmd", "energy", "classifier"}  # whose scores cost 10 ms or more


def rows(rng: np.random.Generator, n: int, *, shift: float = 0.0) -> tuple[Floats, np.ndarray, Floats]:
    """Features, labels that a logistic rule gives, and that rule's probabilities; `shift` moves all three."""
    features = rng.normal(size=(n, 3)).astype(np.float32) + np.float32(shift)
    yes = 1 / (1 + np.exp(-features[:, 0]))
    labels = (rng.random(n) < (yes if not shift else 1 - yes)).astype(np.int64)
    return features, labels, np.column_stack([1 - yes, yes]).astype(np.float32)


def reference_of(rng: np.random.Generator, n: int = 4_000) -> Reference:
    features, labels, probabilities = rows(rng, n)
    return Reference(features, labels, probabilities, NAMES, ("no", "yes"))


def scored_of(rng: np.random.Generator, n: int = 200, *, shift: float = 0.0) -> ScoredBlock:
    features, labels, probabilities = rows(rng, n, shift=shift)
    return ScoredBlock(Block(0, range(n), features, labels, None), Answer(probabilities, 1), 0.0)


def test_every_file_is_a_detector_of_the_sweep() -> None:
    """One file, one detector, and none that the sweep does not find."""
    folder = Path(drift.detect.detectors.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "protocol", "saved"}
    assert len(files) >= 7
    assert {detector.__module__.rsplit(".", 1)[1] for detector in DETECTORS.values()} == files
    assert len(DETECTORS) == len(files)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_question_changes_nothing(name: str) -> None:
    """The same block gets the same score twice, also after an update with it."""
    rng = np.random.default_rng(1)
    detector, block = DETECTORS[name](reference_of(rng)), scored_of(rng)
    first = detector.score(block)
    detector.update(block)
    assert detector.score(block) == first
    assert first.detector == detector.name == name
    assert first.p_value is not None
    assert 0 < first.p_value <= 1


@pytest.mark.parametrize("name", DETECTORS)
def test_reset_takes_the_new_reference(name: str) -> None:
    """After a reset, the detector scores as one that was made with that reference."""
    rng = np.random.default_rng(2)
    old, new, block = reference_of(rng), reference_of(rng, 2_000), scored_of(rng, shift=0.3)
    detector = DETECTORS[name](old)
    detector.reset(new)
    assert detector.score(block) == DETECTORS[name](new).score(block)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name == "features")) for name in sorted(set(DETECTORS) - SLOW)],
)
def test_level(name: str) -> None:
    """Without drift and with independent rows, alarms come at most at the level (99.9 % binomial bound)."""
    rng, runs = np.random.default_rng(3), 1_000
    detector = DETECTORS[name](reference_of(rng, 20_000))
    alarms = sum(detector.score(scored_of(rng, 100)).alarm for _ in range(runs))
    assert alarms <= binom.ppf(0.999, runs, 0.01)


@pytest.mark.parametrize("reference_rows", [40, pytest.param(800, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.filterwarnings("ignore::drift.errors.SmallReferenceWarning")
def test_level_over_references(name: str, reference_rows: int) -> None:
    """The reference is a sample, too: with a fresh one each time, alarms still come at most at the level."""
    rng, runs = np.random.default_rng(7), 40 if name in SLOW else 600
    alarms = 0
    for _ in range(runs):
        alarms += DETECTORS[name](reference_of(rng, reference_rows)).score(scored_of(rng, 60)).alarm
    assert alarms <= binom.ppf(0.999, runs, 0.01)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("name", sorted(SLOW))
@pytest.mark.filterwarnings("ignore::drift.errors.SmallReferenceWarning")
def test_level_of_slow_detectors(name: str) -> None:
    """As above, a thousand times."""
    rng, runs = np.random.default_rng(11), 1_000
    alarms = sum(DETECTORS[name](reference_of(rng, 400)).score(scored_of(rng, 60)).alarm for _ in range(runs))
    assert alarms <= binom.ppf(0.999, runs, 0.01)


@pytest.mark.parametrize("name", DETECTORS)
def test_power(name: str) -> None:
    """A plain drift is noticed in nearly every block."""
    rng, runs = np.random.default_rng(4), 10 if name in SLOW else 50
    detector = DETECTORS[name](reference_of(rng))
    assert sum(detector.score(scored_of(rng, shift=1.0)).alarm for _ in range(runs)) >= 0.95 * runs


@pytest.mark.parametrize("name", DETECTORS)
def test_saved_and_loaded_it_scores_the_same(name: str, tmp_path: Path) -> None:
    """Options, names and reference come back; nothing in the folder is a pickle."""
    rng = np.random.default_rng(5)
    detector, block = DETECTORS[name](reference_of(rng, 2_000), level=0.03), scored_of(rng, shift=0.2)
    again = load_detector(save_detector(detector, tmp_path / "saved"))
    assert type(again) is type(detector)
    assert again.level == 0.03
    assert again.reference.feature_names == NAMES
    assert again.score(block) == detector.score(block)
    assert {path.name for path in (tmp_path / "saved").iterdir()} == {"detector.json", "reference.safetensors"}


@pytest.mark.parametrize("name", DETECTORS)
def test_a_small_reference_is_warned_of(name: str) -> None:
    rng = np.random.default_rng(6)
    with pytest.warns(SmallReferenceWarning, match="the reference has 300 rows, fewer than 10 blocks of 60"):
        DETECTORS[name](reference_of(rng, 300)).score(scored_of(rng, 60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DETECTORS[name](reference_of(rng, 600)).score(scored_of(rng, 60))


@pytest.mark.parametrize("name", DETECTORS)
def test_what_moved_is_told(name: str) -> None:
    """The detail of detectors that watch features names the one that moved; those may be ignored."""
    rng = np.random.default_rng(8)
    reference, block = reference_of(rng), scored_of(rng)
    block.block.features[:, 1] += 2
    detector: FixedReference = DETECTORS[name](reference)
    if not hasattr(detector, "ignore"):
        assert detector.score(block).detail
        return
    found = detector.score(block)
    assert found.alarm
    assert found.detail == "b"
    assert not DETECTORS[name](reference, ignore=("b",)).score(block).alarm  # type: ignore[call-arg]
