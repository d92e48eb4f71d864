"""Every check crossed with every perturbation, the shifts of "Failing Loudly" among them."""

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drift.images.perturbations
from drift.datasets.images.pixels import Pixels
from drift.errors import BlockError, UsageError
from drift.images.perturbations import PERTURBATIONS, Perturbation
from drift.images.perturbations.failing_loudly import FAILING_LOUDLY
from drift.images.perturbations.named import named_perturbation
from tests.images.pictures import digits, distance, photographs

ALL: dict[str, Perturbation] = {name: made() for name, made in PERTURBATIONS.items()} | FAILING_LOUDLY
KINDS = {"digits": digits, "photographs": photographs}
SIZES = [(0, 28, 28, 1), (1, 28, 28, 1), (3, 8, 8, 1), (3, 8, 8, 3), (2, 9, 31, 3), (2, 64, 40, 3)]


def images(shape: tuple[int, ...]) -> Pixels:
    return np.random.default_rng(5).integers(0, 256, size=shape, dtype=np.uint8)


def test_every_class_of_every_file_is_of_the_sweep() -> None:
    """What has `perturbed` is registered by its name, but for the one that needs a composition."""
    folder = Path(drift.images.perturbations.__file__).parent
    files = sorted(set(folder.glob("*.py")) - {folder / "__init__.py", folder / "protocol.py"})
    assert len(files) >= 6
    written = {
        node.name
        for path in files
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and any(getattr(part, "name", "") == "perturbed" for part in node.body)
    }
    assert written - {"FromAlbumentations"} == {made.__name__ for made in PERTURBATIONS.values()}
    assert len(PERTURBATIONS) == len(written) - 1 >= 12
    assert len(ALL) == len(PERTURBATIONS) + 6


@pytest.mark.parametrize("name", ALL)
def test_its_name_finds_it(name: str) -> None:
    """The command line's word is the registry's and the perturbation's own."""
    assert ALL[name].name == name
    assert named_perturbation(name).name == name


@pytest.mark.parametrize("shape", SIZES, ids=str)
@pytest.mark.parametrize("name", ALL)
def test_shape_and_type_stay(name: str, shape: tuple[int, ...]) -> None:
    """No image, one, grey, colour, small, oblong: the same shape and type come back, and the given ones stay."""
    given = images(shape)
    before = given.copy()
    for severity in (0.3, 1.0):
        changed = ALL[name](given, severity, seed=1)
        assert changed.shape == shape
        assert changed.dtype == np.uint8
        assert not np.shares_memory(changed, given)
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize("name", ALL)
def test_a_single_pixel_is_an_image(name: str) -> None:
    """Except for holes of 8 x 8, which say so."""
    if name == "cifar10_augmentation":
        with pytest.raises(UsageError, match=r"expected cifar10_augmentation to take images of shape \(1, 1, 1\)"):
            ALL[name](images((1, 1, 1, 1)), 1.0, seed=1)
    else:
        assert ALL[name](images((1, 1, 1, 1)), 1.0, seed=1).shape == (1, 1, 1, 1)


@pytest.mark.parametrize("name", ALL)
def test_no_severity_changes_nothing(name: str) -> None:
    """Bit for bit, and still in new memory."""
    given = photographs(20)
    same = ALL[name](given, 0.0, seed=1)
    np.testing.assert_array_equal(same, given)
    assert not np.shares_memory(same, given)


@pytest.mark.parametrize("name", ALL)
def test_a_tiny_severity_is_possible(name: str) -> None:
    """Nothing divides by it, and next to nothing changes."""
    given = photographs(20)
    assert distance(ALL[name](given, 1e-9, seed=1), given) <= (4 if name in FAILING_LOUDLY else 0.01)  # ceil: one image


