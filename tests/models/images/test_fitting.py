"""Image networks learn in the one loop, repeat themselves, and go on after an interruption."""

from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch

from drift.datasets.images.pixels import Pixels
from drift.errors import BlockError, TrainingError, UsageError
from drift.models.fit import Epoch
from drift.models.images import ImageModel, fit_head, fit_images, new_model, recipe
from drift.models.images.resnet import ResNet18
from drift.system.threads import all_threads, one_thread
from tests.models.images.pictures import CLASSES, TRAIN, VALIDATION, Pictures, digits

KNOWN, JUDGED = digits(TRAIN), digits(VALIDATION)
OPTIONS = recipe("small", seed=0, max_epochs=4)


def fresh(seed: int = 0) -> ImageModel:
    return new_model("small", KNOWN.pixels, CLASSES, name="digits", seed=seed)


def shifted(pixels: Pixels, epoch: int, batch: int) -> Pixels:
    rows, columns = np.random.default_rng((epoch, batch)).integers(-1, 2, 2)
    return np.roll(pixels, (rows, columns), axis=(1, 2))


@pytest.mark.slow
def test_the_small_network_learns_digits_and_repeats_itself() -> None:
    models = fresh(), fresh()
    histories = [
        [(e.train_loss, e.val_loss, e.val_accuracy) for e in fit_images(model, KNOWN, JUDGED, OPTIONS, augment=shifted)]
        for model in models
    ]
    assert histories[0] == histories[1]
    assert histories[0][-1][2] > 0.93
    answers = models[0].predict(JUDGED.pixels).probabilities
    assert (answers.argmax(axis=1) == JUDGED.labels).mean() == pytest.approx(histories[0][-1][2])
    np.testing.assert_array_equal(answers, models[1].predict(JUDGED.pixels).probabilities)


def test_an_interrupted_fit_comes_out_as_one_that_was_not(tmp_path: Path) -> None:
    def interrupt(epoch: Epoch) -> bool:
        if epoch.number == 2:
            raise KeyboardInterrupt
        return True

    whole, broken, resumed = fresh(), fresh(), fresh()
    options = replace(OPTIONS, max_epochs=3)
    fit_images(whole, KNOWN, JUDGED, options, augment=shifted)
    place = tmp_path / "fit.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        fit_images(broken, KNOWN, JUDGED, options, augment=shifted, checkpoint=place, keep_going=interrupt)
    fit_images(resumed, KNOWN, JUDGED, options, augment=shifted, checkpoint=place)
    for name, part in whole.net.state_dict().items():
        assert torch.equal(part, resumed.net.state_dict()[name]), name


def test_a_head_alone_learns_on_features_that_are_kept(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    known, judged = digits(slice(0, 300)), digits(slice(300, 400))
    model = new_model("efficientnet-lite0", known.pixels, CLASSES, name="digits", seed=0, size=32)
    body = {name: part.clone() for name, part in model.net.body_state.items()}
    epochs = fit_head(model, known, judged, cache_folder=tmp_path)
    assert epochs[-1].val_accuracy > 0.6
    assert (model.predict(judged.pixels).probabilities.argmax(1) == judged.labels).mean() == pytest.approx(
        epochs[-1].val_accuracy, abs=0.011
    )
    assert all(torch.equal(part, body[name]) for name, part in model.net.body_state.items())
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.slow
def test_resnet_is_fitted_whole() -> None:
    torch.manual_seed(0)
    model = ImageModel(ResNet18(10, 32), CLASSES, "digits")
    known, judged = digits(slice(0, 200)), digits(slice(200, 240))
    before = model.net.state_dict()["conv1.weight"].clone()
    epochs = fit_images(model, known, judged, recipe("resnet18", seed=0, max_epochs=2))
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert not torch.equal(model.net.state_dict()["conv1.weight"], before)


@pytest.mark.slow
def test_time_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = count()  # each look at the clock is 10 ms later, however busy the machine is
    monkeypatch.setattr("drift.models.fit.monotonic", lambda: 0.01 * next(ticks))
    epochs = fit_images(fresh(), KNOWN, JUDGED, replace(OPTIONS, max_epochs=1_000), seconds=1.5)
    assert len(epochs) < 1_000
    assert epochs[-1].seconds == pytest.approx(1.5, abs=0.05)
    assert epochs[-1].val_accuracy > 0.2  # more than a guess


def test_read_only_pixels_and_small_labels_are_learned_from() -> None:
    pixels = KNOWN.pixels[:130].copy()
    pixels.flags.writeable = False
    labels = KNOWN.labels[:130].astype(np.int32)
    train = Pictures(pixels, labels)  # type: ignore[arg-type]
    fit_images(fresh(), train, train, replace(OPTIONS, max_epochs=1))


def test_a_loss_that_is_no_number_is_an_error() -> None:
    model = fresh()
    torch.nn.init.constant_(model.net.head.weight, float("nan"))
    with pytest.raises(TrainingError, match="no longer a number after epoch 1"):
        fit_images(model, KNOWN, JUDGED, OPTIONS)


@pytest.mark.parametrize(
    ("train", "told"),
    [
        (Pictures(KNOWN.pixels[:0], KNOWN.labels[:0]), "expected 1 image or more"),
        (Pictures(KNOWN.pixels[:9], KNOWN.labels[:8]), "a whole number for each"),
        (Pictures(KNOWN.pixels[:9], KNOWN.labels[:9] / 1), "a whole number for each"),  # type: ignore[arg-type]
        (Pictures(KNOWN.pixels[:9], KNOWN.labels[:9] - 1), "labels from 0 to 9"),
        (Pictures(KNOWN.pixels[:10], KNOWN.labels[:10] + 1), "labels from 0 to 9"),
        (Pictures(KNOWN.pixels[:9, :8], KNOWN.labels[:9]), r"expected pixels \(n, 16, 16, 1\)"),
    ],
    ids=["none", "fewer labels", "floats", "negative", "unknown", "size"],
)
def test_images_that_do_not_fit_are_one_clear_line(tmp_path: Path, train: Pictures, told: str) -> None:
    for learned, judged in ((train, JUDGED), (KNOWN, train)):
        with pytest.raises(BlockError, match=told):
            fit_images(fresh(), learned, judged, OPTIONS)
        with pytest.raises(BlockError, match=told):
            fit_head(fresh(), learned, judged, cache_folder=tmp_path)


def test_too_few_images_bad_augmentation_and_no_device_are_told() -> None:
    few = Pictures(KNOWN.pixels[:5], KNOWN.labels[:5])
    with pytest.raises(TrainingError, match="expected 8 rows or more"):
        fit_images(fresh(), few, JUDGED, OPTIONS)
    with pytest.raises(BlockError, match="expected augmented images"):
        fit_images(fresh(), KNOWN, JUDGED, OPTIONS, augment=lambda pixels, epoch, batch: pixels[1:])
    with pytest.raises(UsageError, match="got 'tpu'"):
        fit_images(fresh(), KNOWN, JUDGED, OPTIONS, device="tpu")
    with pytest.raises(UsageError, match="a network among small"):
        recipe("vgg", seed=0)


def test_all_threads_are_those_outside_of_one_thread() -> None:
    outside = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
        with all_threads():
            assert torch.get_num_threads() == outside
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == outside
