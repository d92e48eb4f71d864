"""`drift images simulate`: a ramp of drift, what it costs, and who notices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.images import options as lab
from drift.invocation import command_line, shell_words
from drift.loop.options import split_names
from drift.system.devices import ComputeOptions
from drift.system.options import MORE, Option, as_options

NEEDS = ("cv2", "PIL", "albumentations", "matplotlib", "mlflow")
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


@dataclass(frozen=True)
class SimulateOptions:
    """What drifts, how, and who is to notice."""

    data: lab.DataSet = "mnist"
    perturbation: lab.PerturbationName = "gaussian_blur"
    ramp: Annotated[str, Option("How severity goes over the batches: gradual, sudden, recurring, or clean (none).")] = (
        "gradual"
    )
    severity: Annotated[float, Option("At its strongest.", min=0, max=1)] = 1.0
    start: Annotated[float, Option("Share of the batches before it begins.", MORE, min=0, max=1)] = 0.25
    period: Annotated[int, Option("Batches that a recurring drift stays.", MORE, min=1)] = 5
    batches: Annotated[int, Option("That come.", min=2)] = 20
    batch_size: Annotated[int, Option("Images in each.", min=2)] = 100
    new_classes: Annotated[
        str, Option("Data evolution: classes that the network is not shown, mixed in as severity grows; such as 8,9.")
    ] = ""
    other_data: Annotated[str, Option("Data evolution: another data set (or folder), mixed in as severity grows.")] = ""
    most_strange: Annotated[
        float, Option("Share of a batch that is mixed in at severity 1.", MORE, min=0.01, max=1)
    ] = 0.5
    relabel: Annotated[
        str, Option("Concept drift: classes that are called otherwise as severity grows, OLD:NEW; such as 3:5,5:3.")
    ] = ""
    detectors: Annotated[
        str,
        Option(
            "mmd_KERNEL (fused, gaussian, laplacian, rational_quadratic, inverse_multiquadric; on the network's"
            " features), bbsds, ks_pca, untrained_autoencoder; harm, which sees labels, stands beside them.",
            MORE,
        ),
    ] = "mmd_fused,bbsds,ks_pca,untrained_autoencoder"
    level: Annotated[
        float,
        Option(
            "Chance of any false alarm on the whole ramp, for each detector of images; harm, which sees labels, raises"
            " one in 200 batches at most.",
            MORE,
            min=1e-4,
            max=0.5,
        ),
    ] = 0.01
    reference_rows: lab.ReferenceRows = None


@command(needs=NEEDS)
def simulate(
    *,
    options: SimulateOptions,
    network: lab.NetworkOptions,
    output: lab.OutputOptions,
    rows: Annotated[
        Path | None,
        Option(
            "Also write every image's answer, truth and simple features to this CSV or Parquet file, for drift monitor"
            " ingest."
        ),
    ] = None,
    compute: ComputeOptions,
    json: o.Json = None,
) -> None:
    """Train a network, let its images drift batch by batch, and see what is lost and which detector notices when.

    Example: drift images simulate --perturbation gaussian_blur --quick
    """
    from drift.images.detection.image_detectors import chosen
    from drift.images.experiments import perturb_by
    from drift.images.results.logged import log_experiment, ramp_points
    from drift.images.results.pictures import ramp_picture
    from drift.images.results.summaries import batch_records, batch_rows, ramp_words, text_table
    from drift.images.rows import table_of, write_rows
    from drift.images.setup import relabelled
    from drift.images.streams.evolution import RAMPS, Evolution
    from drift.images.streams.simulate import simulate as run
    from drift.report.images import Numbers, Picture, Tile, write_images
    from drift.terminal import counting, line_width
    from drift.tracking.connection.store import connect

    lab.require_choice("ramp", options.ramp, RAMPS)
    compute = compute.on_device()
    watching = chosen(options.detectors)
    changes = perturb_by(options.perturbation)
    severities = tuple(
        RAMPS[options.ramp](
            index, options.batches, start=options.start, severity=options.severity, period=options.period
        )
        for index in range(options.batches)
    )
    network.require_known()
    store = connect(create=True)
    with counting() as tell:
        images = lab.images_of(options.data, tell)
        other = lab.images_of(options.other_data, tell)[1] if options.other_data else None
        parts = network.roles(
            images,
            seed=compute.seed,
            reference_rows=options.reference_rows,
            new_classes=split_names(options.new_classes),
            other=other,
        )
        evolution = Evolution(
            parts.pool,
            severities,
            options.batch_size,
            perturb=changes,
            out_of_distribution=parts.out_of_distribution,
            most_strange=options.most_strange,
            relabelled=relabelled(options.relabel, parts.classes),
            seed=compute.seed,
        )
        learned = network.trained(parts, tell, compute)
        simulated = run(
            learned,
            evolution,
            parts.reference,
            parts.validation.pixels,
            watching,
            classes=parts.classes,
            level=options.level,
            seed=compute.seed,
            tell=lambda batch: tell("batches", batch + 1, options.batches),
        )
    ingredients = [options.perturbation] if changes else []
    ingredients += [f"new classes {options.new_classes}"] if options.new_classes else []
    ingredients += [f"images of {options.other_data}"] if options.other_data else []
    ingredients += [f"{options.relabel} called otherwise"] if options.relabel else []
    if rows is not None:
        write_rows(table_of(learned, evolution, parts.reference, classes=parts.classes), rows)
    sentences, (columns, lines) = ramp_words(simulated), batch_rows(simulated)
    for line in (*text_table(columns, lines, line_width()), "", *sentences):
        print(line)
    figure = ramp_picture(simulated, [evolution.batch(index).pixels[:3] for index in range(options.batches)])
    page = write_images(
        output.page("simulate"),
        title=f"{options.data}: {' and '.join(ingredients) or 'nothing'}, {options.ramp}",
        verdict=sentences,
        tiles=[
            Tile("accepted accuracy", f"{simulated.accepted:.3f}", f"{simulated.reference_rows:,} test images"),
            Tile("in the last batch", f"{simulated.batches[-1].accuracy:.3f}"),
            Tile("5 points lost", "never" if simulated.lost_at is None else f"batch {simulated.lost_at}"),
        ],
        pictures=[Picture("The ramp", figure, RAMP_SAYS)],
        tables=[Numbers("Batch by batch", columns, lines, BATCHES_SAY)],
    )
    called = as_options(options, network, output, compute, rows=rows)
    points, figures = ramp_points(simulated), {"ramp": figure}
    run_id = log_experiment("simulate", points, store, output.experiment, options=called, page=page, figures=figures)
    print(f"run {run_id} in experiment {output.experiment} of {store.address}")
    print(f"page: {page}")
    if rows is not None:
        print(f"rows: {rows}; next: {command_line('monitor ingest')} {shell_words(rows)} {FOR_THE_MONITOR}")
    summary = {
        "accepted_accuracy": simulated.accepted,
        "level": simulated.level,
        "drifts_at": simulated.drifts_at,
        "lost_at": simulated.lost_at,
        "first_alarms": {name: simulated.first_alarm(name) for name in simulated.detectors},
    }
    o.write_json(json, called, batch_records(simulated), run_id=run_id, summary=summary)
