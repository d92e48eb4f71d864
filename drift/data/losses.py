"""Losses, and the answers and labels that they come from, checked where they come in.

A missing loss would silence a detector for ever; NumPy takes a row of NaN for class 0, and a missing label for a wrong
answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drift.errors import BlockError

WHAT_TO_DO = "drop the row, or wait for its label"


def checked_losses(
    losses: ArrayLike, *, binary: bool = False, what: str = "losses", unit: str = "row"
) -> NDArray[np.float64]:
    """Losses as an array (n,) of float64, each from 0 to 1.

    Args:
        losses: (n,) numbers or truth values: an array, a tensor, a sequence, or a column of a data frame.
        binary: whether only 0 and 1 are losses.
        what: the numbers are, for messages: mean losses, or right answers.
        unit: that each is of, for messages: a row, or a block.

    Raises:
        BlockError: another shape; or a value that is missing, no number or out of range, with its position.

    >>> checked_losses([0, 1, True])
    array([0., 1., 1.])
    """
    raw: Any = losses
    if hasattr(raw, "detach"):  # a tensor
        raw = raw.detach().cpu()
    if isinstance(raw, np.ma.MaskedArray):
        raw = np.where(np.ma.getmaskarray(raw), np.nan, raw.data)
    try:
        values = np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError):
        values = _numbers(raw)
    if values.ndim != 1:
        raise BlockError(f"expected {what} (n,), one for each {unit}, got shape {values.shape}")
    good = np.isin(values, (0, 1)) if binary else (values >= 0) & (values <= 1)
    if not bool(good.all()):
        row = int((~good).argmax())
        loss = list(raw)[row] if np.isnan(values[row]) else values[row]
        raise BlockError(_refusal(loss, row, binary=binary, what=what, unit=unit))
    return values


def predicted_classes(probabilities: ArrayLike, where: str = "") -> NDArray[np.int64]:
    """The most probable class of each row, (n,) codes from 0.

    Args:
        probabilities: (n, classes).
        where: they belong to, for messages: " of block 3".

    Raises:
        BlockError: another shape, or a probability that is NaN, with its row.

    >>> predicted_classes([[0.2, 0.8], [0.9, 0.1]])
    array([1, 0])
    """
    values = np.asarray(probabilities)
    if values.ndim != 2:
        raise BlockError(f"expected probabilities (n, classes){where}, got shape {values.shape}")
    bad = np.isnan(values).any(axis=1)
    if bad.any():
        row = int(bad.argmax())
        raise BlockError(
            f"expected probabilities{where}, got {values[row].tolist()} in row {row} ({int(bad.sum())} such rows): look"
            " for the model's fault, or drop the rows"
        )
    return np.asarray(values.argmax(axis=1), dtype=np.int64)


def wrong_answers(probabilities: ArrayLike, labels: ArrayLike, where: str = "") -> NDArray[np.float64]:
    """The loss of each row, (n,): 1 where the most probable class is not the label, else 0.

    Args:
        probabilities: (n, classes).
        labels: (n,) class codes; a code of no class, such as -1, is never predicted.
        where: they belong to, for messages: " of block 3".

    Raises:
        BlockError: unequal numbers of rows; a probability that is NaN, or a label that is missing or no code, with its
            row.

    >>> wrong_answers([[0.2, 0.8], [0.9, 0.1]], [1, 1])
    array([0., 1.])
    """
    predicted, codes = predicted_classes(probabilities, where), np.asarray(labels)
    if codes.shape != predicted.shape:
        raise BlockError(f"expected {len(predicted)} labels{where}, one for each row, got shape {codes.shape}")
    if codes.dtype.kind not in "biu":
        if codes.dtype.kind == "f":
            bad = ~np.isfinite(codes) | (codes != np.floor(codes))
        else:
            bad = np.asarray([not _is_code(label) for label in codes.tolist()], bool)
        if bad.any():
            row = int(bad.argmax())
            raise BlockError(
                f"expected class codes for labels{where}, got {codes.tolist()[row]!r} in row {row}: {WHAT_TO_DO}"
            )
    return np.asarray(predicted != codes.astype(np.int64), dtype=np.float64)


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


def _numbers(losses: Any) -> NDArray[np.float64]:
    """One by one, with NaN for what is no number."""
    values = []
    for loss in list(losses):
        if np.ndim(loss):
            raise BlockError("expected losses (n,), one for each row, got rows of several values")
        try:
            values.append(float(loss))
        except (TypeError, ValueError):
            values.append(float("nan"))
    return np.asarray(values, dtype=np.float64)


def _is_code(label: Any) -> bool:
    try:
        return bool(float(label).is_integer()) and not isinstance(label, (str, bytes))
    except (TypeError, ValueError):
        return False


def _refusal(loss: Any, row: int, *, binary: bool = False, what: str = "losses", unit: str = "row") -> str:
    shown = str(loss) if isinstance(loss, (float, np.floating)) else repr(loss)
    what_to_do = WHAT_TO_DO if unit == "row" else "leave it out"
    return f"expected {what} of 0 {'or' if binary else 'to'} 1, got {shown} in {unit} {row}: {what_to_do}"
