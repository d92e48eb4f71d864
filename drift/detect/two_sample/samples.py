"""Checked samples for every two-sample test: arrays, tensors or data frames in, tensors out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.data.frames import is_frame, number_rows
from drift.errors import BlockError

if TYPE_CHECKING:
    import torch

    Sample: TypeAlias = NDArray[Any] | torch.Tensor


@dataclass(frozen=True)
class TwoSamples:
    """Rows of a reference and rows to compare with it, of one width, type and device; every value is finite.

    Attributes:
        reference: (n, d) float32 or float64.
        current: (m, d).
    """

    reference: torch.Tensor
    current: torch.Tensor

    @property
    def n(self) -> int:
        """Rows of the reference."""
        return len(self.reference)

    @property
    def m(self) -> int:
        """Rows to compare with it."""
        return len(self.current)

    def raw(self) -> torch.Tensor:
        """All rows as they are, (n + m, d), the reference's first."""
        import torch

        return torch.cat([self.reference, self.current])

    @cached_property
    def pooled(self) -> torch.Tensor:
        """All rows, (n + m, d), the reference's first, moved so that their mean is 0.

        A distance does not change by that, but fewer of its digits cancel.
        """
        rows = self.raw()
        return rows - rows.mean(dim=0)

    def squares_fit(self) -> bool:
        """Whether sums of squared distances are neither too large nor too small for the type."""
        import torch

        extent, limits = float(self.pooled.abs().max()), torch.finfo(self.reference.dtype)
        return sqrt(limits.tiny / limits.eps) < extent < sqrt(limits.max / (64 * self.pooled.shape[1]))

    def standardised(self) -> TwoSamples:
        """The same rows in units of each feature's standard deviation over both samples; 0 where it is constant.

        Both samples together give the scale, so tests that permute rows stay exact.
        """
        rows = self.pooled
        spread = rows.std(dim=0, unbiased=False)
        rows = rows / spread.where(spread > 0, 1)
        return TwoSamples(rows[: self.n], rows[self.n :])


def two_samples(reference: Sample, current: Sample) -> TwoSamples:
    """Check two samples and bring them to one type.

    Args:
        reference: (n, d), or (n,) for one feature; array, tensor or data frame (`frames`). float32 stays float32, and
            makes both samples so; any other type becomes float64.
        current: (m, d) or (m,); on the same device. Of two data frames, columns are matched by name.

    Raises:
        BlockError: no or one row, different widths, duplicate names, text, NaN or infinity, values whose squares do not
            fit the type, or not one value that differs from another.
    """
    import torch

    names: tuple[str, ...] = ()
    if is_frame(reference):
        reference, names = number_rows(reference, "reference")
    if is_frame(current):
        current, names = number_rows(current, "current sample", names)
    x, y = _tensor(reference, "reference", names), _tensor(current, "current", names)
    if x.shape[1] != y.shape[1]:
        raise BlockError(
            f"expected samples of one width, got reference.shape={tuple(x.shape)} and current.shape={tuple(y.shape)}."
            " Was the model retrained on other columns?"
        )
    if x.device != y.device:
        raise BlockError(f"expected samples on one device, got {x.device} and {y.device}: move one with .to(device)")
    dtype = torch.float32 if torch.float32 in (x.dtype, y.dtype) else torch.float64
    x, y = x.to(dtype), y.to(dtype)  # the lower precision: 0.1 is not the float32 of 0.1
    samples = TwoSamples(x, y)
    shapes = f"(reference.shape={tuple(x.shape)}, current.shape={tuple(y.shape)})"
    if bool((x == x[0]).all()) and bool((y == x[0]).all()):
        raise BlockError(f"expected rows that differ, got the same one {len(x) + len(y)} times {shapes}")
    if samples.squares_fit():
        return samples
    samples = TwoSamples(x.double(), y.double())
    if not samples.squares_fit():
        raise BlockError(
            f"expected values whose squares fit {samples.reference.dtype}, got distances from the mean up to"
            f" {float(samples.pooled.abs().max()):.3g} {shapes}: scale the features"
        )
    return samples


def _tensor(sample: Sample, name: str, columns: tuple[str, ...]) -> torch.Tensor:
    import torch

    if not isinstance(sample, torch.Tensor):
        array = np.asarray(sample)
        if array.dtype.kind not in "biuf":
            raise BlockError(
                f"expected numbers, got {array.dtype} in {name}.shape={array.shape}: leave text out, or see"
                " feature_tests"
            )
        rows = torch.as_tensor(np.ascontiguousarray(array))
    else:
        rows = sample.detach()
    if rows.dtype not in (torch.float32, torch.float64):
        rows = rows.to(torch.float64)
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or len(rows) < 2 or rows.shape[1] < 1:
        raise BlockError(f"expected 2 rows or more of one width, got {name}.shape={tuple(np.shape(sample))}")
    shape = f"{name}.shape={tuple(rows.shape)}"
    finite = rows.isfinite()
    if not bool(finite.all()):
        bad = (~finite).nonzero()
        row, column = bad[0].tolist()
        raise BlockError(
            f"expected finite values, got {len(bad)} that are NaN or infinite in {shape},"
            f" the first in row {row}, column {columns[column] if columns else column}: fill them or drop the rows"
        )
    return rows
