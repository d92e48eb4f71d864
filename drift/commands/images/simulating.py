"""`drift images simulate`: a ramp of drift, what it costs, and who notices."""

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
from drift.invocation import command_line, shell_words
from drift.system.devices import resolve_device
from drift.system.extras import require

RAMP_SAYS = (
    "Above, images of each batch as they degrade. The orange line is where 5 points of accuracy are lost beyond what"
    " chance explains: an alarm on it or left of it, once severity is above 0, came in time. A diamond is a detector's"
    " first alarm. harm sees labels, the others images alone."
)
FOR_THE_MONITOR = (
    "--monitor images --prediction predicted --truth truth --probability confidence --key row --batch batch"
)
BATCHES_SAY = (
    "Of detectors of images: p-values. Of harm: how many batches one would wait for so much evidence by chance, of"
    " those promised to a false alarm; it adds up over batches, also over those where nothing is lost any more."
    " ⚑ is an alarm."
)


@command
def simulate(
    data: own.DataSet = "mnist",
    perturbation: own.Perturbed = "gaussian_blur",
    ramp: Annotated[
        str,
        typer.Option(
            "--ramp",
            help="How severity goes over the batches: gradual, sudden, recurring, or clean (none).",
            rich_help_panel=o.MAIN,
        ),
    ] = "gradual",
    severity: Annotated[
        float, typer.Option("--severity", min=0, max=1, help="At its strongest.", rich_help_panel=o.MAIN)
    ] = 1.0,
    start: Annotated[
        float,
        typer.Option("--start", min=0, max=1, help="Share of the batches before it begins.", rich_help_panel=o.MORE),
    ] = 0.25,
    period: Annotated[
        int,
        typer.Option("--period", min=1, help="Batches that a recurring drift stays.", rich_help_panel=o.MORE),
    ] = 5,
    batches: Annotated[int, typer.Option("--batches", min=2, help="That come.", rich_help_panel=o.MAIN)] = 20,
    batch_size: Annotated[
        int, typer.Option("--batch_size", min=2, help="Images in each.", rich_help_panel=o.MAIN)
    ] = 100,
    new_classes: Annotated[
        str,
        typer.Option(
            "--new_classes",
            help="Data evolution: classes that the network is not shown, mixed in as severity grows; such as 8,9.",
            rich_help_panel=o.MAIN,
        ),
    ] = "",
    other_data: Annotated[
        str,
        typer.Option(
            "--other_data",
            help="Data evolution: another data set (or folder), mixed in as severity grows.",
            rich_help_panel=o.MAIN,
        ),
    ] = "",
    most_strange: Annotated[
        float,
        typer.Option(
            "--most_strange",
            min=0.01,
            max=1,
            help="Share of a batch that is mixed in at severity 1.",
            rich_help_panel=o.MORE,
        ),
    ] = 0.5,
    relabel: Annotated[
        str,
        typer.Option(
            "--relabel",
            help="Concept drift: classes that are called otherwise as severity grows, OLD:NEW; such as 3:5,5:3.",
            rich_help_panel=o.MAIN,
        ),
    ] = "",
    detectors: Annotated[
        str,
        typer.Option(
            "--detectors",
            help="mmd_KERNEL (fused, gaussian, laplacian, rational_quadratic, inverse_multiquadric; on the network's"
            " features), bbsds, ks_pca, untrained_autoencoder; harm, which sees labels, stands beside them.",
            rich_help_panel=o.MORE,
        ),
    ] = "mmd_fused,bbsds,ks_pca,untrained_autoencoder",
    level: Annotated[
        float,
        typer.Option(
            "--level",
            min=1e-4,
            max=0.5,
            help="Chance of any false alarm on the whole ramp, for each detector of images; harm, which sees labels,"
            " raises one in 200 batches at most.",
            rich_help_panel=o.MORE,
        ),
    ] = 0.01,
    reference_rows: own.ReferenceRows = None,
    network: own.NetworkName = "small",
    weights: own.Weights = None,
    train_rows: own.TrainRows = None,
    max_epochs: own.MaxEpochs = None,
    quick: own.Quick = False,
    mlflow_experiment_name: o.Experiment = "drift-images",
    html: own.Html = None,
    rows: Annotated[
        Path | None,
        typer.Option(
            "--rows",
            help="Also write every image's answer, truth and simple features to this CSV or Parquet file, for drift"
            " monitor ingest.",
            rich_help_panel=o.MAIN,
            show_default=False,
        ),
    ] = None,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    json: o.Json = None,
    verbose: o.Verbose = False,
) -> ExitCode:
    """Train a network, let its images drift batch by batch, and see what is lost and which detector notices when.

    Example: drift images simulate --perturbation gaussian_blur --quick
    """
    require("cv2", "PIL", "albumentations", "matplotlib", "mlflow")
    from drift.images.detection.image_detectors import chosen
    from drift.images.experiments import perturb_by
    from drift.images.results.logged import log_ramp
    from drift.images.results.pictures import ramp_picture
    from drift.images.results.summaries import batch_records, batch_rows, ramp_words, text_table
    from drift.images.rows import table_of, write_rows
    from drift.images.setup import relabelled
    from drift.images.streams.evolution import Evolution
    from drift.images.streams.ramps import RAMPS
    from drift.images.streams.simulate import simulate as run
    from drift.report.images import Numbers, Picture, Tile, write_images
    from drift.terminal import counting, line_width
    from drift.tracking.connection.store import connect

    if ramp not in RAMPS:
        raise UsageError(f"expected --ramp {', '.join(RAMPS)}; got {ramp!r}")
    device = resolve_device(device)
    options = options_as_called(simulate, locals())
    watching = chosen(detectors)
    changes = perturb_by(perturbation)
    severities = tuple(
        RAMPS[ramp](index, batches, start=start, severity=severity, period=period) for index in range(batches)
    )
    lesson = Lesson(network, weights, train_rows, max_epochs, quick, seed, device)
    store = connect(create=True)
    with counting() as tell:
        images = images_of(data, tell)
        strange = [name.strip() for name in new_classes.split(",") if name.strip()]
        other = images_of(other_data, tell)[1] if other_data else None
        parts = lesson.parts(images, reference_rows=reference_rows, new_classes=strange, other=other)
        evolution = Evolution(
            parts.pool,
            severities,
            batch_size,
            perturb=changes,
            out_of_distribution=parts.out_of_distribution,
            most_strange=most_strange,
            relabelled=relabelled(relabel, parts.classes),
            seed=seed,
        )
        learned = lesson.learn(parts, tell)
        found = run(
            learned,
            evolution,
            parts.reference.pixels,
            parts.reference.labels,
            parts.validation.pixels,
            watching,
            classes=parts.classes,
            level=level,
            seed=seed,
            tell=lambda batch: tell("batches", batch + 1, batches),
        )
    ingredients = [perturbation] if changes else []
    ingredients += [f"new classes {new_classes}"] if new_classes else []
    ingredients += [f"images of {other_data}"] if other_data else []
    ingredients += [f"{relabel} called otherwise"] if relabel else []
    if rows is not None:
        accepted = parts.reference
        write_rows(table_of(learned, evolution, accepted.pixels, accepted.labels, classes=parts.classes), rows)
    sentences, (columns, lines) = ramp_words(found), batch_rows(found)
    for line in (*text_table(columns, lines, line_width()), "", *sentences):
        print(line)
    figure = ramp_picture(found, [evolution.batch(index).pixels[:3] for index in range(batches)])
    page = write_images(
        html or own.page_of("simulate"),
        title=f"{data}: {' and '.join(ingredients) or 'nothing'}, {ramp}",
        verdict=sentences,
        tiles=[
            Tile("accepted accuracy", f"{found.accepted:.3f}", f"{found.reference_rows:,} test images"),
            Tile("in the last batch", f"{found.batches[-1].accuracy:.3f}"),
            Tile("5 points lost", "never" if found.lost_at is None else f"batch {found.lost_at}"),
        ],
        pictures=[Picture("The ramp", figure, RAMP_SAYS)],
        tables=[Numbers("Batch by batch", columns, lines, BATCHES_SAY)],
    )
    run_id = log_ramp(found, store, mlflow_experiment_name, options=options, page=page, figure=figure)
    print(f"run {run_id} in experiment {mlflow_experiment_name} of {store.address}")
    print(f"page: {page}")
    if rows is not None:
        print(f"rows: {rows}; next: {command_line('monitor ingest')} {shell_words(rows)} {FOR_THE_MONITOR}")
    summary = {
        "accepted_accuracy": found.accepted,
        "level": found.level,
        "drifts_at": found.drifts_at,
        "lost_at": found.lost_at,
        "first_alarms": {name: found.first_alarm(name) for name in found.detectors},
    }
    write_json(json, options, batch_records(found), run_id=run_id, summary=summary)
    return ExitCode.DONE
