"""Pictures for MLflow, drawn with matplotlib: learning curves, the search's history, confusion, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from drift.charts.palette import BLUE, GREEN, GREY, ORANGE, VERMILLION
from drift.data.blocks import Reference
from drift.data.losses import predicted_classes
from drift.metrics.classification.counts import confusion
from drift.metrics.classification.reliability import reliability
from drift.models.search import Status, TrialOutcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from drift.models.fit import Epoch


def _figure(title: str, *, width: float = 6.4, height: float = 4.0) -> tuple[Figure, Axes]:
    figure, (axes,) = _figures(title, panels=1, width=width, height=height)
    return figure, axes


def _figures(
    title: str, *, panels: int, width: float, height: float, heights: Sequence[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """Panels above each other that share their horizontal axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    drawn = figure.subplots(panels, 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0].tolist()
    drawn[0].set_title(title, loc="left", fontsize=11)
    for axes in drawn:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, drawn


def _legend_below(figure: Figure, axes: Axes) -> None:
    """Outside of the axes, where it can cover no point."""
    handles, _ = axes.get_legend_handles_labels()
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)


def learning_curves(epochs: Sequence[Epoch]) -> Figure:
    """Loss in training and validation above, validation accuracy below, by epoch."""
    figure, (loss, accuracy) = _figures("Learning curves of the chosen trial", panels=2, width=6.4, height=5.0)
    numbers = [epoch.number for epoch in epochs]
    loss.plot(numbers, [epoch.train_loss for epoch in epochs], color=BLUE, marker="o", label="training loss")
    loss.plot(numbers, [epoch.val_loss for epoch in epochs], color=ORANGE, marker="s", label="validation loss")
    loss.set(ylabel="cross-entropy (nats)")
    loss.legend(frameon=False, fontsize=9, loc="best")
    accuracy.plot(numbers, [epoch.val_accuracy for epoch in epochs], color=GREEN, marker="^")
    accuracy.set(xlabel="epoch", ylabel="validation accuracy")
    accuracy.locator_params(axis="x", integer=True)
    return figure


def search_history(outcomes: Sequence[TrialOutcome]) -> Figure:
    """Accuracy of each trial, and the best so far."""
    figure, axes = _figure("Search history")
    looks = {Status.COMPLETED: (BLUE, "o"), Status.STOPPED: (ORANGE, "v")}
    for status, (colour, marker) in looks.items():
        chosen = [outcome for outcome in outcomes if outcome.status is status]
        if chosen:
            numbers, reached = [o.index for o in chosen], [o.accuracy for o in chosen]
            axes.scatter(numbers, reached, color=colour, marker=marker, label=str(status), zorder=3)
    failed = [outcome.index for outcome in outcomes if outcome.status is Status.FAILED]
    usable = [outcome.accuracy for outcome in outcomes if outcome.status is not Status.FAILED]
    if failed:
        lowest = min(usable, default=0.0)
        axes.scatter(failed, [lowest] * len(failed), color=VERMILLION, marker="x", label=str(Status.FAILED), zorder=3)
    seen = [o.accuracy if o.status is Status.COMPLETED else -np.inf for o in outcomes]
    best = np.maximum.accumulate(seen)
    known = np.isfinite(best)
    steps = np.asarray([o.index for o in outcomes])[known]
    axes.step(steps, best[known], where="post", color=GREY, label="best so far")
    axes.set(xlabel="trial", ylabel="validation accuracy")
    axes.locator_params(axis="x", integer=True)
    _legend_below(figure, axes)
    return figure


def confusion_matrix(reference: Reference, classes: Sequence[str]) -> Figure:
    """Counts of truth against prediction on the reference rows; the shade is the share of the true class."""
    counts = confusion(reference.labels, predicted_classes(reference.probabilities), len(classes))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _figure("Confusion on the reference rows", width=5.0)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if len(classes) <= 20:
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if share[row, column] > 0.6 else "black"
            text = f"{count:,}\n{share[row, column]:.0%}" if len(classes) <= 5 else f"{count:,}"
            axes.text(column, row, text, ha="center", va="center", color=colour)
    axes.set(xlabel="predicted", ylabel="true")
    names = [name.replace("$", r"\$") for name in classes]  # two of them would begin and end a formula
    axes.set_xticks(range(len(classes)), names)
    axes.set_yticks(range(len(classes)), names)
    return figure


def calibration_curve(reference: Reference) -> Figure:
    """Accuracy by confidence on the reference rows; on the diagonal, confidence can be believed."""
    bins = reliability(reference.labels, reference.probabilities)
    title = "Calibration on the reference rows"
    figure, (axes, rows) = _figures(title, panels=2, width=5.0, height=4.6, heights=(3, 1))
    low = 1 / reference.probabilities.shape[1]
    at = [part.confidence for part in bins]
    axes.plot([low, 1], [low, 1], color=GREY, linestyle="--", label="confidence = accuracy")
    axes.plot(at, [part.accuracy for part in bins], color=BLUE, marker="o", label="model")
    axes.set(ylabel="accuracy", ylim=(0, 1.05))
    rows.vlines(at, 0, [part.rows for part in bins], color=BLUE, linewidth=8)
    rows.set(xlabel="confidence (mean probability of the predicted class)", ylabel="rows")
    rows.set_ylim(bottom=0)
    _legend_below(figure, axes)
    return figure
