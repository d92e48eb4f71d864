"""MMD for millions of rows: random Fourier features, summed in equal bins while the rows pass by.

A sketch of a sample is made chunk by chunk, in memory that does not grow with the rows, and sketches of parts can be
merged. Two sketches are compared by permuting their bins, so the level is exact as in
`permutation.kernel_sums`, whatever the number of features; more of them only bring the statistic nearer to the kernel's
MMD² (Rahimi and Recht 2007; Zhao and Meng 2015).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drift.data.frames import is_frame, number_rows
from drift.detect.permutation.kernel_sums import PermutationBins, sums_of_pairs
from drift.detect.permutation.tests import PermutationTest, PermutedStatistics, permutation_result, require_reachable
from drift.detect.two_sample.kernel_matrix import distance_sample, median_bandwidth
from drift.detect.two_sample.kernels import KERNELS, Kernel
from drift.detect.two_sample.mmd import MMDTest
from drift.detect.two_sample.samples import two_samples
from drift.errors import BlockError
from drift.system.threads import one_thread, threads

if TYPE_CHECKING:
    import torch

    from drift.detect.two_sample.samples import Sample

FIRST_WIDTH = 64  # rows in a bin, doubled whenever there are too many bins
MOST_BINS = 256
ROWS_AT_ONCE = 16 * FIRST_WIDTH  # whose features a thread holds: 2 MB of them, with 512, stay in its core's caches


@dataclass(frozen=True)
class FeaturesTest(MMDTest):
    """An MMD test by random features."""

    features: int


class FourierSketch:
    """What the test needs of a sample: sums of random features over consecutive bins of equal numbers of rows.

    Rows that come in an order (sorted, or a stream) stay in it, so bins then differ as the stream does: the test sees
    that as noise, and loses power rather than its level.
    """

    def __init__(self, frequencies: NDArray[np.float64], origin: NDArray[np.float64] | None = None) -> None:
        """A sketch without rows.

        Args:
            frequencies: (d, D), the same for all sketches that are to be compared or merged.
            origin: (d,), also the same, taken from every row: far from 0, the angles lose their digits.
        """
        self.frequencies = frequencies
        self.origin = np.zeros(len(frequencies)) if origin is None else origin
        self.width = FIRST_WIDTH
        self._sums: list[NDArray[np.float64]] = []  # of full bins, (2 D,) each
        self._open = np.zeros(2 * frequencies.shape[1])  # the bin that is being filled
        self._opened = 0  # rows in it

    @property
    def rows(self) -> int:
        """Rows so far."""
        return len(self._sums) * self.width + self._opened

    def update(self, rows: Sample) -> None:
        """Take in a chunk of rows (n, d).

        Args:
            rows: an array or tensor; a data frame's columns are to be put in one order first.

        Raises:
            BlockError: another width, NaN or infinity, or a data frame.
        """
        import torch

        if is_frame(rows):
            raise BlockError(
                "expected an array or tensor (n, d), got a data frame: pass frame[columns].to_numpy(), in one order"
                " of columns for all chunks"
            )
        chunk = torch.as_tensor(rows if isinstance(rows, torch.Tensor) else number_rows(rows, "chunk")[0])
        chunk = chunk if chunk.is_floating_point() else chunk.double()
        if chunk.ndim != 2 or chunk.shape[1] != len(self.frequencies):
            raise BlockError(f"expected rows of width {len(self.frequencies)}, got rows.shape={tuple(chunk.shape)}")
        if not bool(chunk.isfinite().all()):
            raise BlockError(f"expected finite values, got some that are NaN or infinite in {tuple(chunk.shape)} rows")
        frequencies = torch.as_tensor(self.frequencies, dtype=torch.float32, device=chunk.device)
        origin = torch.as_tensor(self.origin, dtype=chunk.dtype, device=chunk.device)
        first = min(-self._opened % FIRST_WIDTH, len(chunk))  # rows that fill what the last chunk left open
        pieces = [chunk[:first], *chunk[first:].split(ROWS_AT_ONCE)]
        alone = chunk.is_cuda or len(chunk) <= ROWS_AT_ONCE
        with one_thread(), ThreadPoolExecutor(threads()) as pool:
            each = map if alone else pool.map  # a pool starts no thread before it is asked
            for sums in each(lambda piece: _sums((piece - origin).float(), frequencies), pieces):
                for count, total in sums:
                    self._add(count, total)

    def merge(self, other: FourierSketch) -> None:
        """Take in another part of the same sample; the rows of one bin at most are lost where both end in open ones."""
        _require_one_basis(self, other)
        while self.width < other.width:
            self._coarsen()
        part = other._copy()
        while part.width < self.width:
            part._coarsen()
        self._sums += part._sums
        if self._opened + part._opened < self.width:
            self._open, self._opened = self._open + part._open, self._opened + part._opened
        elif part._opened > self._opened:
            self._open, self._opened = part._open, part._opened
        self._limit()

    def bins(self, width: int) -> NDArray[np.float64]:
        """Sums over bins of `width` rows, (bins, 2 D); a multiple of the sketch's own width by a power of 2."""
        part = self._copy()
        while part.width < width:
            part._coarsen()
        return np.asarray(part._sums).reshape(-1, 2 * self.frequencies.shape[1])

    def _add(self, count: int, total: NDArray[np.float64]) -> None:
        self._open, self._opened = self._open + total, self._opened + count
        if self._opened == self.width:
            self._sums.append(self._open)
            self._open, self._opened = np.zeros_like(self._open), 0
            self._limit()

    def _limit(self) -> None:
        while len(self._sums) > 2 * MOST_BINS:
            self._coarsen()

    def _coarsen(self) -> None:
        if len(self._sums) % 2:
            self._open, self._opened = self._open + self._sums[-1], self._opened + self.width
        self._sums = [self._sums[at] + self._sums[at + 1] for at in range(0, len(self._sums) - 1, 2)]
        self.width *= 2

    def _copy(self) -> FourierSketch:
        other = FourierSketch(self.frequencies, self.origin)
        other.width, other._sums = self.width, list(self._sums)
        other._open, other._opened = self._open, self._opened
        return other


