"""How a two-sample statistic is permuted: whole rows, or equal bins of rows that were shuffled before.

Both are exact: under the null hypothesis every assignment of rows (or of equal bins of them) to the two samples is as
likely as the one that was observed, so P(p <= level) <= level at any sample size. Bins cost one pass over the kernel
matrix whatever the number of permutations (Domingo-Enrich, Dwivedi and Mackey 2023, "Cheap permutation testing").
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from drift.detect.two_sample.kernel_matrix import TILE_COLUMNS, TILE_ROWS, KernelMatrix, RowStrip

FEWEST_BINS, MOST_BINS = 32, 128
BINS_AT_WORST = 1_024  # where one sample is much smaller than the other
FEWEST_BINS_EACH = 8  # of the smaller sample: fewer ways to choose them would be few permutations


@dataclass(frozen=True)
class PermutationBins:
    """Equal bins of shuffled rows: `reference` bins of the first sample, then `current` bins of the second.

    Attributes:
        width: rows in a bin.
        reference: number of bins of the reference.
        current: number of bins of the current sample.
    """

    width: int
    reference: int
    current: int

    @property
    def total(self) -> int:
        """All bins."""
        return self.reference + self.current


@dataclass(frozen=True)
class KernelSums:
    """Kernel values summed inside and between the two samples, for the observed assignment and each permuted one.

    Arrays are (matrices, 1 + permutations) float64; column 0 is what was observed. Values of a row with itself are in
    none of them.

    Attributes:
        n: rows of the first sample that were used.
        m: rows of the second sample that were used.
        within_n: over ordered pairs.
        within_m: over ordered pairs of the second sample.
        between: over pairs (i, j), i of the first sample, j of the second.
        self_n: of rows with themselves.
        self_m: of rows of the second sample with themselves.
    """

    n: int
    m: int
    within_n: NDArray[np.float64]
    within_m: NDArray[np.float64]
    between: NDArray[np.float64]
    self_n: NDArray[np.float64]
    self_m: NDArray[np.float64]

    def totals(self) -> NDArray[np.float64]:
        """Values summed over all ordered pairs of different rows, (matrices,); the same for every assignment."""
        return self.within_n[:, 0] + self.within_m[:, 0] + 2 * self.between[:, 0]

    def rounding(self, precision: NDArray[np.float64]) -> NDArray[np.float64]:
        """What rounding may change of a mean of values, (matrices,); `precision` is that of one value, relative to it.

        Values are rounded one by one, so that most of it cancels in a mean; the sums of the smaller sample, which are
        what is left of the sums of all rows, are rounded as those are.
        """
        rows = self.n + self.m
        typical = np.abs(self.totals()) / (rows * (rows - 1))
        alone = np.abs(self.self_n[:, 0] + self.self_m[:, 0]) / rows**2
        of_sums = 4 * float(np.finfo(np.float64).eps) * (rows / min(self.n, self.m)) ** 2
        return np.asarray((precision / np.sqrt(rows) + of_sums) * 4 * np.maximum(typical, alone))

    def unbiased(self) -> NDArray[np.float64]:
        """MMD² without its bias (Gretton et al. 2012, eq. 3); may be negative."""
        within = self.within_n / (self.n * (self.n - 1)) + self.within_m / (self.m * (self.m - 1))
        return within - 2 * self.between / (self.n * self.m)

    def biased(self) -> NDArray[np.float64]:
        """MMD² as a squared distance of means (Gretton et al. 2012, eq. 5); at least 0."""
        within = (self.within_n + self.self_n) / self.n**2 + (self.within_m + self.self_m) / self.m**2
        return within - 2 * self.between / (self.n * self.m)


def plan_bins(n: int, m: int) -> PermutationBins | None:
    """The width of bins that leaves out the fewest rows; None if the samples are too small for bins.

    Rows that fill no bin are left out, chosen by the shuffle: with 32 bins or more, a few in a hundred at most.
    """
    for most in (MOST_BINS, BINS_AT_WORST):
        best: tuple[int, PermutationBins] | None = None
        for width in range(max(1, -(-(n + m) // most)), (n + m) // FEWEST_BINS + 1):
            bins = PermutationBins(width, n // width, m // width)
            if min(bins.reference, bins.current) < FEWEST_BINS_EACH:
                break
            left = n % width + m % width
            if best is None or left < best[0]:
                best = left, bins
        if best is not None:
            return best[1]
    return None


def shuffled(n: int, m: int, bins: PermutationBins, rng: np.random.Generator) -> NDArray[np.int64]:
    """Row numbers of the pooled sample in the order of their bins, each sample shuffled in itself."""
    first = rng.permutation(n)[: bins.reference * bins.width]
    second = n + rng.permutation(m)[: bins.current * bins.width]
    return np.concatenate([first, second])


def assignments(first: int, total: int, permutations: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Which of `total` units are in the first sample: (total, 1 + permutations), column 0 as observed."""
    members = np.zeros((1 + permutations, total), np.uint8)
    members[:, :first] = 1
    rng.permuted(members[1:], axis=1, out=members[1:])
    return members.T


