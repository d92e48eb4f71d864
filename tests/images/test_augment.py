"""Networks compared by what they see, and the board that TensorBoard opens."""

from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from drift.datasets.images import Images
from drift.errors import UsageError
from drift.images.augment import CLEAN, PERTURBED, compare_networks, words
from drift.images.networks import train_network
from drift.images.results.tensorboard import SHOWN, TensorBoardLog
from drift.images.streams.evolution import ImagePool
from tests.images.conftest import CLASSES, Centroids, Digits, noisy


def test_a_network_that_expects_noise_sees_less_drift(digits: Digits) -> None:
    """One network's centroids are of clean images, the other's of noisy ones, and its features are blunter."""
    blunt = Centroids(0.5 * digits.network.means + 0.25)
    pixels, labels = digits.pool.pixels, digits.pool.labels
    samples = {
        CLEAN: ImagePool(pixels[500:900], labels[500:900]),
        PERTURBED: ImagePool(noisy(pixels[500:900], 0.5, 0), labels[500:900]),
    }
    found = compare_networks({"plain": digits.network, "augmented": blunt}, pixels[:500], samples, n=200)
    assert [(one.model, one.sample) for one in found] == [
        ("plain", CLEAN), ("plain", PERTURBED), ("augmented", CLEAN), ("augmented", PERTURBED),
    ]  # fmt: skip
    assert [one.drift for one in found] == [False, True, False, True]
    assert all((one.p_value <= 0.05) == (one.distance > one.threshold) for one in found)
    assert found[0].accuracy > found[1].accuracy
    sentences = words(found)
    assert sentences[0].startswith("plain: drift on perturbed images, distance")
    assert f"{found[1].accuracy:.3f} without and {found[3].accuracy:.3f} with augmentation" in sentences[-1]


def test_where_nothing_is_seen_nothing_is_trained_away(digits: Digits) -> None:
    pixels, labels = digits.pool.pixels, digits.pool.labels
    samples = {CLEAN: ImagePool(pixels[500:900], labels[500:900]), PERTURBED: ImagePool(pixels[900:], labels[900:])}
    found = compare_networks({"plain": digits.network, "other": digits.network}, pixels[:500], samples, n=200)
    assert "nothing to train away" in words(found)[2]


def test_a_board_is_of_the_network_that_is_given(
    digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that is remembered brings its own board, whatever another one has left in that folder."""
    monkeypatch.setenv("DRIFT_CACHE", str(tmp_path / "cache"))
    pixels, labels = digits.pool.pixels, digits.pool.labels
    train, validation = (Images("d", pixels[rows], labels[rows], CLASSES) for rows in (slice(0, 300), slice(300, 400)))

    def losses(seed: int) -> list[float]:
        board = tmp_path / "runs"
        train_network(
            "small", train, validation, max_epochs=2, seed=seed, board=board, tell=lambda words, done, total: None
        )
        read = EventAccumulator(str(board))
        read.Reload()
        return [event.value for event in read.Scalars("train_loss")]

    first, second = losses(1), losses(2)
    assert first != second
    assert losses(1) == first
    assert losses(1) == first
    (tmp_path / "runs" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"to be new or an earlier network's, got notes.txt in it"):
        losses(2)
    assert (tmp_path / "runs" / "notes.txt").exists()


def test_the_board_holds_what_was_written(digits: Digits, tmp_path: Path) -> None:
    """Read back as TensorBoard itself reads it."""
    pixels, labels = digits.pool.pixels[:40], digits.pool.labels[:40]
    board = TensorBoardLog(tmp_path / "board")
    for number in (1, 2):
        board.epoch(number, train_loss=1 / number, val_accuracy=0.5 * number)
        board.images("augmented", pixels, number)
    board.projector("features", digits.network.features(pixels), labels, CLASSES, pixels)
    board.close()
    read = EventAccumulator(str(tmp_path / "board"), size_guidance={"images": 0})
    read.Reload()
    tags = read.Tags()
    assert set(tags["scalars"]) == {"train_loss", "val_accuracy"}
    assert [(event.step, event.value) for event in read.Scalars("train_loss")] == [(1, 1.0), (2, 0.5)]
    assert len(tags["images"]) == SHOWN == 25
    assert {event.step for event in read.Images("augmented/25")} == {1, 2}
    (projected,) = (tmp_path / "board").glob("*/features/metadata.tsv")
    assert projected.read_text().split() == [CLASSES[label] for label in labels]
    vectors = np.loadtxt(projected.with_name("tensors.tsv"), delimiter="\t")
    assert vectors == pytest.approx(digits.network.features(pixels), rel=1e-4)