@one_thread()
def _require_one_basis(first: FourierSketch, other: FourierSketch) -> None:
    if not (np.array_equal(first.frequencies, other.frequencies) and np.array_equal(first.origin, other.origin)):
        raise BlockError(
            "expected sketches with the same frequencies and origin: make both with one seed and bandwidth"
        )


def compare_sketches(
    reference: FourierSketch, current: FourierSketch, *, permutations: int = 1000, level: float = 0.05, seed: int = 0
) -> PermutationTest:
    """Test two sketches with the same frequencies; the statistic is the unbiased MMD² of their features.

    Raises:
        BlockError: other frequencies, or too few rows for the level.
    """
    _require_one_basis(reference, current)
    width = max(reference.width, current.width)
    first, second = reference.bins(width), current.bins(width)
    require_reachable(level, permutations, len(first), len(second), of=f"bins of {width} rows")
    sums = np.vstack([first, second]) / np.sqrt(reference.frequencies.shape[1])
    pairs = sums @ sums.T
    selves = np.full(len(sums), float(width))  # a row's features have length 1
    pairs[np.diag_indices(len(sums))] -= selves
    bins = PermutationBins(width, len(first), len(second))
    permuted = sums_of_pairs(pairs[None], selves[None], bins, permutations, np.random.default_rng(seed))
    verdict = permutation_result(PermutedStatistics(permuted.unbiased()[0], 1e-12), level=level)
    return PermutationTest(**vars(verdict), level=level, scheme="bins", rows=(permuted.n, permuted.m))


