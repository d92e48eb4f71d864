"""What a kernel is: a function of the distance between two rows, and of a bandwidth."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


class KernelDistance(StrEnum):
    """Of what distance a kernel is a function."""

    SQUARED_EUCLIDEAN = "squared Euclidean"
    CITY_BLOCK = "city block"


class Kernel(Protocol):
    """One file beside this one, one import line in `__init__`; `test_kernels.py` then finds it.

    Attributes:
        name: as the command line and `kernel="..."` call it.
        metric: of what distance it is a function; by default, of the squared Euclidean one.
        shrink: by what the bandwidth shrinks when values are squared; None if their squares are no values of it.
    """

    name: ClassVar[str]
    metric: ClassVar[KernelDistance] = KernelDistance.SQUARED_EUCLIDEAN
    shrink: ClassVar[float | None] = None

    def factor(self, bandwidth: float) -> float:
        """What a distance is multiplied by before `apply`; it costs nothing where distances are made."""
        ...

    def apply(self, scaled: torch.Tensor) -> None:
        """Turn distances times `factor` (r, c) into the kernel's values, in place; in [0, 1] but for rounding."""
        ...

    def frequencies(
        self, count: int, dimensions: int, bandwidth: float, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Draw (dimensions, count) frequencies w with E[cos(w . (x - y))] = k(x, y) (Bochner's theorem)."""
        ...
