"""Figures of the experiments with images, drawn with matplotlib: ramps, and planes of what detectors compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drift.charts.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION
from drift.datasets.images.pixels import Pixels
from drift.detect.permutation.p_values import p_text
from drift.images.detection.detector_comparison import DetectorComparison
from drift.images.streams.simulate import LOST, RampResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS, MARKERS = (BLUE, GREEN, PURPLE, SKY, ORANGE, GREY, VERMILLION, BLACK), "os^DvPX*"  # of detectors
LINES = ("-", "--", ":")  # of detectors that share a colour
MOST_STRIPS = 12  # batches in the filmstrip
IMAGES_EACH = 3  # of a batch
LOWEST_P = 1e-6  # p-values below are drawn here
MOST_CLASSES = 20  # in the map of accuracies


def ramp_picture(simulated: RampResult, strips: Sequence[Pixels]) -> Figure:
    """The images as they degrade, above accuracy, alarms, p-values and each class's accuracy, batch by batch.

    Args:
        simulated: the ramp.
        strips: for each batch some of its images, (k, height, width, channels).
    """
    from matplotlib.figure import Figure

    batches = simulated.batches
    by_class = len(simulated.classes) <= MOST_CLASSES
    heights = [1.7, 2.4, 0.26 * len(simulated.detectors) + 0.25, 1.8] + (
        [0.17 * len(simulated.classes) + 0.3] * by_class
    )
    figure = Figure(figsize=(11, sum(heights) + 1.3), dpi=110, layout="constrained")
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights).tolist()
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    _filmstrip(panels[0], simulated, strips)
    _accuracy(panels[1], simulated)
    _alarms(panels[2], simulated)
    _p_values(panels[3], simulated)
    if by_class:
        _classes(figure, panels[4], simulated)
    panels[-1].set_xlabel("batch")
    panels[-1].set_xlim(-0.6, len(batches) - 0.4)
    panels[-1].locator_params(axis="x", integer=True)
    return figure


def _filmstrip(axes: Axes, simulated: RampResult, strips: Sequence[Pixels]) -> None:
    count = len(simulated.batches)
    step = -(-count // MOST_STRIPS)
    shown = range(0, count, step)
    width = 0.46 * step
    for at in shown:
        tile = _stacked(strips[at][:IMAGES_EACH])
        axes.imshow(tile, extent=(at - width, at + width, 0, 1), aspect="auto", interpolation="nearest", cmap="gray")
        axes.text(at, 1.04, f"{simulated.batches[at].severity:.2f}", ha="center", va="bottom", fontsize=8, color=GREY)
    axes.set_ylim(0, 1.16)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_ylabel("images\n(above: severity)", fontsize=9)


def _stacked(images: Pixels) -> NDArray[np.uint8]:
    """Images above each other, white between them."""
    rows = []
    for image in images:
        plain = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
        rows += [plain, np.full((1, plain.shape[1], 3), 255, np.uint8)]
    return np.concatenate(rows[:-1])


def _accuracy(axes: Axes, simulated: RampResult) -> None:
    at = [batch.index for batch in simulated.batches]
    axes.axhline(simulated.accepted, color=GREY, linewidth=1, label=f"accuracy accepted, {simulated.accepted:.3f}")
    axes.axhline(simulated.accepted - LOST, color=GREY, linewidth=1, linestyle=":", label="5 points below")
    axes.plot(
        at, [batch.accuracy for batch in simulated.batches], color=BLUE, marker="o", markersize=4, label="accuracy"
    )
    axes.plot(
        at, [batch.confidence for batch in simulated.batches], color=ORANGE, linestyle="--", label="confidence",
    )  # fmt: skip
    axes.plot(
        at, [batch.calibration_error for batch in simulated.batches], color=VERMILLION, linestyle="-.",
        label="calibration error",
    )  # fmt: skip
    if simulated.lost_at is not None:
        axes.axvline(simulated.lost_at, color=VERMILLION, linewidth=1.2, alpha=0.6)
    axes.set(ylabel="share", ylim=(-0.02, 1.03))
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _alarms(axes: Axes, simulated: RampResult) -> None:
    names = simulated.detectors[::-1]
    for row, name in enumerate(names):
        axes.axhline(row, color="#E4E7EB", linewidth=0.8, zorder=0)
        at = [batch.index for batch in simulated.batches if any(s.detector == name and s.alarm for s in batch.scores)]
        axes.scatter(at, [row] * len(at), color=BLUE, marker="|", s=70, linewidths=3)
        first = simulated.first_alarm(name)
        if first is not None:
            axes.scatter([first], [row], color=VERMILLION, marker="D", s=26, zorder=3)
    if simulated.lost_at is not None:
        axes.axvline(simulated.lost_at, color=VERMILLION, linewidth=1.2, alpha=0.6)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.set_ylabel("alarms\n(◆ the first)", fontsize=9)


def _p_values(axes: Axes, simulated: RampResult) -> None:
    for place, name in enumerate(simulated.detectors):
        repeat, at = divmod(place, len(COLOURS))
        colour, marker, line = COLOURS[at], MARKERS[at], LINES[repeat % len(LINES)]
        scores = [
            (batch.index, score) for batch in simulated.batches for score in batch.scores if score.detector == name
        ]
        values = [(at, max(score.p_value, LOWEST_P)) for at, score in scores if score.p_value is not None]
        if values:
            x, y = zip(*values, strict=True)
            axes.plot(x, y, label=name, color=colour, marker=marker, linestyle=line, markersize=4, linewidth=1)
    level = simulated.level / len(simulated.batches)
    axes.axhline(level, color=GREY, linestyle=":", linewidth=1, label=f"alarm at {level:.2g} or less")
    axes.set(yscale="log", ylabel=f"p-value\n({LOWEST_P:g} or less below)", ylim=(LOWEST_P / 2, 1.6))
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _classes(figure: Figure, axes: Axes, simulated: RampResult) -> None:
    shares = np.array([[np.nan if v is None else v for v in batch.by_class] for batch in simulated.batches]).T
    names = [_literal(name) for name in simulated.classes]
    if any(batch.out_of_distribution for batch in simulated.batches):  # never right
        shares = np.vstack([shares, [0.0 if batch.out_of_distribution else np.nan for batch in simulated.batches]])
        names.append("not known")
    extent = (-0.5, len(simulated.batches) - 0.5, len(names) - 0.5, -0.5)
    drawn = axes.imshow(shares, extent=extent, aspect="auto", cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylabel("class", fontsize=9)
    figure.colorbar(drawn, ax=axes, label="accuracy", pad=0.01)


def _literal(name: str) -> str:
    """A user's name as it is: matplotlib would read formulas between two dollar signs."""
    return name.replace("$", r"\$")