def sums_of_pairs(
    pairs: NDArray[np.float64],
    selves: NDArray[np.float64],
    bins: PermutationBins,
    permutations: int,
    rng: np.random.Generator,
) -> KernelSums:
    """Sums under assignments of bins, from the sums over pairs of bins.

    Args:
        pairs: (matrices, bins, bins) symmetric, without values of a row with itself.
        selves: (matrices, bins) those.
        bins: which of them are of the first sample.
        permutations: how many to draw.
        rng: draws them.
    """
    import torch

    members = torch.as_tensor(assignments(bins.reference, bins.total, permutations, rng)).double()
    whole, own = torch.as_tensor(pairs), torch.as_tensor(selves)
    within = ((whole @ members) * members).sum(dim=1)
    towards = whole.sum(dim=2) @ members
    return _sums(
        (bins.reference * bins.width, bins.current * bins.width),
        pairs.sum(axis=(1, 2)),
        within.numpy(),
        towards.numpy(),
        (own @ members).numpy(),
        selves.sum(axis=1),
    )


def sums_by_rows(gram: KernelMatrix, n: int, m: int, permutations: int, rng: np.random.Generator) -> KernelSums:
    """Sums under `permutations` assignments of single rows; `gram` has the first sample's rows first.

    Each tile is multiplied by the memberships of its columns, so the cost is a matrix product for every tile and the
    memory N (1 + permutations) bytes.
    """
    import torch

    members = torch.as_tensor(assignments(n, n + m, permutations, rng), device=gram.rows.device)
    within = np.zeros((gram.matrices, 1 + permutations))
    towards = np.zeros_like(within)
    selves = np.zeros_like(within)
    total, total_own = np.zeros((2, gram.matrices))
    turn = Lock()

    def visit(rows: slice, strip: RowStrip) -> None:
        left = members[rows].to(gram.rows.dtype)
        height = len(left)
        partial = torch.zeros((3, gram.matrices, 1 + permutations), dtype=torch.float64, device=left.device)
        alone = torch.zeros((2, gram.matrices), dtype=torch.float64, device=left.device)
        for columns, tiles in strip.tiles():
            right = members[columns].to(gram.rows.dtype)
            for matrix, tile in enumerate(tiles):
                if columns.start == rows.start:  # the diagonal and what lies on both sides of it
                    square, across, others = tile[:, :height], tile[:, height:], right[height:]
                    diagonal = square.diagonal()
                    own = (diagonal @ left).double()
                    partial[0, matrix] += ((square @ left) * left).sum(dim=0, dtype=torch.float64) - own
                    partial[1, matrix] += square.sum(dim=1).double() @ left.double() - own
                    partial[2, matrix] += own
                    alone[0, matrix] += square.sum(dtype=torch.float64) - diagonal.sum(dtype=torch.float64)
                    alone[1, matrix] += diagonal.sum(dtype=torch.float64)
                else:
                    across, others = tile, right
                partial[0, matrix] += 2 * ((across @ others) * left).sum(dim=0, dtype=torch.float64)
                partial[1, matrix] += across.sum(dim=1).double() @ left.double()
                partial[1, matrix] += across.sum(dim=0).double() @ others.double()
                alone[0, matrix] += 2 * across.sum(dtype=torch.float64)
        with turn:
            within[:] += partial[0].cpu().numpy()
            towards[:] += partial[1].cpu().numpy()
            selves[:] += partial[2].cpu().numpy()
            total[:] += alone[0].cpu().numpy()
            total_own[:] += alone[1].cpu().numpy()

    gram.for_each_strip(visit)
    return _sums((n, m), total, within, towards, selves, total_own)


def _sums(
    rows: tuple[int, int],
    total: NDArray[np.float64],
    within: NDArray[np.float64],
    towards: NDArray[np.float64],
    own: NDArray[np.float64],
    total_own: NDArray[np.float64],
) -> KernelSums:
    """All sums, from those inside the first sample and those from it towards all rows."""
    between = towards - within
    return KernelSums(
        n=rows[0],
        m=rows[1],
        within_n=within,
        within_m=total[:, None] - within - 2 * between,
        between=between,
        self_n=own,
        self_m=total_own[:, None] - own,
    )


def bin_sums(gram: KernelMatrix, bins: PermutationBins) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Kernel values summed over pairs of bins, in one pass; `gram` has its rows in the order of `shuffled`.

    Returns:
        (matrices, bins, bins), symmetric, without values of a row with itself; and those, (matrices, bins).
    """
    import torch

    width = bins.width
    height = width * max(1, TILE_ROWS // width)
    sums = torch.zeros((gram.matrices, bins.total, bins.total), dtype=torch.float64)
    selves = torch.zeros((gram.matrices, bins.total), dtype=torch.float64)

    def visit(rows: slice, strip: RowStrip) -> None:
        first, last = rows.start // width, rows.stop // width
        kept = gram.rows.new_empty((gram.matrices, last - first, bins.total * width - rows.start))
        for columns, tiles in strip.tiles(width=width * max(1, TILE_COLUMNS // width)):
            place = slice(columns.start - rows.start, columns.stop - rows.start)
            for matrix, tile in enumerate(tiles):
                if columns.start == rows.start:
                    own = tile.diagonal().view(last - first, width)
                    selves[matrix, first:last] = own.sum(dim=1, dtype=torch.float64).cpu()
                torch.sum(tile.view(last - first, width, -1), dim=1, out=kept[matrix, :, place])
        by_bin = kept.view(gram.matrices, last - first, -1, width).sum(dim=3, dtype=torch.float64)
        sums[:, first:last, first:] = by_bin.cpu()

    gram.for_each_strip(visit, height=height)
    upper = sums.triu()
    whole = upper + upper.transpose(1, 2)
    own_pairs = whole.diagonal(dim1=1, dim2=2)  # counted twice by now
    own_pairs.mul_(0.5).sub_(selves)
    return whole.numpy(), selves.numpy()
