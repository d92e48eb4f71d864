"""`drift images kernels`: detectors side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.images.output import OutputOptions, left_out
from drift.errors import UsageError
from drift.images.experiments.kernels import KernelsOptions, compare_detectors_on
from drift.images.experiments.options import NetworkOptions
from drift.system.devices import ComputeOptions
from drift.system.options import MORE, Option, as_options

NEEDS = ("cv2", "PIL", "albumentations", "matplotlib", "mlflow")


@command(needs=NEEDS)
def kernels(
    *,
    options: KernelsOptions,
    network: NetworkOptions,
    output: OutputOptions,
    picture: Annotated[Path | None, Option("Also write the planes to this PNG.", MORE)] = None,
    compute: ComputeOptions,
    json: o.Json = None,
) -> None:
    """Put detectors side by side on clean, perturbed and foreign images: score, p-value, and how many images they need.

    Example: drift images kernels --data mnist --other_data fashion-mnist --quick
    """
    from drift.terminal import counting

    compute = compute.on_device()
    if picture is not None and not picture.parent.is_dir():
        raise UsageError(f"expected --picture in a folder that is there, got {picture}")
    store = output.connect(options, network)
    with counting() as tell:
        result = compare_detectors_on(options, network, compute, tell=tell, notice=left_out)
    if picture is not None:
        result.pictures[0].figure.savefig(picture)
    output.write(result, store, as_options(options, network, output, compute, picture=picture), json)
