"""A ramp of drift, what it costs, and which detector notices it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from drift.images.experiments.options import (
    DataSet,
    NetworkOptions,
    PerturbationName,
    ReferenceRows,
    images_of,
    require_choice,
)
from drift.system.devices import ComputeOptions
from drift.system.options import MORE, Option, split_names

if TYPE_CHECKING:
    from drift.images.experiments.result import ExperimentResult
    from drift.images.networks import Tell

RAMP_SAYS = (
    "Above, images of each batch as they degrade. The orange line is where 5 points of accuracy are lost beyond what"
    " chance explains: an alarm on it or left of it, once severity is above 0, came in time. A diamond is a detector's"
    " first alarm. harm sees labels, the others images alone."
)
BATCHES_SAY = (
    "Of detectors of images: p-values. Of harm: how many batches one would wait for so much evidence by chance, of"
    " those promised to a false alarm; it adds up over batches, also over those where nothing is lost any more."
    " ⚑ is an alarm."
)


@dataclass(frozen=True)
class SimulateOptions:
    """What drifts, how, and who is to notice."""

    data: DataSet = "mnist"
    perturbation: PerturbationName = "gaussian_blur"
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
    reference_rows: ReferenceRows = None

    def check(self) -> None:
        """Raise `UsageError` for a ramp, a detector or a perturbation that there is not."""
        from drift.images.detection.image_detectors import chosen
        from drift.images.networks import perturb_by
        from drift.images.streams.evolution import RAMPS

        require_choice("ramp", self.ramp, RAMPS)
        chosen(self.detectors)
        perturb_by(self.perturbation)

    def severities(self) -> tuple[float, ...]:
        """Of each batch, in [0, 1]."""
        from drift.images.streams.evolution import RAMPS

        ramp = RAMPS[self.ramp]
        return tuple(
            ramp(index, self.batches, start=self.start, severity=self.severity, period=self.period)
            for index in range(self.batches)
        )

    def changes(self) -> str:
        """What is done to the images, in words."""
        from drift.images.networks import NONE

        words = [self.perturbation] if self.perturbation != NONE else []
        words += [f"new classes {self.new_classes}"] if self.new_classes else []
        words += [f"images of {self.other_data}"] if self.other_data else []
        words += [f"{self.relabel} called otherwise"] if self.relabel else []
        return " and ".join(words) or "nothing"


def simulate_drift(
    options: SimulateOptions,
    network: NetworkOptions,
    compute: ComputeOptions,
    *,
    tell: Tell,
    notice: Callable[[str], None],
    rows: Path | None = None,
) -> ExperimentResult:
    """Train a network, let its images drift batch by batch, and see what is lost and which detector notices when.

    Args:
        options: what drifts, how, and who is to notice.
        network: what learns, and from how many images.
        compute: seed and device.
        tell: is called with how far it is.
        notice: is called with every image file that was left out.
        rows: also write every image's answer, label and simple features to this CSV or Parquet file.

    Raises:
        UsageError: an option that cannot be met.
        DataError: images or weights that cannot be had.
    """
    from drift.images.detection.image_detectors import chosen
    from drift.images.experiments.result import ExperimentResult, Numbers, Picture, Tile
    from drift.images.networks import perturb_by
    from drift.images.results.pictures import ramp_picture
    from drift.images.results.points import ramp_points
    from drift.images.results.summaries import batch_records, batch_rows, ramp_words
    from drift.images.rows import table_of, write_rows
    from drift.images.setup import relabelled
    from drift.images.streams.evolution import Evolution
    from drift.images.streams.simulate import simulate

    options.check()
    images = images_of(options.data, tell, notice)
    other = images_of(options.other_data, tell, notice)[1] if options.other_data else None
    parts = network.roles(
        images,
        seed=compute.seed,
        reference_rows=options.reference_rows,
        new_classes=split_names(options.new_classes),
        other=other,
    )
    evolution = Evolution(
        parts.pool,
        options.severities(),
        options.batch_size,
        perturb=perturb_by(options.perturbation),
        out_of_distribution=parts.out_of_distribution,
        most_strange=options.most_strange,
        relabelled=relabelled(options.relabel, parts.classes),
        seed=compute.seed,
    )
    trained = network.trained(parts, tell, compute)
    simulated = simulate(
        trained,
        evolution,
        parts.reference,
        parts.validation.pixels,
        chosen(options.detectors),
        classes=parts.classes,
        level=options.level,
        seed=compute.seed,
        tell=lambda batch: tell("batches", batch + 1, options.batches),
    )
    if rows is not None:
        write_rows(table_of(trained, evolution, parts.reference, classes=parts.classes), rows)
    figure = ramp_picture(simulated, [evolution.batch(index).pixels[:3] for index in range(options.batches)])
    return ExperimentResult(
        "simulate",
        f"{options.data}: {options.changes()}, {options.ramp}",
        ramp_words(simulated),
        Numbers("Batch by batch", *batch_rows(simulated), BATCHES_SAY),
        ramp_points(simulated),
        batch_records(simulated),
        tiles=[
            Tile("accepted accuracy", f"{simulated.accepted:.3f}", f"{simulated.reference_rows:,} test images"),
            Tile("in the last batch", f"{simulated.batches[-1].accuracy:.3f}"),
            Tile("5 points lost", "never" if simulated.lost_at is None else f"batch {simulated.lost_at}"),
        ],
        pictures=[Picture("ramp", "The ramp", figure, RAMP_SAYS)],
        summary={
            "accepted_accuracy": simulated.accepted,
            "level": simulated.level,
            "drifts_at": simulated.drifts_at,
            "lost_at": simulated.lost_at,
            "first_alarms": {name: simulated.first_alarm(name) for name in simulated.detectors},
        },
    )
