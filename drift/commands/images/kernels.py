"""`drift images kernels`: detectors side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.images import options as own
from drift.commands.images.preparing import Lesson, images_of
from drift.commands.parts import options_as_called, write_json
from drift.errors import ExitCode, UsageError
from drift.system.devices import resolve_device
from drift.system.extras import require

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


@command
def kernels(
    data: own.DataSet = "mnist",
    other_data: Annotated[
        str,
        typer.Option(
            "--other_data", help="Out-of-distribution images: another data set, or a folder.", rich_help_panel=o.MAIN
        ),
    ] = "fashion-mnist",
    perturbation: own.Perturbed = "gaussian_blur",
    severity: Annotated[
        float, typer.Option("--severity", min=0, max=1, help="Of the perturbation.", rich_help_panel=o.MAIN)
    ] = 0.3,
    images: Annotated[
        int, typer.Option("--images", min=10, help="In each sample, and in each plane.", rich_help_panel=o.MAIN)
    ] = 100,
    detectors: Annotated[
        str,
        typer.Option(
            "--detectors",
            help="mmd_KERNEL (fused, gaussian, laplacian, rational_quadratic, inverse_multiquadric), ks_pca, bbsds,"
            " untrained_autoencoder. Default: all.",
            rich_help_panel=o.MAIN,
            show_default=False,
        ),
    ] = "",
    space: Annotated[
        str,
        typer.Option(
            "--space",
            help="Where the MMD tests compare: features (of the network), or pixels in units of their spread.",
            rich_help_panel=o.MAIN,
        ),
    ] = "features",
    embedding: Annotated[
        str,
        typer.Option("--embedding", help="Of the planes: isomap, pca, tsne, umap, or pacmap.", rich_help_panel=o.MAIN),
    ] = "isomap",
    repeats: Annotated[
        int | None,
        typer.Option(
            "--repeats",
            min=5,
            help="Samples of each size, for the images needed. Default: 20; 10 with --quick.",
            rich_help_panel=o.MORE,
            show_default=False,
        ),
    ] = None,
    level: Annotated[
        float, typer.Option("--level", min=1e-4, max=0.5, help="Of each test.", rich_help_panel=o.MORE)
    ] = 0.05,
    reference_rows: own.ReferenceRows = None,
    network: own.NetworkName = "small",
    weights: own.Weights = None,
    train_rows: own.TrainRows = None,
    max_epochs: own.MaxEpochs = None,
    quick: own.Quick = False,
    mlflow_experiment_name: o.Experiment = "drift-images",
    html: own.Html = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            "--picture", help="Also write the planes to this PNG.", rich_help_panel=o.MORE, show_default=False
        ),
    ] = None,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    json: o.Json = None,
    verbose: o.Verbose = False,
) -> ExitCode:
    """Put detectors side by side on clean, perturbed and foreign images: score, p-value, and how many images they need.

    Example: drift images kernels --data mnist --other_data fashion-mnist --quick
    """
    require("cv2", "PIL", "albumentations", "matplotlib", "mlflow")
    from drift.images.detection.detector_comparison import CLEAN, compare_detectors
    from drift.images.detection.image_detectors import chosen, image_detectors
    from drift.images.embeddings import EMBEDDINGS
    from drift.images.experiments import perturb_by
    from drift.images.results.logged import log_table
    from drift.images.results.pictures import planes_picture
    from drift.images.results.summaries import comparison_rows, text_table
    from drift.images.streams.evolution import ImagePool
    from drift.report.images import Numbers, Picture, write_images
    from drift.terminal import counting, line_width
    from drift.tracking.connection.store import connect

    if space not in ("features", "pixels"):
        raise UsageError(f"expected --space features or pixels, got {space!r}")
    device = resolve_device(device)
    options = options_as_called(kernels, locals())
    watching = chosen(detectors or ",".join(image_detectors()), space)
    changes = perturb_by(perturbation)
    if changes is None:
        raise UsageError("expected a --perturbation to put beside clean and foreign images, got none")
    if embedding not in EMBEDDINGS:
        raise UsageError(f"expected --embedding {', '.join(EMBEDDINGS)}; got {embedding!r}")
    if picture is not None and not picture.parent.is_dir():
        raise UsageError(f"expected --picture in a folder that is there, got {picture}")
    lesson = Lesson(network, weights, train_rows, max_epochs, quick, seed, device)
    store = connect(create=True)
    with counting() as tell:
        images_of_data = images_of(data, tell)
        other = images_of(other_data, tell)[1]
        parts = lesson.parts(images_of_data, reference_rows=reference_rows, other=other)
        trained = lesson.learn(parts, tell)
        assert isinstance(parts.out_of_distribution, ImagePool)  # noqa: S101  # another data set was asked for
        half = len(parts.pool) // 2
        clean, later = parts.pool.pixels[:half], parts.pool.pixels[half:]
        perturbed = Path(perturbation).stem
        foreign = other.name if other.name not in (CLEAN, perturbed) else f"foreign {other.name}"
        shifts = {CLEAN: clean, perturbed: changes(later, severity, seed), foreign: parts.out_of_distribution.pixels}
        found = compare_detectors(
            trained,
            parts.reference.pixels,
            parts.validation.pixels,
            {name: pool[:POOL_ROWS] for name, pool in shifts.items()},
            watching,
            n=images,
            level=level,
            repeats=repeats or (10 if quick else 20),
            embedding=embedding,
            seed=seed,
            tell=tell,
        )
    columns, rows = comparison_rows(found)
    for line in (*text_table(columns, rows, line_width()), "", found.words()):
        print(line)
    figure = planes_picture(found, embedding)
    if picture is not None:
        figure.savefig(picture)
    page = write_images(
        html or own.page_of("kernels"),
        title=f"Detectors on {data}, {perturbed} and {foreign}",
        verdict=[found.words()],
        pictures=[Picture("As each detector sees them", figure, PLANES_SAY)],
        tables=[Numbers(f"{images} images against {found.reference_rows:,}", columns, rows, KERNELS_SAY)],
    )
    run_id = log_table(found, store, mlflow_experiment_name, options=options, page=page, figure=figure)
    print(f"run {run_id} in experiment {mlflow_experiment_name} of {store.address}")
    print(f"page: {page}")
    write_json(json, options, [cell.record for cell in found.cells], run_id=run_id)
    return ExitCode.DONE
