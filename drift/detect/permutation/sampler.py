"""Two samples, their kernel matrix and the scheme that suits them, together: draws sums under permutations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drift.detect.permutation import kernel_sums
from drift.detect.permutation.tests import require_reachable
from drift.detect.two_sample.kernel_matrix import KernelMatrix, ScaledKernel
from drift.errors import BlockError

if TYPE_CHECKING:
    import torch

    from drift.detect.two_sample.kernel_matrix import KernelFunction
    from drift.detect.two_sample.samples import TwoSamples

ROWS_UP_TO = 1_000  # of both samples together: permuting single rows costs less than a second
COPIES = 5  # of the rows, that one pass holds


class PermutationSampler:
    """Draws kernel sums of two samples under permutations of their rows, or of bins of them."""

    def __init__(
        self,
        samples: TwoSamples,
        terms: Sequence[ScaledKernel] | KernelFunction,
        *,
        scheme: str,
        permutations: int,
        level: float,
        rng: np.random.Generator,
    ) -> None:
        """Choose what to permute, and prepare the pass.

        Args:
            samples: checked ones.
            terms: kernels with bandwidths, or a function of rows.
            scheme: rows, bins or auto.
            permutations: the most that will be drawn at once.
            level: must be in reach of the permutations and of the rows or bins.
            rng: shuffles rows into bins, and draws.

        Raises:
            BlockError: an unknown scheme, too few rows or permutations for the level, or rows beyond this memory.
        """
        if scheme not in ("auto", "rows", "bins"):
            raise BlockError(f"expected scheme auto, rows or bins, got {scheme!r}")
        n, m = samples.n, samples.m
        self._rng = rng
        self._pairs: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None  # of bins, from the one pass
        in_bins = scheme == "bins" or (scheme == "auto" and n + m > ROWS_UP_TO)
        self._bins = kernel_sums.plan_bins(n, m) if in_bins else None
        if self._bins is None and scheme == "bins":
            raise BlockError(
                f"expected enough rows for {kernel_sums.FEWEST_BINS_EACH} bins of each sample, got {n} and {m}:"
                " permute rows instead"
            )
        _require_memory(samples, permutations if self._bins is None else 0)
        rows = samples.raw() if callable(terms) else samples.pooled
        if self._bins is None:
            self.scheme, self.rows = "rows", (n, m)
            require_reachable(level, permutations, n, m, of="rows")
            self.gram = KernelMatrix(rows, terms)
        else:
            bins = self._bins
            self.scheme, self.rows = "bins", (bins.reference * bins.width, bins.current * bins.width)
            require_reachable(level, permutations, bins.reference, bins.current, of="bins")
            self.gram = KernelMatrix(rows[kernel_sums.shuffled(n, m, bins, rng)], terms)

    def draw(self, count: int) -> kernel_sums.KernelSums:
        """Sums of the samples as observed, and under `count` new permutations."""
        if self._bins is None:
            return kernel_sums.sums_by_rows(self.gram, *self.rows, count, self._rng)
        if self._pairs is None:
            self._pairs = kernel_sums.bin_sums(self.gram, self._bins)
        return kernel_sums.sums_of_pairs(*self._pairs, self._bins, count, self._rng)


def free_bytes(device: torch.device) -> int:
    """Memory that could be had now, of this machine or of a GPU."""
    import psutil
    import torch

    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def _require_memory(samples: TwoSamples, memberships: int) -> None:
    """Refuse samples whose copies, or memberships under permutations, would not fit into memory."""
    rows = samples.reference
    count, width = samples.n + samples.m, rows.shape[1]
    needed = count * (COPIES * (width + 2) * rows.element_size() + memberships)
    free = free_bytes(rows.device)
    if needed > free:
        raise BlockError(
            f"expected samples that fit into memory, got reference.shape={tuple(rows.shape)} and"
            f" current.shape={tuple(samples.current.shape)}, which need {needed / 1e9:.1f} GB where"
            f" {free / 1e9:.1f} are free: use mmd_features_test, which takes chunks"
            + (", or scheme='bins'" if memberships else "")
        )
