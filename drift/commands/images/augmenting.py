"""`drift images augment`: does augmentation train drift away?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.images.output import OutputOptions, left_out
from drift.errors import UsageError
from drift.images.experiments.augment import AugmentOptions, compare_augmentation
from drift.images.experiments.options import NetworkOptions
from drift.invocation import shell_words
from drift.system.devices import ComputeOptions
from drift.system.options import MORE, Option, as_options

NEEDS = ("cv2", "PIL", "albumentations", "matplotlib", "mlflow", "tensorboard")


@command(needs=NEEDS)
def augment(
    *,
    options: AugmentOptions,
    network: NetworkOptions,
    tensorboard: Annotated[Path, Option("Folder for TensorBoard, one below it for each network.", MORE)] = Path("runs"),
    output: OutputOptions,
    compute: ComputeOptions,
    json: o.Json = None,
) -> None:
    """Train one network without and one with augmentation, and test what each sees of perturbed test images for drift.

    Example: drift images augment --data cifar-10 --quick
    """
    from drift.terminal import counting

    compute = compute.on_device()
    if output.html is not None and output.html.suffix == ".md":
        raise UsageError(f"expected --html to name a page, got {output.html}: Markdown is written beside it")
    store = output.connect(options, network)
    with counting() as tell:
        result = compare_augmentation(options, network, compute, tensorboard=tensorboard, tell=tell, notice=left_out)
    print(f"TensorBoard: {shell_words('tensorboard', '--logdir', tensorboard)}")
    called = as_options(options, network, output, compute, tensorboard=str(tensorboard))
    output.write(result, store, called, json, as_markdown=True)
