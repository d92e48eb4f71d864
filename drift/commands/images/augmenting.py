"""`drift images augment`: does augmentation train drift away?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.images import options as lab
from drift.errors import UsageError
from drift.invocation import shell_words
from drift.system.devices import ComputeOptions
from drift.system.options import MORE, Option, as_options

NEEDS = ("cv2", "PIL", "albumentations", "matplotlib", "mlflow", "tensorboard")
SEEN_SAYS = (
    "Features of the network's last layer; distance is MMD² with a Gaussian kernel at the median distance,"
    " threshold and p-value by permutations. Clean test images differ from training images, too, where a network knows"
    " these by heart. Accuracy is of all test images."
)


@dataclass(frozen=True)
class AugmentOptions:
    """What is trained away, and how long."""

    data: lab.DataSet = "cifar-10"
    perturbation: lab.PerturbationName = "cifar10_augmentation"
    images: Annotated[int, Option("On each side of the drift test.", min=20)] = 500
    level: Annotated[float, Option("Of the test.", MORE, min=1e-4, max=0.5)] = 0.05
    minutes: Annotated[
        float | None, Option("Most time to train each of the two networks. Default: 20; 1 with --quick.", min=0.1)
    ] = None


@command(needs=NEEDS)
def augment(
    *,
    options: AugmentOptions,
    network: lab.NetworkOptions,
    tensorboard: Annotated[Path, Option("Folder for TensorBoard, one below it for each network.", MORE)] = Path("runs"),
    output: lab.OutputOptions,
    compute: ComputeOptions,
    json: o.Json = None,
) -> None:
    """Train one network without and one with augmentation, and test what each sees of perturbed test images for drift.

    Example: drift images augment --data cifar-10 --quick
    """
    from drift.images.augment import CLEAN, PERTURBED, compare_networks, words
    from drift.images.results.logged import log_experiment, sample_points
    from drift.images.results.summaries import sample_rows, text_table
    from drift.images.streams.evolution import ImagePool
    from drift.report.images import Numbers, markdown, write_images
    from drift.system.disk import write_at_once
    from drift.terminal import counting, line_width
    from drift.tracking.connection.store import connect

    compute = compute.on_device()
    changes = lab.required_perturbation(options.perturbation, "augment with")
    if output.html is not None and output.html.suffix == ".md":
        raise UsageError(f"expected --html to name a page, got {output.html}: Markdown is written beside it")
    minutes = options.minutes or (1 if network.quick else 20)
    network.require_known()
    store = connect(create=True)
    with counting() as tell:
        parts = network.roles(lab.images_of(options.data, tell), seed=compute.seed, reference_rows=100)
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
    columns, rows = sample_rows(seen)
    epochs = " and ".join(f"{model.epochs} {name}" for name, model in trained.items())
    sentences = [*words(seen), f"epochs in {minutes:g} min at most for each network: {epochs}"]
    for line in (*text_table(columns, rows, line_width()), "", *sentences):
        print(line)
    title = f"Augmentation and drift on {options.data}"
    compared = min(options.images, len(parts.train)), min(test.n for test in seen)
    what = f"{compared[0]:,} training images against {compared[1]:,} of each sample"
    tables = [Numbers(what, columns, rows, SEEN_SAYS)]
    page = write_images(output.page("augment"), title=title, verdict=sentences, tables=tables)
    text = page.with_suffix(".md")
    write_at_once(text, markdown(title, sentences, tables).encode())
    called = as_options(options, network, output, compute, tensorboard=str(tensorboard))
    points = sample_points(seen)
    run_id = log_experiment("augment", points, store, output.experiment, options=called, page=page, text=text)
    print(f"run {run_id} in experiment {output.experiment} of {store.address}")
    print(f"TensorBoard: {shell_words('tensorboard', '--logdir', tensorboard)}")
    print(f"page: {page}, and {text.name} beside it")
    records = [asdict(test) | {"epochs": trained[test.model].epochs} for test in seen]
    o.write_json(json, called, records, run_id=run_id)