def planes_picture(comparison: DetectorComparison, method: str) -> Figure:
    """For every detector and shift, where reference and sample lie as that detector sees them, with its p-value."""
    from matplotlib.figure import Figure

    shifts, detectors = comparison.shifts, comparison.detectors
    figure = Figure(figsize=(1.9 * len(detectors) + 0.6, 2.1 * len(shifts) + 0.9), dpi=110, layout="constrained")
    panels = figure.subplots(len(shifts), len(detectors), squeeze=False)
    for row, shift in enumerate(shifts):
        for column, name in enumerate(detectors):
            axes, cell = panels[row, column], comparison.cell(name, shift)
            assert cell.plane is not None  # noqa: S101  # asked for with planes
            looks = {"s": 9, "linewidths": 0, "alpha": 0.75}
            axes.scatter(*cell.plane[: comparison.shown].T, color=BLUE, marker="o", label="reference", **looks)
            axes.scatter(*cell.plane[comparison.shown :].T, color=ORANGE, marker="^", label="sample", **looks)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_color("#C9CED6")
            rejected = cell.p_value <= comparison.level
            text = f"p {p_text(cell.p_value)}"
            axes.set_xlabel(
                text, fontsize=9, color=VERMILLION if rejected else GREY, weight="bold" if rejected else "normal"
            )
            if row == 0:
                axes.set_title(name.replace("mmd_", "MMD ").replace("_", " "), fontsize=9)
            if column == 0:
                axes.set_ylabel(_literal(shift), fontsize=10)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=9, markerscale=1.8)
    figure.suptitle(f"{method} of each detector's own distances, {comparison.cells[0].n} images of each", fontsize=10)
    return figure
