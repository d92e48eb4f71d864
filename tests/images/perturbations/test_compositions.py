"""Compositions of Albumentations, from code, from files, and the one by name."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drift.errors import UsageError
from drift.images.perturbations import PERTURBATIONS, FromAlbumentations
from drift.images.perturbations.compositions import library
from drift.images.perturbations.named import named_perturbation
from tests.images.pictures import digits, photographs

A: Any = library()


def test_neither_a_network_nor_the_library_is_asked_for_without_need() -> None:
    """It is imported for compositions alone, and then looks for no newer version of itself."""
    code = (
        "import sys, urllib.request\n"
        "def asked(*a, **k): raise SystemExit('the network was asked')\n"
        "urllib.request.OpenerDirector.open = asked\n"
        "import numpy as np, drift.images.perturbations.named as images\n"
        "images.named_perturbation('rotation')(np.zeros((2, 8, 8, 1), np.uint8), 1, seed=0)\n"
        "assert 'albumentations' not in sys.modules\n"
        "images.named_perturbation('cifar10_augmentation')(np.zeros((2, 8, 8, 1), np.uint8), 1, seed=0)\n"
        "assert 'albumentations' in sys.modules"
    )
    environment = {key: value for key, value in os.environ.items() if key != "NO_ALBUMENTATIONS_UPDATE"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_severity_is_the_share_of_images() -> None:
    """Which are the same ones at a higher severity, changed in the same way."""
    given = photographs(600, 8)
    inverted = FromAlbumentations(A.GaussNoise(std_range=(0.2, 0.3), p=1))
    before = np.zeros(600, bool)
    for severity in (0.2, 0.5, 0.8, 1.0):
        changed = inverted(given, severity, seed=1)
        touched = (changed != given).any(axis=(1, 2, 3))
        assert touched.mean() == pytest.approx(severity, abs=0.07)
        assert not (before & ~touched).any()
        np.testing.assert_array_equal(changed[touched], inverted(given, 1.0, seed=1)[touched])
        before = touched
    assert before.all()


def test_a_composition_keeps_its_own_probability_and_state() -> None:
    """Its p is of the images that it is applied to; its own generator is neither used nor changed."""
    given = photographs(400, 8)
    composition = A.Compose([A.HorizontalFlip(p=0.25)], seed=5)
    state = composition.random_generator.bit_generator.state
    flips = FromAlbumentations(composition)
    changed = flips(given, 1.0, seed=1)
    assert (changed != given).any(axis=(1, 2, 3)).mean() == pytest.approx(0.25, abs=0.08)
    np.testing.assert_array_equal(flips(given, 1.0, seed=1), changed)
    assert composition.random_generator.bit_generator.state == state


@pytest.mark.parametrize(("ending", "written_as"), [("json", "json"), ("yaml", "yaml"), ("yml", "yaml")])
def test_what_was_saved_comes_back(tmp_path: Path, ending: str, written_as: str) -> None:
    """By the name of its file, to the same images."""
    composition = A.Compose([A.Rotate(limit=(-30, 30), p=0.7), A.OneOf([A.HorizontalFlip(p=1), A.VerticalFlip(p=1)])])
    path = tmp_path / f"garden.{ending}"
    A.save(composition, path, data_format=written_as)
    loaded = named_perturbation(str(path))
    assert loaded.name == "garden"
    expected = FromAlbumentations(composition, "garden")(photographs(30), 0.9, seed=2)
    np.testing.assert_array_equal(loaded(photographs(30), 0.9, seed=2), expected)
    assert (expected != photographs(30)).any()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{", "JSONDecodeError"),
        ("[1]", "TypeError"),
        ("{}", "KeyError, 'transform'"),
        ('{"transform": {"__class_fullname__": "Rotat", "p": 1}}', "KeyError, 'Rotat'"),
        ('{"transform": {"__class_fullname__": "Rotate", "limits": 3, "p": 1}}', "limits"),
        ('{"transform": {"__class_fullname__": "Rotate", "limit": "x", "p": 1}}', "limit"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, written: str, said: str) -> None:
    """A misspelt option too, of which the library itself would only warn."""
    path = tmp_path / "bad.json"
    path.write_text(written)
    with pytest.raises(UsageError, match=r"hold a composition as albumentations\.save writes it, in JSON") as refused:
        named_perturbation(str(path))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_neither_name_nor_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected one of .*gaussian_blur.*large_image_shift.* got blurr"):
        named_perturbation("blurr")
    with pytest.raises(UsageError, match=r"missing\.yaml: No such file"):
        named_perturbation(str(tmp_path / "missing.yaml"))
    with pytest.raises(UsageError, match="expected a transform or composition of albumentations, got str"):
        FromAlbumentations("rotate")


@pytest.mark.parametrize(
    ("composition", "said"),
    [
        (A.Resize(16, 16), r"to give images of shape \(32, 32, 3\) and uint8, as it took; got \(16, 16, 3\)"),
        (A.Normalize(), "and float32: leave resizing and scaling to the model"),
        (A.CenterCrop(64, 64, pad_if_needed=False), r"to take images of shape \(32, 32, 3\)"),
    ],
)
def test_compositions_that_change_more_than_values_are_refused(composition: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        FromAlbumentations(composition)(photographs(2), 1.0, seed=0)
    assert "\n" not in str(refused.value)


def test_the_assignments_brightness_and_contrast_are_factors() -> None:
    """Outside of the holes 100 becomes 150, and a tenth of the way to the mean, which contrast keeps."""
    given = np.full((50, 32, 32, 3), 100, np.uint8)
    changed = PERTURBATIONS["cifar10_augmentation"]()(given, 1.0, seed=1)
    for image in changed:
        assert np.median(image[4:-4, 4:-4]) == pytest.approx(0.9 * 150 + 0.1 * image.mean(), abs=1.5)


def test_the_assignments_holes_are_two_of_eight_by_eight() -> None:
    """Counted in the middle of white images, where they are the only thing that is dark."""
    given = np.full((200, 96, 96, 1), 150, np.uint8)
    changed = PERTURBATIONS["cifar10_augmentation"]()(given, 1.0, seed=1)[..., 0]
    dark = (changed < 100)[:, 8:-8, 8:-8].sum(axis=(1, 2))
    assert dark.max() == 128
    assert (dark == 128).mean() > 0.4  # the others lie at the edge, or one on the other


def test_the_assignment_augments_and_perturbs() -> None:
    """Half of the images stay as they were at 0.5, and digits are taken as well as photographs."""
    augment = PERTURBATIONS["cifar10_augmentation"]()
    for given in (photographs(300), digits(300)):
        touched = (augment(given, 0.5, seed=1) != given).any(axis=(1, 2, 3))
        assert touched.mean() == pytest.approx(0.5, abs=0.1)
        assert (augment(given, 0.5, seed=1) != augment(given, 0.5, seed=2)).any()
