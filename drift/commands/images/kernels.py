"""`drift images kernels`: detectors side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.images import options as lab
from drift.errors import UsageError
from drift.system.devices import ComputeOptions
from drift.system.options import MORE, Option, as_options

NEEDS = ("cv2", "PIL", "albumentations", "matplotlib", "mlflow")
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

    data: lab.DataSet = "mnist"
    other_data: Annotated[str, Option("Out-of-distribution images: another data set, or a folder.")] = "fashion-mnist"
    perturbation: lab.PerturbationName = "gaussian_blur"
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
    reference_rows: lab.ReferenceRows = None


@command(needs=NEEDS)
def kernels(
    *,
    options: KernelsOptions,
    network: lab.NetworkOptions,
    output: lab.OutputOptions,
    picture: Annotated[Path | None, Option("Also write the planes to this PNG.", MORE)] = None,
    compute: ComputeOptions,
    json: o.Json = None,
) -> None:
    """Put detectors side by side on clean, perturbed and foreign images: score, p-value, and how many images they need.

    Example: drift images kernels --data mnist --other_data fashion-mnist --quick
    """
    from drift.images.detection.detector_comparison import CLEAN, compare_detectors
    from drift.images.detection.image_detectors import chosen, image_detectors
    from drift.images.embeddings import EMBEDDINGS
    from drift.images.results.logged import log_experiment, table_points
    from drift.images.results.pictures import planes_picture
    from drift.images.results.summaries import comparison_rows, text_table
    from drift.images.streams.evolution import ImagePool
    from drift.report.images import Numbers, Picture, write_images
    from drift.terminal import counting, line_width
    from drift.tracking.connection.store import connect

    if options.space not in ("features", "pixels"):
        raise UsageError(f"expected --space features or pixels, got {options.space!r}")
    compute = compute.on_device()
    watching = chosen(options.detectors or ",".join(image_detectors()), options.space)
    changes = lab.required_perturbation(options.perturbation, "put beside clean and foreign images")
    lab.require_choice("embedding", options.embedding, EMBEDDINGS)
    if picture is not None and not picture.parent.is_dir():
        raise UsageError(f"expected --picture in a folder that is there, got {picture}")
    network.require_known()
    store = connect(create=True)
    with counting() as tell:
        images = lab.images_of(options.data, tell)
        other = lab.images_of(options.other_data, tell)[1]
        parts = network.roles(images, seed=compute.seed, reference_rows=options.reference_rows, other=other)
        trained = network.trained(parts, tell, compute)
        assert isinstance(parts.out_of_distribution, ImagePool)  # noqa: S101  # another data set was asked for
        half = len(parts.pool) // 2
        clean, later = parts.pool.pixels[:half], parts.pool.pixels[half:]
        perturbed = Path(options.perturbation).stem
        foreign = other.name if other.name not in (CLEAN, perturbed) else f"foreign {other.name}"
        shifts = {
            CLEAN: clean,
            perturbed: changes(later, options.severity, compute.seed),
            foreign: parts.out_of_distribution.pixels,
        }
        comparison = compare_detectors(
            trained,
            parts.reference.pixels,
            parts.validation.pixels,
            {name: pool[:POOL_ROWS] for name, pool in shifts.items()},
            watching,
            n=options.images,
            level=options.level,
            repeats=options.repeats or (10 if network.quick else 20),
            embedding=options.embedding,
            seed=compute.seed,
            tell=tell,
        )
    columns, rows = comparison_rows(comparison)
    for line in (*text_table(columns, rows, line_width()), "", comparison.words()):
        print(line)
    figure = planes_picture(comparison, options.embedding)
    if picture is not None:
        figure.savefig(picture)
    page = write_images(
        output.page("kernels"),
        title=f"Detectors on {options.data}, {perturbed} and {foreign}",
        verdict=[comparison.words()],
        pictures=[Picture("As each detector sees them", figure, PLANES_SAY)],
        tables=[Numbers(f"{options.images} images against {comparison.reference_rows:,}", columns, rows, KERNELS_SAY)],
    )
    called = as_options(options, network, output, compute, picture=picture)
    points, figures = table_points(comparison), {"planes": figure}
    run_id = log_experiment("kernels", points, store, output.experiment, options=called, page=page, figures=figures)
    print(f"run {run_id} in experiment {output.experiment} of {store.address}")
    print(f"page: {page}")
    o.write_json(json, called, [cell.record for cell in comparison.cells], run_id=run_id)
