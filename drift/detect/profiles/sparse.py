"""Which distances get no interval, because some cells hold too few rows for one; used by `compare_profiles`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Integers
from drift.detect.profiles.distances import smoothed

LEAST_EXPECTED = 10  # rows of the smaller sample in a cell that is not sparse
# Rows of one sample in a cell, below which the bootstrap does not know the cell's share; and the largest error that
# such cells may make, in standard errors of the distance. Chosen for coverage and the share of intervals given, among
# others (docs/decisions/0007-distances.md).
FEW_ROWS = {"jensen_shannon": 10, "hellinger": 10, "psi": 20, "kl": 20, "reverse_kl": 20}
LARGEST_ERROR = {"jensen_shannon": 0.5, "hellinger": 0.5, "psi": 0.2, "kl": 0.2, "reverse_kl": 0.2}
MIRRORED = {name: name for name in ("jensen_shannon", "hellinger", "psi")} | {"kl": "reverse_kl", "reverse_kl": "kl"}


def sparse_cells(reference: Integers, current: Integers) -> str:
    """Why no distance gets an interval, in words; empty if some may.

    A cell is sparse if fewer than 10 rows of the smaller sample are expected in it, by both samples' share. Beyond a
    quarter of the cells, or their square root, sparse cells make the bootstrap's bias wrong
    (docs/decisions/0007-distances.md has the coverage).

    Args:
        reference: (cells,) rows.
        current: (cells,).
    """
    pooled = (reference + current)[reference + current > 0]
    rows = min(int(reference.sum()), int(current.sum()))
    sparse = int((pooled * rows < LEAST_EXPECTED * pooled.sum()).sum())
    if sparse <= min(len(pooled) / 4, len(pooled) ** 0.5):
        return ""
    return (
        f"{sparse:,} of {len(pooled):,} cells are expected to hold fewer than {LEAST_EXPECTED} of the smaller sample's"
        f" {rows:,} rows"
    )


def uncertain_cells(name: str, reference: Integers, current: Integers, spread: float) -> str:
    """Why one distance gets no interval, in words; empty if it gets one, as Wasserstein-1 does, which needs no shares.

    The share of a cell with few rows in either sample is known within a factor only, and the bootstrap does not say how
    a distance bends over such a range: an empty cell is drawn empty again. So the share is moved to the ends of its
    score interval of one standard deviation (Wilson 1927, for a Poisson count), and what that changes of the distance,
    beyond the tangent where the cell is not empty, is the error of the cell. Their sum is compared with the standard
    error, and so is what smoothing changes in cells that are sparse beside the smaller sample. Without smoothing, KL
    and PSI are infinite if a cell is empty in one sample: whether they are in truth, the samples do not say.

    Args:
        name: of the distance.
        reference: (cells,) rows.
        current: (cells,).
        spread: the distance's standard error by the bootstrap, squared distance for Hellinger.
    """
    if name not in LARGEST_ERROR:
        return ""
    there = reference + current > 0
    first, second = reference[there], current[there]
    p, q = first / first.sum(), second / second.sum()
    observed = _contributions(name, p, q)
    if not np.isfinite(observed).all():
        where = " and ".join(
            f"{int((counts == 0).sum()):,} of the {side}'s"
            for counts, side in ((first, "reference"), (second, "current sample"))
            if (counts == 0).any()
        )
        return f"{where} {len(p):,} cells hold no row, so that the distance may be infinite"
    error = _bending(name, first, second) + _bending(MIRRORED[name], second, first)
    if name in ("psi", "kl", "reverse_kl"):
        rows = int(min(first.sum(), second.sum()))
        few = np.minimum(p, q) * rows < FEW_ROWS[name]
        error += float(abs((_contributions(name, smoothed(p, rows), smoothed(q, rows)) - observed)[few].sum()))
    if error <= LARGEST_ERROR[name] * spread + 1e-12:
        return ""
    least = FEW_ROWS[name]
    sparse = int((np.minimum(first, second) < least).sum())
    return f"{sparse:,} of {len(p):,} cells hold fewer than {least} rows of a sample, too few for this distance"


def _bending(name: str, counts: Integers, others: Integers) -> float:
    """Error of the cells with few rows in one sample, by `counts`; the other sample's share is taken as known."""
    few = counts < FEW_ROWS[name]
    rows, rare = counts.sum(), counts[few]
    p, q = rare / rows, others[few] / others.sum()
    observed, slope = _contributions(name, p, q), _slopes(name, p, q)
    half = np.sqrt(rare + 0.25)
    errors = [
        np.abs(_contributions(name, end, q) - observed - slope * (end - p))
        for end in (np.maximum(rare + 0.5 - half, 0.0) / rows, (rare + 0.5 + half) / rows)
    ]
    return float(np.maximum(*errors).sum())


def _contributions(name: str, p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each cell to a distance, squared for Hellinger: 0 or more, infinite where the distance is."""
    from scipy.special import kl_div, xlogy

    if name == "jensen_shannon":
        return np.asarray((xlogy(p, p) + xlogy(q, q)) / 2 - xlogy((p + q) / 2, (p + q) / 2))
    if name == "hellinger":
        return np.asarray((np.sqrt(p) - np.sqrt(q)) ** 2 / 2)
    forward, backward = kl_div(p, q), kl_div(q, p)
    return np.asarray({"kl": forward, "reverse_kl": backward, "psi": forward + backward}[name])


def _slopes(name: str, p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Derivatives of the contributions by p; 0 in an empty cell, which the bootstrap does not move."""
    there = p > 0
    ratio = q / np.where(there, p, 1.0)
    with np.errstate(divide="ignore"):  # KL is infinite there, and was refused
        slopes = {
            "jensen_shannon": np.log(2 / (1 + ratio)) / 2,
            "hellinger": (1 - np.sqrt(ratio)) / 2,
            "kl": -np.log(ratio),
            "reverse_kl": 1 - ratio,
            "psi": 1 - ratio - np.log(ratio),
        }
    return np.where(there, slopes[name], 0.0)
