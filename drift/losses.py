"""Plain losses, checked where they come in: one that is missing would silence a detector for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drift.errors import BlockError

WHAT_TO_DO = "drop the row, or wait for its label"


def checked_losses(losses: ArrayLike, *, binary: bool = False) -> NDArray[np.float64]:
    """Losses as an array (n,) of float64, each from 0 to 1.

    Args:
        losses: (n,) numbers or truth values: an array, a tensor, a sequence, or a column of a data frame.
        binary: whether only 0 and 1 are losses.

    Raises:
        BlockError: another shape; or a value that is missing, no number or out of range, with its position.

    >>> checked_losses([0, 1, True])
    array([0., 1., 1.])
    """
    given: Any = losses
    if hasattr(given, "detach"):  # a tensor
        given = given.detach().cpu()
    if isinstance(given, np.ma.MaskedArray):
        given = np.where(np.ma.getmaskarray(given), np.nan, given.data)
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        values = _numbers(given)
    if values.ndim != 1:
        raise BlockError(f"expected losses (n,), one for each row, got shape {values.shape}")
    good = np.isin(values, (0, 1)) if binary else (values >= 0) & (values <= 1)
    if not bool(good.all()):
        row = int((~good).argmax())
        raise BlockError(_refusal(list(given)[row] if np.isnan(values[row]) else values[row], row, binary=binary))
    return values


def each_checked(losses: Iterable[float]) -> Iterator[float]:
    """The same losses, one by one as they are asked for, each checked as by `checked_losses`."""
    for row, loss in enumerate(losses):
        try:
            good = bool(0 <= loss <= 1)
        except (TypeError, ValueError):
            good = False
        if not good:
            raise BlockError(_refusal(loss, row))
        yield float(loss)


def _numbers(given: Any) -> NDArray[np.float64]:
    """One by one, with NaN for what is no number."""
    values = []
    for loss in list(given):
        if np.ndim(loss):
            raise BlockError("expected losses (n,), one for each row, got rows of several values")
        try:
            values.append(float(loss))
        except (TypeError, ValueError):
            values.append(float("nan"))
    return np.asarray(values, dtype=np.float64)


def _refusal(loss: Any, row: int, *, binary: bool = False) -> str:
    shown = str(loss) if isinstance(loss, (float, np.floating)) else repr(loss)
    return f"expected losses of 0 {'or' if binary else 'to'} 1, got {shown} in row {row}: {WHAT_TO_DO}"