def mmd_features_test(
    reference: Iterable[Sample],
    current: Iterable[Sample],
    *,
    kernel: str | Kernel = "gaussian",
    bandwidth: float | None = None,
    features: int = 512,
    permutations: int = 1000,
    level: float = 0.05,
    seed: int = 0,
) -> FeaturesTest:
    """Test whether two samples, too large to be held, come from one distribution.

    Args:
        reference: chunks of rows, (n, d) each; one pass is made over them. Of a Parquet file, row group by row group
            (`ParquetFile.read_row_group`): pyarrow's iterator over a whole file holds on to what it has read.
        current: chunks of rows.
        kernel: a name in `drift.detect.two_sample.kernels.KERNELS`, or a kernel.
        bandwidth: by default the median distance among rows of both first chunks.
        features: cosines and sines together; the statistic's error falls with its root.
        permutations: B, of which the p-value is (1 + count) / (1 + B).
        level: for `threshold` and `rejected`.
        seed: of features and permutations.

    Raises:
        BlockError: chunks that cannot be compared, or too few rows for the level.
    """
    chosen = KERNELS.get(kernel) if isinstance(kernel, str) else kernel
    if chosen is None:
        raise BlockError(f"expected kernel {', '.join(sorted(KERNELS))}, got {kernel!r}")
    if features < 2 or not (bandwidth is None or 0 < bandwidth < float("inf")):
        raise BlockError(f"expected 2 features or more and a bandwidth above 0, got {features} and {bandwidth}")
    rng = np.random.default_rng(seed)
    names: list[str] = []  # of the columns of data frames
    first, first_all = _peek(reference, "reference", names)
    second, second_all = _peek(current, "current", names)
    samples = two_samples(first, second)
    pooled, origin = samples.pooled, samples.raw().double().mean(dim=0).cpu().numpy()
    scale = bandwidth or median_bandwidth(distance_sample(pooled, chosen.metric, rng))
    frequencies = chosen.frequencies(features // 2, pooled.shape[1], scale, rng)
    sketches = FourierSketch(frequencies, origin), FourierSketch(frequencies, origin)
    for sketch, chunks in zip(sketches, (first_all, second_all), strict=True):
        for chunk in chunks:
            sketch.update(chunk)
    result = compare_sketches(*sketches, permutations=permutations, level=level, seed=seed)
    return FeaturesTest(**vars(result), kernel=chosen.name, bandwidths=(scale,), features=2 * (features // 2))


def _sums(rows: torch.Tensor, frequencies: torch.Tensor) -> list[tuple[int, NDArray[np.float64]]]:
    """Features summed over every `FIRST_WIDTH` rows, and over the rest: how many rows, and (2 D,) cosines and sines."""
    import torch

    full, rest = divmod(len(rows), FIRST_WIDTH)
    angles = rows @ frequencies
    parts = angles.cos(), angles.sin_()
    whole = [part[: len(rows) - rest].view(full, FIRST_WIDTH, part.shape[1]).sum(dim=1) for part in parts]
    last = [part[len(rows) - rest :].sum(dim=0, keepdim=True) for part in parts]
    totals = torch.cat([torch.cat(whole, dim=1), torch.cat(last, dim=1)]).double().cpu().numpy()
    counts = [FIRST_WIDTH] * full + [rest]
    return [(count, total) for count, total in zip(counts, totals, strict=True) if count]


def _chunk(chunk: Sample, where: str, names: list[str]) -> Sample:
    """A data frame as an array with its columns in the order of the first one's, whose names are kept in `names`."""
    if not is_frame(chunk):
        return chunk
    rows, columns = number_rows(chunk, where, names)
    names[:] = columns
    finite = np.isfinite(rows).all(axis=0)
    if not finite.all():
        raise BlockError(
            f"expected finite values, got some that are NaN or infinite in column {columns[int(finite.argmin())]!r} of"
            f" the {where}: fill them or drop the rows"
        )
    return rows


def _peek(chunks: Iterable[Sample], where: str, names: list[str]) -> tuple[Sample, Iterator[Sample]]:
    """The first chunk, and all of them; a sample that is no iterator but an array is the one chunk there is."""
    whole = hasattr(chunks, "shape")
    parts: Iterable[Any] = chunks if not whole else [chunks if is_frame(chunks) else np.asarray(chunks)]
    every = (_chunk(part, where, names) for part in parts)
    try:
        first = next(every)
    except StopIteration:
        raise BlockError(f"expected chunks of rows, got none in {where}") from None
    return first, chain([first], every)
