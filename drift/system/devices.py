"""Where torch computes: the devices of `--device`, checked before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from drift.errors import UsageError
from drift.system.options import MORE, CheckedOptions, Option, documented

CHOICES = ("auto", "cpu", "cuda", "mps")
Seed = Annotated[int, Option("Same seed, same numbers.", MORE, min=0, max=2**32 - 1)]
Device = Annotated[
    str,
    Option(
        "Where networks are trained (compare: where the joint test runs); auto: cuda, else mps, else cpu.",
        MORE,
        metavar="|".join(CHOICES),
    ),
]


@documented
@dataclass(frozen=True)
class ComputeOptions(CheckedOptions):
    """What every command that computes takes."""

    seed: Seed = 0
    device: Device = "auto"

    def on_device(self, *, double_precision: bool = False) -> ComputeOptions:
        """The same on a device that this machine has; see `resolve_device`."""
        return replace(self, device=resolve_device(self.device, double_precision=double_precision))


def resolve_device(name: str = "auto", *, double_precision: bool = False) -> str:
    """The torch device of a name, if this machine has it.

    Args:
        name: "auto" for CUDA, else MPS, else the CPU; "cpu", "cuda" or "mps"; or one of several GPUs, as "cuda:1".
        double_precision: whether float64 is computed with, which MPS does not have: "auto" then skips it.

    Returns:
        What torch takes as a device: "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        UsageError: an unknown name, or a device that this machine does not have.

    >>> resolve_device("cpu")
    'cpu'
    """
    if name == "cpu":
        return name
    import torch

    kind, _, number = name.partition(":")
    if kind not in CHOICES or (number and (kind != "cuda" or not number.isdecimal())) or name.endswith(":"):
        raise UsageError(f"expected --device {', '.join(CHOICES)}; got {name!r}")
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available() and not double_precision
    if name == "auto":
        return "cuda" if gpus else "mps" if mps else "cpu"
    instead = "use --device cpu, or auto for what is there"
    if name == "mps" and double_precision:
        raise UsageError(f"expected a device with double precision, got --device mps, which has none: {instead}")
    if name == "mps" and not mps:
        raise UsageError(
            "expected a Mac with Metal, and a PyTorch built for it, for --device mps; got torch"
            f" {torch.__version__} without: {instead}"
        )
    if kind == "cuda" and int(number or 0) >= gpus:
        raise UsageError(
            f"expected {int(number or 0) + 1} CUDA device(s) or more for --device {name}, got {gpus} with torch"
            f" {torch.__version__}: {instead}"
        )
    return name
