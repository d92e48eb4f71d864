"""Detectors side by side, and where images lie as each of them sees them."""

import re
import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from drift.errors import BlockError, MissingPackageError, UsageError
from drift.images.detection.detector_comparison import CLEAN, DetectorComparison, compare_detectors
from drift.images.detection.image_detectors import chosen
from drift.images.embeddings import EMBEDDINGS, embed, euclidean, kernel_distances
from drift.images.results.pictures import planes_picture
from drift.images.results.summaries import comparison_rows
from tests.images.conftest import Digits, noisy


@pytest.fixture(scope="module")
def table(digits: Digits) -> DetectorComparison:
    pixels = digits.pool.pixels
    shifts = {CLEAN: pixels[300:600], "noise": noisy(pixels[600:900], 0.3, 0), "inverted": 255 - pixels[600:900]}
    detectors = chosen("mmd_fused,mmd_laplacian,bbsds,ks_pca")
    return compare_detectors(digits.network, pixels[:300], digits.known, shifts, detectors, n=40, repeats=8)


@pytest.mark.slow
def test_shifts_are_seen_and_the_clean_half_is_not(table: DetectorComparison) -> None:
    for name in table.detectors:
        assert table.cell(name, CLEAN).p_value > 0.05
        assert table.cell(name, "inverted").p_value < 0.01
        assert table.cell(name, CLEAN).needed is None
    assert table.cell("mmd_fused", "inverted").needed in (2, 3, 5)
    assert set(table.cells[0].record) == {"detector", "shift", "n", "statistic", "p_value", "needed"}


def test_the_words_say_which_is_easier(table: DetectorComparison) -> None:
    needs = {shift: [table.cell(name, shift).needed for name in table.detectors] for shift in ("noise", "inverted")}
    assert None not in needs["inverted"]
    assert "inverted is easier to see than noise" in table.words()
    assert f"{np.median([n for n in needs['inverted'] if n]):.0f} images to see inverted" in table.words()


def test_what_no_sample_shows_is_said_with_the_size_that_was_tried(digits: Digits) -> None:
    """Of a pool of 60 images no more than 50 are tried, and a level below 1 in 1,001 can be reached."""
    pixels = digits.pool.pixels
    shifts = {CLEAN: pixels[300:360], "nothing": pixels[360:420], "inverted": 255 - pixels[420:480]}
    found = compare_detectors(
        digits.network, pixels[:300], digits.known, shifts, chosen("mmd_gaussian"), n=40, level=0.0005, repeats=5,
        embedding=None,
    )  # fmt: skip
    assert found.cell("mmd_gaussian", "nothing").needed is None
    assert found.cell("mmd_gaussian", "nothing").tried == 50
    needed = found.cell("mmd_gaussian", "inverted").needed
    assert needed is not None
    assert (
        f"more than 50 images to see nothing in 8 of 10 samples, and {needed} images to see inverted" in found.words()
    )
    assert f"more than {50 / needed:.2g} times as many for nothing" in found.words()
    assert comparison_rows(found)[1][0][5] == "over 50"


def test_the_picture_has_a_plane_for_every_cell(table: DetectorComparison) -> None:
    figure = planes_picture(table, "isomap")
    assert len(figure.axes) == 3 * 4
    assert {len(axes.collections) for axes in figure.axes} == {2}
    assert [axes.get_title() for axes in figure.axes[:4]] == ["MMD fused", "MMD laplacian", "bbsds", "ks pca"]


def test_kernel_distances_are_those_of_the_kernel(digits: Digits) -> None:
    """Of the Gaussian kernel with the median distance: sqrt(2 - 2 exp(-d² / 2 h²))."""
    rows = digits.network.features(digits.pool.pixels[:30])
    plain = cdist(rows.astype(np.float64), rows.astype(np.float64))
    median = np.median(plain[np.triu_indices(30, 1)])
    expected = np.sqrt(2 - 2 * np.exp(-(plain**2) / (2 * median**2)))
    assert kernel_distances(rows, "gaussian") == pytest.approx(expected, abs=1e-7)
    fused = kernel_distances(rows, "fused")
    assert (fused == fused.T).all()
    assert (np.diag(fused) == 0).all()


@pytest.mark.parametrize(
    "method",
    [pytest.param(name, marks=[pytest.mark.slow] if name in ("umap", "pacmap") else []) for name in EMBEDDINGS],
)  # the two compile themselves for half a minute
def test_what_is_apart_stays_apart(method: str, digits: Digits) -> None:
    """Two groups far from each other lie apart on the plane, whatever the method."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(size=(30, 5)), rng.normal(20, size=(30, 5))]).astype(np.float32)
    plane = embed(euclidean(rows), method)
    assert plane.shape == (60, 2)
    assert (embed(euclidean(rows), method) == plane).all()
    centres = plane[:30].mean(axis=0), plane[30:].mean(axis=0)
    nearer = [np.linalg.norm(plane - centre, axis=1) for centre in centres]
    assert ((nearer[0] < nearer[1]) == (np.arange(60) < 30)).mean() > 0.95


def test_principal_components_of_distances_are_those_of_coordinates() -> None:
    rows = np.random.default_rng(1).normal(scale=[5, 2, 0.1, 0.1], size=(40, 4)).astype(np.float32)
    plane = embed(euclidean(rows), "pca")
    values = np.sort(np.linalg.eigvalsh(np.cov(rows.T)))[::-1][:2]
    assert plane.var(axis=0, ddof=1) == pytest.approx(values, rel=1e-4)


@pytest.mark.parametrize(("method", "package"), [("umap", "umap"), ("pacmap", "pacmap")])
def test_a_method_that_is_not_installed_says_how(method: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    line = f"{package} is not installed: pip install 'drift-loop[embeddings]', or take --embedding isomap"
    with pytest.raises(MissingPackageError, match=re.escape(line)):
        embed(np.ones((30, 30)) - np.eye(30), method)


def test_what_cannot_be_embedded_is_refused(digits: Digits) -> None:
    with pytest.raises(UsageError, match="expected an embedding among isomap"):
        embed(np.zeros((30, 30)), "guess")
    with pytest.raises(BlockError, match="expected 20 points or more to embed, got 3"):
        embed(np.zeros((3, 3)))
    with pytest.raises(BlockError, match="expected 50 images of few or more, got 10"):
        compare_detectors(
            digits.network,
            digits.pool.pixels[:100],
            digits.known,
            {"few": digits.pool.pixels[:10]},
            chosen("bbsds"),
            n=50,
        )
