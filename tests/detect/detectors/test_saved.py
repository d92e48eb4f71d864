"""What is wrong with a saved detector is told in one line."""

import json
from pathlib import Path

import numpy as np
import pytest

from drift.data.blocks import Reference, ScoredBlock
from drift.detect import JointShift, load_detector, save_detector
from drift.errors import BlockError, DataError, StateError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    reference = Reference(
        rng.normal(size=(50, 2)).astype(np.float32), np.zeros(50, np.int64), np.ones((50, 1), np.float32), ("a", "b")
    )
    return save_detector(JointShift(reference, ignore=("b",), kernel="laplacian"), tmp_path / "saved")


def test_options_come_back(folder: Path) -> None:
    found = load_detector(folder)
    assert isinstance(found, JointShift)
    assert (found.ignore, found.kernel, found.watched) == (("b",), "laplacian", ("a",))
    card = json.loads((folder / "detector.json").read_text())
    assert card["format"] == 1
    assert card["drift"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2, "drift": "9.1"}, "expected a detector of format 1 or less.*got 2, written by drift 9.1: update"),
        ({"detector": "magic"}, "expected a detector among accuracy, classifier, .*got 'magic'"),
        ({"options": {"level": 0.1, "colour": 3}}, "expected options level, .*got colour"),
        ({"options": 3}, "got none that can be read"),
    ],
)
def test_a_card_that_does_not_fit(folder: Path, change: dict[str, object], words: str) -> None:
    card = folder / "detector.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | change))
    with pytest.raises(DataError, match=words):
        load_detector(folder)


def test_damaged_or_missing_files(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected a saved detector in .*nowhere"):
        load_detector(tmp_path / "nowhere")
    tensors = folder / "reference.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:100])
    with pytest.raises(DataError, match="expected the detector's reference"):
        load_detector(folder)
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="the detector cannot be written"):
        save_detector(
            JointShift(Reference(np.zeros((2, 1), np.float32), np.zeros(2, np.int64), np.ones((2, 1), np.float32))),
            tmp_path / "file",
        )


def test_arrays_in_any_order_of_memory_come_back(tmp_path: Path) -> None:
    """A data frame gives columns one after the other: a file of rows must not take them for rows."""
    rng = np.random.default_rng(0)
    features = np.asfortranarray(rng.normal(size=(40, 6)).astype(np.float32))[:, ::2]
    found = load_detector(save_detector(JointShift(Reference.of_features(features)), str(tmp_path / "saved")))
    np.testing.assert_array_equal(found.reference.features, features)


def test_what_a_detector_is_made_from_is_checked(folder: Path) -> None:
    reference = load_detector(folder).reference
    with pytest.raises(BlockError, match="expected a Reference, got ndarray"):
        JointShift(reference.features)  # type: ignore[arg-type]
    with pytest.raises(BlockError, match="expected a level between 0 and 1, got 2"):
        JointShift(reference, level=2)
    with pytest.raises(BlockError, match=r"expected kernel fused, gaussian.*got 'zz'"):
        JointShift(reference, kernel="zz")
    with pytest.raises(BlockError, match=r"expected features \(n, d\), labels"):
        Reference(reference.features, reference.labels[:3], reference.probabilities)
    with pytest.raises(BlockError, match="expected 2 features, as in the reference; got shape"):
        JointShift(reference).score(ScoredBlock.of_features(np.zeros((9, 3), np.float32)))
    with pytest.raises(DataError, match="expected options that fit the detector"):
        card = folder / "detector.json"
        card.write_text(card.read_text().replace('"level": 0.01', '"level": 7'))
        load_detector(folder)
