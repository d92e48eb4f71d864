"""Networks trained without and with augmentation, and what each sees of perturbed images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from drift.images.experiments.options import DataSet, NetworkOptions, PerturbationName, images_of, required_perturbation
from drift.system.devices import ComputeOptions
from drift.system.options import MORE, Option

if TYPE_CHECKING:
    from drift.images.experiments.result import ExperimentResult
    from drift.images.networks import Tell
    from drift.images.streams.evolution import Perturb

SEEN_SAYS = (
    "Features of the network's last layer; distance is MMD² with a Gaussian kernel at the median distance,"
    " threshold and p-value by permutations. Clean test images differ from training images, too, where a network knows"
    " these by heart. Accuracy is of all test images."
)


@dataclass(frozen=True)
class AugmentOptions:
    """What is trained away, and how long."""

    data: DataSet = "cifar-10"
    perturbation: PerturbationName = "cifar10_augmentation"
    images: Annotated[int, Option("On each side of the drift test.", min=20)] = 500
    level: Annotated[float, Option("Of the test.", MORE, min=1e-4, max=0.5)] = 0.05
    minutes: Annotated[
        float | None, Option("Most time to train each of the two networks. Default: 20; 1 with --quick.", min=0.1)
    ] = None

    def check(self) -> None:
        """Raise `UsageError` for a perturbation that there is not."""
        self.changes()

    def changes(self) -> Perturb:
        """The perturbation."""
        return required_perturbation(self.perturbation, "augment with")


def compare_augmentation(
    options: AugmentOptions,
    network: NetworkOptions,
    compute: ComputeOptions,
    *,
    tensorboard: Path,
    tell: Tell,
    notice: Callable[[str], None],
) -> ExperimentResult:
    """Train one network without and one with augmentation, and test what each sees of perturbed test images for drift.

    Args:
        options: what is trained away, and how long.
        network: what learns, and from how many images.
        compute: seed and device.
        tensorboard: folder for TensorBoard, one below it for each network.
        tell: is called with how far it is.
        notice: is called with every image file that was left out.

    Raises:
        UsageError: an option that cannot be met.
        DataError: images or weights that cannot be had.
    """
    from drift.images.augment import CLEAN, PERTURBED, compare_networks, words
    from drift.images.experiments.result import ExperimentResult, Numbers
    from drift.images.results.points import sample_points
    from drift.images.results.summaries import sample_rows
    from drift.images.streams.evolution import ImagePool

    changes = options.changes()
    minutes = options.minutes or (1 if network.quick else 20)
    parts = network.roles(images_of(options.data, tell, notice), seed=compute.seed, reference_rows=100)
    trained = {}
    for name, hook in (("without augmentation", None), ("with augmentation", changes)):
        trained[name] = network.trained(
            parts, tell, compute, epochs=20, seconds=60 * minutes, augment=hook,
            augmented_by=options.perturbation if hook else "", whole=True,
            board=tensorboard / name.replace(" ", "-"), words=f"training {name}",
        )  # fmt: skip
    samples = {
        CLEAN: parts.pool,
        PERTURBED: ImagePool(changes(parts.pool.pixels, 1.0, compute.seed), parts.pool.labels),
    }
    seen = compare_networks(
        trained, parts.train.pixels, samples, n=options.images, level=options.level, seed=compute.seed
    )
    epochs = " and ".join(f"{model.epochs} {name}" for name, model in trained.items())
    compared = min(options.images, len(parts.train)), min(test.n for test in seen)
    what = f"{compared[0]:,} training images against {compared[1]:,} of each sample"
    return ExperimentResult(
        "augment",
        f"Augmentation and drift on {options.data}",
        [*words(seen), f"epochs in {minutes:g} min at most for each network: {epochs}"],
        Numbers(what, *sample_rows(seen), SEEN_SAYS),
        sample_points(seen),
        [asdict(test) | {"epochs": trained[test.model].epochs} for test in seen],
    )
