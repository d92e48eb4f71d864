"""What a run's parameters and description say of data and network: for base, retrain and deployment alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from drift.data.blocks import Table
from drift.loop.options import TrainOptions
from drift.system.devices import resolve_device

if TYPE_CHECKING:
    import torch

LONGEST_LIST = 500  # characters of a list in a parameter; MLflow takes 6,000, its UI shows fewer
FITTING = {  # how `drift.models.fit` fits every network
    "optimizer": "AdamW",
    "learning_rate_schedule": "OneCycleLR",
    "loss": "cross_entropy",
}


def data_parameters(table: Table, **parts: range) -> dict[str, object]:
    """Parameters `data/...` of a table and of the rows that were used.

    Args:
        table: validated, in time order.
        parts: rows by what they were used for, such as `fit` or `held_out`; each becomes `data/<name>_rows`.
    """
    used = range(min(part.start for part in parts.values()), max(part.stop for part in parts.values()))
    labels = table.labels[used.start : used.stop]
    shares = np.bincount(labels, minlength=len(table.classes)) / max(len(labels), 1)
    values: dict[str, object] = {
        "data/name": table.name,
        "data/features": len(table.feature_names),
        "data/feature_names": _shortened(", ".join(table.feature_names)),
        "data/classes": _shortened(", ".join(table.classes)),
        "data/class_shares": _shortened(
            ", ".join(f"{name} {share:.3f}" for name, share in zip(table.classes, shares, strict=True))
        ),
        "data/sha256": table.digest(used),
    }
    values |= {f"data/{name}_rows": words(rows) for name, rows in parts.items()}
    if table.timestamps is not None:
        values |= {"data/from": table.timestamps[used.start], "data/until": table.timestamps[used.stop - 1]}
    return values


def training_parameters(options: TrainOptions) -> dict[str, object]:
    """How a search is made, as parameters of its run."""
    return {
        "max_epochs": options.max_epochs,
        "total_trials": options.total_trials,
        "seed": options.seed,
        "device": resolve_device(options.device),
    }


def network_parameters(net: torch.nn.Module) -> dict[str, object]:
    """How a network was fitted, and how large it is."""
    return {**FITTING, "network_parameters": sum(part.numel() for part in net.parameters())}


def model_summary(net: torch.nn.Module) -> str:
    """The network's layers, and its parameters by tensor, as text."""
    lines = [f"{name}: {tuple(part.shape)}" for name, part in net.named_parameters()]
    return f"{net}\n\n" + "\n".join(lines) + "\n"


def words(rows: range) -> str:
    """First and last row, as `100 to 119`."""
    return f"{rows.start} to {rows.stop - 1}"


def fitted_words(parameters: Mapping[str, float | int]) -> str:
    """Chosen parameters in one line of a description."""
    return ", ".join(f"{name} {value:.4g}" for name, value in parameters.items())


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_LIST else f"{text[: LONGEST_LIST - 1]}…"
