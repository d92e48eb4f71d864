"""Values of a source's columns as the monitor holds them: numbers, texts and times; other values are refused."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drift.data.problems import NO_DATE, ambiguous_date
from drift.data.schema import TimeFormat
from drift.data.values import as_numbers, as_text, as_texts, as_times, widened
from drift.errors import DataError
from drift.invocation import shell_words
from drift.monitor.sources.rows import Texts

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 200  # characters of a text that are kept; longer ones keep their beginning and a digest
ROUNDED = 0.005  # what rounding to two places changes a probability by
LARGEST = 1e70  # of numbers; what is beyond counts as infinite, since the square of its square would be


def numbers(column: pd.Series, name: str, *, exact: bool = False) -> NDArray[np.float64]:
    """A column's numbers, (n,): NaN where missing, infinite beyond `LARGEST`.

    Args:
        column: of any type.
        name: of it.
        exact: of a float32, its value to the last bit instead of the shortest decimal number.

    Raises:
        DataError: texts among them.
    """
    read, wrong = as_numbers(column)
    if wrong.any():
        at = int(wrong.argmax())
        raise DataError(
            f"expected numbers in column {name!r}, as in earlier rows; got {short(column.iloc[at])!r}:"
            f" convert it, or begin another monitor with {shell_words('--categories', name)} or"
            f" {shell_words('--ignore', name)}"
        )
    values = read.astype(np.float64) if exact else widened(read)
    large = np.abs(values) > LARGEST
    if large.any():
        values = np.where(large & np.isfinite(values), np.copysign(np.inf, values), values)
    return np.asarray(values)


def class_names(column: pd.Series, name: str) -> Texts:
    """Names of classes; whole numbers are written without a point, however the source types them."""
    from pandas.api import types

    if types.is_float_dtype(column.dtype):
        fractions = column[(column % 1 != 0) & column.notna()]
        if len(fractions):
            raise DataError(
                f"expected classes in column {name!r}, got the number {fractions.iloc[0]:g}:"
                " for a number to predict, begin the monitor with --task regression"
            )
        column = column.astype("Int64")
    return texts(column, name)


def texts(column: pd.Series, name: str) -> Texts:
    """Text of every value, cut where it is endless; None where missing or empty."""
    return as_texts(column.rename(name), lambda value: cut_short(as_text(value)))


def cut_short(text: str) -> str:
    """A text of at most `LONGEST` characters, different for different texts."""
    if len(text) <= LONGEST:
        return text.replace("\0", "\ufffd")
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return text[: LONGEST - 18].replace("\0", "\ufffd") + f"… {digest}"


def short(value: object) -> str:
    """A value as an error shows it."""
    return str(value)[:40]


def times(column: pd.Series, name: str, keys: Texts, *, format: TimeFormat = "") -> NDArray[np.datetime64]:
    """A column's times, (n,): in UTC, to which a time without a zone is taken to belong.

    Args:
        column: datetimes, texts, or numbers since 1970.
        name: of it.
        keys: of the rows, for messages.
        format: as the monitor's first rows had it.

    Raises:
        DataError: something that is no date, or is missing; or dates whose day and month cannot be distinguished.
    """
    parsed = as_times(column, format)
    unread = np.isnat(parsed.values)
    if unread.any():
        at = int(unread.argmax())
        raise DataError(f"column {name!r}: {NO_DATE}, got {short(column.iloc[at])!r} for key {keys[at]!r}")
    if parsed.ambiguous:
        raise DataError(f"column {name!r}: {ambiguous_date(parsed.ambiguous, name)}")
    return parsed.values.astype("datetime64[ms]")


def probabilities(values: NDArray[np.float64], name: str, keys: Texts) -> NDArray[np.float64]:
    """Probabilities, (n,), clipped where rounding put them beyond 0 or 1.

    Raises:
        DataError: what is no probability, with the key of its row.
    """
    wrong = ~((values >= -1e-6) & (values <= 1 + 1e-6))
    if wrong.any():
        at = int(wrong.argmax())
        raise DataError(
            f"expected probabilities from 0 to 1 in column {name!r}, got {values[at]:g} for key {keys[at]!r}"
        )
    return np.clip(values, 0.0, 1.0)


def require_sum(spread: NDArray[np.float64], names: Sequence[str], keys: Texts) -> None:
    """Refuse probabilities of all classes whose sum is not 1, but for rounding to two places.

    Args:
        spread: (n, k).
        names: of the k columns.
        keys: of the rows, for messages.

    Raises:
        DataError: with the first such row and their number.
    """
    total = spread.sum(axis=1)
    wrong = np.abs(total - 1) > ROUNDED * (len(names) + 1)
    if wrong.any():
        at = int(wrong.argmax())
        raise DataError(
            f"expected probabilities whose sum is 1 in columns {', '.join(names[:9])}, got {total[at]:.3g} for key"
            f" {keys[at]!r} (and {int(wrong.sum()) - 1:,} more rows): give a column for each class, or the probability"
            " of the predicted one by --probability"
        )
