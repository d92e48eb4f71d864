"""Kernels with bandwidths from the data, and one pass over their matrix, which is never held.

Only tiles on and above the diagonal are made. A tile fits the cores' caches, so the matrix costs a product of rows, the
kernel's function, and whatever the caller sums; memory for it does not grow with the number of rows.

Bandwidths are those of the median heuristic, or the grid that the fused test searches. Both look at the pooled rows
only, never at which sample a row is of, so a test that permutes them stays exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from math import isclose
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.detect.two_sample.kernels import Kernel, KernelDistance
from drift.system.threads import one_thread, threads

if TYPE_CHECKING:
    import torch

    KernelFunction: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

MOST_ROWS = 500  # 125,000 distances tell their quantiles well enough
GRID = 10  # bandwidths of each kernel in the fused test
LOW_QUANTILE, LOWEST = 0.05, 0.4
SQUARED = KernelDistance.SQUARED_EUCLIDEAN
PRECISION = 1e-2  # of a kernel's argument, for a distance of 0
TILE_ROWS = 256
TILE_COLUMNS = 1024  # with TILE_ROWS: 1 MB in float32, as much as a core's second cache


def distance_sample(rows: torch.Tensor, metric: KernelDistance, rng: np.random.Generator) -> NDArray[np.float64]:
    """Distances above 0 among at most 500 of the pooled rows (N, d): Euclidean (not squared) or city block."""
    from scipy.spatial.distance import pdist

    chosen = rng.permutation(len(rows))[:MOST_ROWS] if len(rows) > MOST_ROWS else np.arange(len(rows))
    values = rows[chosen].double().cpu().numpy()
    distances = pdist(values, "cityblock" if metric is KernelDistance.CITY_BLOCK else "euclidean")
    return np.asarray(distances[distances > 0]) if (distances > 0).any() else np.ones(1)


def median_bandwidth(distances: NDArray[np.float64]) -> float:
    """The median distance (Gretton et al. 2012, section 8)."""
    return float(np.median(distances))


def bandwidth_grid(kernel: Kernel, distances: NDArray[np.float64]) -> list[float]:
    """Ten bandwidths, largest first, up from 0.4 times the 5 % quantile of distances, each √2 above the next.

    In this order the values for one are the squares of those for another, which saves most of the exponentials.
    """
    low = LOWEST * float(np.quantile(distances, LOW_QUANTILE))
    steps = low * np.sqrt(2.0) ** np.arange(GRID - 1, -1, -1)
    if kernel.shrink is not None and kernel.shrink < 0.6:  # squares skip every other step
        steps = np.concatenate([steps[::2], steps[1::2]])
    return [float(step) for step in steps]


@dataclass(frozen=True)
class ScaledKernel:
    """A kernel with its bandwidth.

    Attributes:
        kernel: a function of distances.
        bandwidth: above 0, in units of the kernel's distance.
    """

    kernel: Kernel
    bandwidth: float

    def squares_to(self, other: ScaledKernel) -> bool:
        """Whether the other term's values are the squares of this one's."""
        shrink = self.kernel.shrink
        same = other.kernel == self.kernel
        return shrink is not None and same and isclose(other.bandwidth, self.bandwidth * shrink, rel_tol=1e-9)


def _is_precise(rows: torch.Tensor, terms: Sequence[ScaledKernel]) -> bool:
    """Whether distances from products and sums of rows are precise enough for the narrowest kernel.

    Far rows lose the digits that tell near ones apart: distances are then off by the type's precision times the square
    (city block: the size) of the farthest row, which is compared with the distances that the kernel sees.
    """
    import torch

    metrics = {term.kernel.metric for term in terms}
    off = {
        metric: float(torch.linalg.vector_norm(rows, 2 if metric is SQUARED else 1, dim=1).max()) for metric in metrics
    }
    off = {metric: size**2 if metric is SQUARED else size for metric, size in off.items()}
    worst = max(off[term.kernel.metric] * abs(term.kernel.factor(term.bandwidth)) for term in terms)
    return float(torch.finfo(rows.dtype).eps) * worst < PRECISION


class KernelMatrix:
    """The kernel matrices of some rows, one for each term, tile by tile."""

    def __init__(self, rows: torch.Tensor, terms: Sequence[ScaledKernel] | KernelFunction) -> None:
        """Prepare the pass.

        Args:
            rows: (N, d); with a user's function, as the user gave them; else with mean 0.
            terms: kernels with bandwidths, those of one kernel next to each other; or a function that maps rows (r, d)
                and (c, d) to kernel values (r, c).
        """
        import torch

        self.terms = None if callable(terms) else tuple(terms)
        self.precise = self.terms is None or _is_precise(rows, self.terms)
        if self.terms is not None and not self.precise:
            rows = rows.double()
            self.precise = _is_precise(rows, self.terms)
        self.rows = rows
        self.function = terms if callable(terms) else None
        self.matrices = len(self.terms) if self.terms is not None else 1
        norms = (rows * rows).sum(dim=1, keepdim=True)
        ones = torch.ones_like(norms)
        self._left = torch.cat([-2 * rows, norms, ones], dim=1)  # so that one product gives squared distances
        self._right = torch.cat([rows, ones, norms], dim=1).T.contiguous()
        self._features = rows.T.contiguous()
        self._sums = rows.sum(dim=1)

    @property
    def precision(self) -> NDArray[np.float64]:
        """The relative precision of each matrix' values, (matrices,); a square has half of it."""
        import torch

        precisions = [float(torch.finfo(self.rows.dtype).eps)] * self.matrices
        for at, (term, following) in enumerate(pairwise(self.terms or ())):
            if term.squares_to(following):
                precisions[at + 1] = 2 * precisions[at]
        return np.asarray(precisions)

    def for_each_strip(self, visit: Callable[[slice, RowStrip], None], *, height: int = TILE_ROWS) -> None:
        """Call `visit` with every run of `height` rows and its strip of the matrices; on all cores.

        `visit` is called from several threads, with other rows each.
        """
        strips = [slice(start, min(start + height, len(self.rows))) for start in range(0, len(self.rows), height)]
        workers = 1 if self.rows.is_cuda else threads()
        with one_thread(), ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(lambda rows: visit(rows, RowStrip(self, rows)), strips):
                pass

    def distances(
        self, metric: KernelDistance, factor: float, rows: slice, columns: slice, out: torch.Tensor, spare: torch.Tensor
    ) -> None:
        """Write `factor` times the distances between `rows` and `columns` into `out`, to within rounding of 0.

        That of a row to itself is just 0: a kernel may take its root, and rounding is then not small any more.
        """
        import torch

        if not self.precise:
            power = 2.0 if metric is KernelDistance.SQUARED_EUCLIDEAN else 1.0
            left, right = self.rows[rows], self.rows[columns]
            apart = torch.cdist(left, right, p=power, compute_mode="donot_use_mm_for_euclid_dist")
            torch.mul(apart.pow_(power), factor, out=out)
        elif metric is KernelDistance.SQUARED_EUCLIDEAN:
            torch.mm(self._left[rows] * factor, self._right[:, columns], out=out)
        else:  # |a - b| = 2 max(a, b) - a - b, a pass less than its definition
            torch.add(self._sums[rows, None], self._sums[None, columns], out=out).mul_(-0.5)
            for feature in self._features:
                torch.maximum(feature[rows, None], feature[None, columns], out=spare)
                out.add_(spare)
            out.mul_(2 * factor)
        if rows.start == columns.start:
            out.diagonal().zero_()


