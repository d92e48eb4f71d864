"""`drift images augment`: does augmentation train drift away?"""

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
from drift.invocation import shell_words
from drift.system.devices import resolve_device
from drift.system.extras import require

SEEN_SAYS = (
    "Features of the network's last layer; distance is MMD² with a Gaussian kernel at the median distance,"
    " threshold and p-value by permutations. Clean test images differ from training images, too, where a network knows"
    " these by heart. Accuracy is of all test images."
)


@command
def augment(
    data: own.DataSet = "cifar-10",
    perturbation: own.Perturbed = "cifar10_augmentation",
    images: Annotated[
        int,
        typer.Option("--images", min=20, help="On each side of the drift test.", rich_help_panel=o.MAIN),
    ] = 500,
    level: Annotated[
        float, typer.Option("--level", min=1e-4, max=0.5, help="Of the test.", rich_help_panel=o.MORE)
    ] = 0.05,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            min=0.1,
            help="Most time to train each of the two networks. Default: 20; 1 with --quick.",
            rich_help_panel=o.MAIN,
            show_default=False,
        ),
    ] = None,
    network: own.NetworkName = "small",
    weights: own.Weights = None,
    train_rows: own.TrainRows = None,
    max_epochs: own.MaxEpochs = None,
    quick: own.Quick = False,
    mlflow_experiment_name: o.Experiment = "drift-images",
    tensorboard: Annotated[
        Path,
        typer.Option(
            "--tensorboard", help="Folder for TensorBoard, one below it for each network.", rich_help_panel=o.MORE
        ),
    ] = Path("runs"),
    html: own.Html = None,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    json: o.Json = None,
    verbose: o.Verbose = False,
) -> ExitCode:
    """Train one network without and one with augmentation, and test what each sees of perturbed test images for drift.

    Example: drift images augment --data cifar-10 --quick
    """
    require("cv2", "PIL", "albumentations", "matplotlib", "mlflow", "tensorboard")
    from dataclasses import asdict

    from drift.images.augment import CLEAN, PERTURBED, compare_networks, words
    from drift.images.experiments import perturb_by
    from drift.images.results.logged import log_augment
    from drift.images.results.summaries import sample_rows, text_table
    from drift.images.streams.evolution import ImagePool
    from drift.report.images import Numbers, markdown, write_images
    from drift.system.disk import write_at_once
    from drift.terminal import counting, line_width
    from drift.tracking.connection.store import connect

    device = resolve_device(device)
    options = options_as_called(augment, locals()) | {"tensorboard": str(tensorboard)}
    changes = perturb_by(perturbation)
    if changes is None:
        raise UsageError("expected a --perturbation to augment with, got none")
    if html is not None and html.suffix == ".md":
        raise UsageError(f"expected --html to name a page, got {html}: Markdown is written beside it")
    had = minutes or (1 if quick else 20)
    lesson = Lesson(network, weights, train_rows, max_epochs, quick, seed, device)
    store = connect(create=True)
    with counting() as tell:
        parts = lesson.parts(images_of(data, tell), reference_rows=100)
        trained = {}
        for name, hook in (("without augmentation", None), ("with augmentation", changes)):
            trained[name] = lesson.learn(
                parts,
                tell,
                epochs=20,
                seconds=60 * had,
                augment=hook,
                augmented_by=perturbation if hook else "",
                whole=True,
                board=tensorboard / name.replace(" ", "-"),
                words=f"training {name}",
            )
        samples = {CLEAN: parts.pool, PERTURBED: ImagePool(changes(parts.pool.pixels, 1.0, seed), parts.pool.labels)}
        seen = compare_networks(trained, parts.train.pixels, samples, n=images, level=level, seed=seed)
    columns, rows = sample_rows(seen)
    epochs = " and ".join(f"{made.epochs} {name}" for name, made in trained.items())
    sentences = [*words(seen), f"epochs in {had:g} min at most for each network: {epochs}"]
    for line in (*text_table(columns, rows, line_width()), "", *sentences):
        print(line)
    title = f"Augmentation and drift on {data}"
    compared = min(images, len(parts.train)), min(one.n for one in seen)
    what = f"{compared[0]:,} training images against {compared[1]:,} of each sample"
    tables = [Numbers(what, columns, rows, SEEN_SAYS)]
    page = write_images(html or own.page_of("augment"), title=title, verdict=sentences, tables=tables)
    text = page.with_suffix(".md")
    write_at_once(text, markdown(title, sentences, tables).encode())
    run_id = log_augment(seen, store, mlflow_experiment_name, options=options, page=page, text=text)
    print(f"run {run_id} in experiment {mlflow_experiment_name} of {store.address}")
    print(f"TensorBoard: {shell_words('tensorboard', '--logdir', tensorboard)}")
    print(f"page: {page}, and {text.name} beside it")
    write_json(json, options, [asdict(one) | {"epochs": trained[one.model].epochs} for one in seen], run_id=run_id)
    return ExitCode.DONE
