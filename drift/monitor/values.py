"""Values of a source's columns as the monitor holds them: numbers, texts, times; one line for what is none of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drift.errors import DataError
from drift.invocation import shell_words
from drift.monitor.rows import Texts

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 200  # characters of a text that are kept; longer ones keep their beginning and a digest
PERIODS = {  # what somebody may call one who takes --batch for it
    "minute": "1min", "hour": "1h", "hourly": "1h", "day": "1d", "daily": "1d", "week": "1w", "weekly": "1w",
    "month": "30d", "monthly": "30d",
}  # fmt: skip
LARGEST = 1e70  # of numbers; what is beyond counts as infinite, since the square of its square would be


def numbers(column: pd.Series, name: str) -> NDArray[np.float64]:
    """A column's numbers, (n,): NaN where missing, infinite beyond `LARGEST`.

    Raises:
        DataError: texts among them.
    """
    import pandas as pd
    from pandas.api import types

    if types.is_numeric_dtype(column.dtype):
        return _bounded(column.to_numpy(np.float64, na_value=np.nan))
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    text = np.isnan(values) & ~column.isna().to_numpy()
    if text.any():
        raise DataError(
            f"expected numbers in column {name!r}, as in earlier rows; got {short(column.iloc[int(text.argmax())])!r}:"
            f" convert it, or begin another monitor with {shell_words('--categories', name)} or"
            f" {shell_words('--ignore', name)}"
        )
    return _bounded(values)


def _bounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
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
    """Text of every value, cut where it is endless; None where missing or empty.

    Whole numbers are written without a point, however the source types them: a missing value makes fractions of them.
    """
    import pandas as pd

    try:
        codes, values = pd.factorize(column, use_na_sentinel=True)
    except TypeError as error:
        raise DataError(
            f"expected texts or numbers in column {name!r}, got {short(column.iloc[0])!r}: leave it out with --ignore"
        ) from error
    found = np.asarray([*(cut_short(as_text(value)) for value in values), None], object)
    found[found == ""] = None
    return np.asarray(found[codes])


def period_hint(absent: Iterable[str]) -> str:
    """What to add to a message about columns that are not there, where one of them names a period.

    >>> period_hint(["week"])
    '; for a batch of every week: --every 1w'
    """
    for name in absent:
        period = PERIODS.get(name.lower(), name if re.fullmatch(r"\d+(min|h|d|w)", name) else "")
        if period:
            return f"; for a batch of every {name}: --every {period}"
    return ""


def as_text(value: object) -> str:
    """A value as the name of a category or class."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def cut_short(text: str) -> str:
    """A text of at most `LONGEST` characters, different for different texts."""
    if len(text) <= LONGEST:
        return text.replace("\0", "\ufffd")
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return text[: LONGEST - 18].replace("\0", "\ufffd") + f"… {digest}"


def short(value: object) -> str:
    """A value as an error shows it."""
    return str(value)[:40]


def times(column: pd.Series, name: str, keys: Texts) -> NDArray[np.datetime64]:
    """A column's times, (n,): in UTC, to which a time without a zone is taken to belong.

    Raises:
        DataError: something that is no date, or is missing; it is told by its row's key.
    """
    import pandas as pd
    from pandas.api import types

    if types.is_numeric_dtype(column.dtype):
        raise DataError(f"expected dates in column {name!r}, got numbers: write them as ISO 8601")
    dated = types.is_datetime64_any_dtype(column.dtype)
    parsed = pd.to_datetime(column, errors="coerce", utc=True, format=None if dated else "ISO8601")
    unread = parsed.isna().to_numpy()
    if unread.any():
        at = int(unread.argmax())
        raise DataError(
            f"expected a date (ISO 8601) in column {name!r}, got {short(column.iloc[at])!r} for key {keys[at]!r}"
        )
    return np.asarray(parsed.dt.tz_localize(None).to_numpy("datetime64[ms]"))


def probabilities(values: NDArray[np.float64], name: str, keys: Texts) -> NDArray[np.float64]:
    """The same, (n,), without what rounding puts beyond 0 and 1.

    Raises:
        DataError: what is no probability; it is told by its row's key.
    """
    wrong = ~((values >= -1e-6) & (values <= 1 + 1e-6))
    if wrong.any():
        at = int(wrong.argmax())
        raise DataError(
            f"expected probabilities from 0 to 1 in column {name!r}, got {values[at]:g} for key {keys[at]!r}"
        )
    return np.clip(values, 0.0, 1.0)
