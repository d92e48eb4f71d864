"""Detectors side by side on clean, perturbed and foreign images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from drift.errors import UsageError
from drift.images.experiments.options import (
    DataSet,
    NetworkOptions,
    PerturbationName,
    ReferenceRows,
    images_of,
    require_choice,
    required_perturbation,
)
from drift.system.devices import ComputeOptions
from drift.system.options import MORE, Option

if TYPE_CHECKING:
    from drift.images.detection.image_detectors import ImageDetector
    from drift.images.experiments.result import ExperimentResult
    from drift.images.networks import Tell
    from drift.images.streams.evolution import Perturb

POOL_ROWS = 2_000  # of each shift, that samples are drawn from
PLANES_SAY = (
    "Each plane holds as many images of the reference as of the sample, where the detector's own distances put them;"
    " below it the p-value of the sample against the whole reference, bold and orange where the shift is seen."
)
KERNELS_SAY = (
    "Scores are in each detector's own units (MMD²; standard deviations for the fused test; the largest distance of"
    " distribution functions for the others). Images needed: the smallest of sizes from 2 to 500"
    " that shows the shift in 8 of 10 samples."
)


@dataclass(frozen=True)
class KernelsOptions:
    """What detectors are compared on, and how."""

    data: DataSet = "mnist"
    other_data: Annotated[str, Option("Out-of-distribution images: another data set, or a folder.")] = "fashion-mnist"
    perturbation: PerturbationName = "gaussian_blur"
    severity: Annotated[float, Option("Of the perturbation.", min=0, max=1)] = 0.3
    images: Annotated[int, Option("In each sample, and in each plane.", min=10)] = 100
    detectors: Annotated[
        str,
        Option(
            "mmd_KERNEL (fused, gaussian, laplacian, rational_quadratic, inverse_multiquadric), ks_pca, bbsds,"
            " untrained_autoencoder. Default: all."
        ),
    ] = ""
    space: Annotated[
        str, Option("Where the MMD tests compare: features (of the network), or pixels in units of their spread.")
    ] = "features"
    embedding: Annotated[str, Option("Of the planes: isomap, pca, tsne, umap, or pacmap.")] = "isomap"
    repeats: Annotated[
        int | None, Option("Samples of each size, for the images needed. Default: 20; 10 with --quick.", MORE, min=5)
    ] = None
    level: Annotated[float, Option("Of each test.", MORE, min=1e-4, max=0.5)] = 0.05
    reference_rows: ReferenceRows = None

    def check(self) -> None:
        """Raise `UsageError` for a space, a detector, a perturbation or an embedding that there is not."""
        from drift.images.embeddings import EMBEDDINGS

        if self.space not in ("features", "pixels"):
            raise UsageError(f"expected --space features or pixels, got {self.space!r}")
        self.watching()
        self.changes()
        require_choice("embedding", self.embedding, EMBEDDINGS)

    def watching(self) -> list[ImageDetector]:
        """The detectors of the comparison."""
        from drift.images.detection.image_detectors import chosen, image_detectors

        return chosen(self.detectors or ",".join(image_detectors()), self.space)

    def changes(self) -> Perturb:
        """The perturbation."""
        return required_perturbation(self.perturbation, "put beside clean and foreign images")


def compare_detectors_on(
    options: KernelsOptions,
    network: NetworkOptions,
    compute: ComputeOptions,
    *,
    tell: Tell,
    notice: Callable[[str], None],
) -> ExperimentResult:
    """Put detectors side by side on clean, perturbed and foreign images: score, p-value, and how many images they need.

    Args:
        options: what detectors are compared on, and how.
        network: what gives the features, and from how many images it learns.
        compute: seed and device.
        tell: is called with how far it is.
        notice: is called with every image file that was left out.

    Raises:
        UsageError: an option that cannot be met.
        DataError: images or weights that cannot be had.
    """
    from drift.images.detection.detector_comparison import CLEAN, compare_detectors
    from drift.images.experiments.result import ExperimentResult, Numbers, Picture
    from drift.images.results.pictures import planes_picture
    from drift.images.results.points import table_points
    from drift.images.results.summaries import comparison_rows
    from drift.images.streams.evolution import ImagePool

    options.check()
    images = images_of(options.data, tell, notice)
    other = images_of(options.other_data, tell, notice)[1]
    parts = network.roles(images, seed=compute.seed, reference_rows=options.reference_rows, other=other)
    trained = network.trained(parts, tell, compute)
    assert isinstance(parts.out_of_distribution, ImagePool)  # noqa: S101  # another data set was asked for
    half = len(parts.pool) // 2
    clean, later = parts.pool.pixels[:half], parts.pool.pixels[half:]
    perturbed = Path(options.perturbation).stem
    foreign = other.name if other.name not in (CLEAN, perturbed) else f"foreign {other.name}"
    shifts = {
        CLEAN: clean,
        perturbed: options.changes()(later, options.severity, compute.seed),
        foreign: parts.out_of_distribution.pixels,
    }
    comparison = compare_detectors(
        trained,
        parts.reference.pixels,
        parts.validation.pixels,
        {name: pool[:POOL_ROWS] for name, pool in shifts.items()},
        options.watching(),
        n=options.images,
        level=options.level,
        repeats=options.repeats or (10 if network.quick else 20),
        embedding=options.embedding,
        seed=compute.seed,
        tell=tell,
    )
    what = f"{options.images} images against {comparison.reference_rows:,}"
    figure = planes_picture(comparison, options.embedding)
    return ExperimentResult(
        "kernels",
        f"Detectors on {options.data}, {perturbed} and {foreign}",
        [comparison.words()],
        Numbers(what, *comparison_rows(comparison), KERNELS_SAY),
        table_points(comparison),
        [cell.record for cell in comparison.cells],
        pictures=[Picture("planes", "As each detector sees them", figure, PLANES_SAY)],
    )
