"""What is wrong with a saved detector is told in one line."""

import json
from pathlib import Path

import numpy as np
import pytest

from drift.blocks import Reference
from drift.detect import JointShift, load_detector, save_detector
from drift.errors import DataError, StateError


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
