"""`drift images simulate`: a ramp of drift, what it costs, and who notices."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.images.output import OutputOptions, left_out
from drift.images.experiments.options import NetworkOptions
from drift.images.experiments.simulate import SimulateOptions, simulate_drift
from drift.invocation import command_line, shell_words
from drift.system.devices import ComputeOptions
from drift.system.options import Option, as_options

NEEDS = ("cv2", "PIL", "albumentations", "matplotlib", "mlflow")
FOR_THE_MONITOR = (
    "--monitor images --prediction predicted --truth truth --probability confidence --key row --batch batch"
)


@command(needs=NEEDS)
def simulate(
    *,
    options: SimulateOptions,
    network: NetworkOptions,
    output: OutputOptions,
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
    from drift.terminal import counting

    compute = compute.on_device()
    store = output.connect(options, network)
    with counting() as tell:
        result = simulate_drift(options, network, compute, tell=tell, notice=left_out, rows=rows)
    output.write(result, store, as_options(options, network, output, compute, rows=rows), json)
    if rows is not None:
        print(f"rows: {rows}; next: {command_line('monitor ingest')} {shell_words(rows)} {FOR_THE_MONITOR}")