class RowStrip:
    """Some rows of the kernel matrices, from the diagonal to the right."""

    def __init__(self, gram: KernelMatrix, rows: slice) -> None:
        self._gram = gram
        self._rows = rows

    def tiles(self, *, width: int = TILE_COLUMNS) -> Iterator[tuple[slice, Iterator[torch.Tensor]]]:
        """Columns, and for them one tile for each matrix; a tile is good until the next one is asked for."""
        import torch

        total, height = len(self._gram.rows), self._rows.stop - self._rows.start
        buffers = torch.empty((2, height * width), dtype=self._gram.rows.dtype, device=self._gram.rows.device)
        for start in range(self._rows.start, total, width):
            columns = slice(start, min(start + width, total))
            shape = (height, columns.stop - start)
            distances, spare = (buffer[: shape[0] * shape[1]].view(shape) for buffer in buffers)
            yield columns, self._matrices(columns, distances, spare)

    def _matrices(self, columns: slice, distances: torch.Tensor, spare: torch.Tensor) -> Iterator[torch.Tensor]:
        import torch

        gram, known = self._gram, 1.0
        if gram.function is not None:
            yield gram.function(gram.rows[self._rows], gram.rows[columns])
        terms, values = gram.terms or (), spare
        for at, term in enumerate(terms):
            metric, factor = term.kernel.metric, term.kernel.factor(term.bandwidth)
            last, following = terms[at - 1] if at else None, terms[at + 1] if at + 1 < len(terms) else None
            if last is None or last.kernel.metric is not metric:
                known = factor  # what the distances in the buffer are multiplied by
                gram.distances(metric, factor, self._rows, columns, distances, spare)
            if last is not None and last.squares_to(term):
                values.mul_(values)
            elif following is None or following.kernel.metric is not metric:
                values = distances if factor == known else distances.mul_(factor / known)  # nobody asks for them again
                term.kernel.apply(values)
            else:
                values = torch.mul(distances, factor / known, out=spare)
                term.kernel.apply(values)
            yield values