@pytest.mark.parametrize("name", ALL)
def test_the_seed_decides(name: str) -> None:
    """The same seed gives the same images, another one others, and both change what they were given."""
    given = photographs(20)
    once = ALL[name](given, 0.7, seed=3)
    np.testing.assert_array_equal(ALL[name](given, 0.7, seed=3), once)
    assert (ALL[name](given, 0.7, seed=4) != once).any()
    assert (once != given).any()


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_an_image_depends_on_nothing_beside_it(name: str) -> None:
    """Fewer images, other images, and images worked on in several parts leave image i as it is."""
    given = photographs(100, 64)
    assert given.size > drift.images.perturbations.protocol.VALUES_AT_ONCE
    whole = ALL[name](given, 0.6, seed=3)
    np.testing.assert_array_equal(ALL[name](given[:90], 0.6, seed=3), whole[:90])
    others = given.copy()
    others[::2] = 255 - others[::2]
    np.testing.assert_array_equal(ALL[name](others, 0.6, seed=3)[1::2], whole[1::2])


@pytest.mark.parametrize("name", ALL)
def test_images_are_perturbed_each_in_its_way(name: str) -> None:
    """The same image many times over gives different ones."""
    changed = ALL[name](np.repeat(photographs(1), 12, axis=0), 1.0, seed=3)
    assert len({image.tobytes() for image in changed}) >= 11


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ALL)
def test_severity_grows(name: str, kind: str) -> None:
    """With the same seed, mean distances from the original grow with severity."""
    given = KINDS[kind](100)
    far = [distance(ALL[name](given, severity, seed=3), given) for severity in (0, 0.25, 0.5, 0.75, 1)]
    assert far == sorted(far)
    assert min(np.diff(far)) > 0.005 * far[-1]


@pytest.mark.parametrize("name", ALL)
def test_a_ramp_goes_smoothly(name: str) -> None:
    """Another severity with the same seed is nearer than another seed with the same severity."""
    given = photographs(60)
    here = ALL[name](given, 0.6, seed=3)
    assert distance(here, ALL[name](given, 0.63, seed=3)) < 0.6 * distance(here, ALL[name](given, 0.6, seed=4))


@pytest.mark.parametrize("name", ALL)
def test_the_strongest_leaves_something(name: str) -> None:
    """No image is of one colour afterwards."""
    changed = ALL[name](photographs(100), 1.0, seed=3)
    assert changed.reshape(100, -1).std(axis=1).min() > 2


@pytest.mark.parametrize("name", ALL)
def test_views_are_taken_as_they_are(name: str) -> None:
    """Axes that were moved (channels first, as networks have them) change nothing."""
    given = photographs(6)
    moved = np.moveaxis(np.ascontiguousarray(np.moveaxis(given, 3, 1)), 1, 3)
    np.testing.assert_array_equal(ALL[name](moved, 0.8, seed=2), ALL[name](given, 0.8, seed=2))


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.zeros((2, 8, 8, 3)), "got float64"),
        ([[1, 2]], "got list"),
        (np.zeros((2, 8, 8), np.uint8), r"got \(2, 8, 8\)"),
        (np.zeros((2, 3, 8, 8), np.uint8), r"got \(2, 3, 8, 8\)"),
        (np.zeros((2, 8, 0, 3), np.uint8), r"got \(2, 8, 0, 3\)"),
    ],
)
@pytest.mark.parametrize("name", ALL)
def test_other_arrays_are_refused(name: str, pixels: Any, said: str) -> None:
    """One line: expected, got, what to do."""
    with pytest.raises(BlockError, match=said) as refused:
        ALL[name](pixels, 0.5, seed=0)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("severity", [-0.1, 1.01, float("nan")])
@pytest.mark.parametrize("name", ALL)
def test_other_severities_are_refused(name: str, severity: float) -> None:
    """Also of no images, and so is a negative seed."""
    with pytest.raises(UsageError, match=r"expected a severity from 0 .* to 1"):
        ALL[name](images((0, 8, 8, 3)), severity, seed=0)
    with pytest.raises(UsageError, match="expected a seed of 0 or more, got -1"):
        ALL[name](images((1, 8, 8, 3)), 0.5, seed=-1)
