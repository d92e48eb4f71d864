"""Parsing of values: of one column, whatever source it comes from, as numbers, timestamps or texts.

A *mark* of a missing value (`MISSING`: an empty text, NA, None, null, NaN ...) is missing in columns of numbers,
integers, booleans and timestamps. In a category, and so in labels and keys, only an empty text is missing: NA may be
Namibia, and None a class. This holds for all sources alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from drift.data.schema import TimeFormat
from drift.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Texts: TypeAlias = NDArray[np.object_]  # str, or None where missing
Floats: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

MISSING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"}
    | {"NULL", "NaN", "NaT", "None", "n/a", "nan", "null"}
)
EXACT = 2**53  # integers beyond it are rounded by float64
POWERS = 10.0 ** np.arange(23)  # those that float64 holds exactly
SIX_DIGITS = 5  # decimals that leave six significant digits of a number from 1 to 10
AT_ONCE = 8_192  # numbers, whose intermediate results stay in a core's cache
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?|inf(inity)?)\s*", re.IGNORECASE | re.ASCII)
INTEGER = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
BOOLEANS = {"true": True, "false": False}  # of lower-case text

_TIME = r"(?:[T ]+(\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)(?:\s*([AP]M))?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?)?"
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})(?:\2(\d{1,2}))?" + _TIME, re.IGNORECASE | re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})" + _TIME, re.IGNORECASE | re.ASCII)
_DAY_NAME = re.compile(r"(\d{1,2})[- ]([a-z]{3})[a-z]*\.?[- ,]+(\d{4}|\d{2})" + _TIME, re.IGNORECASE | re.ASCII)
_NAME_DAY = re.compile(r"([a-z]{3})[a-z]*\.? (\d{1,2}),? (\d{4})" + _TIME, re.IGNORECASE | re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def as_numbers(column: pd.Series) -> tuple[Floats, Mask]:
    """Numbers of a column, and where a value is none.

    Args:
        column: numbers, booleans, Decimals, or their texts.

    Returns:
        Numbers (n,), float32 as they are and all else as float64, NaN where missing; and a mask (n,) of other values.
    """
    from pandas.api import types

    dtype = column.dtype
    if types.is_bool_dtype(dtype) or types.is_numeric_dtype(dtype):
        single = str(dtype).lower() in ("float32", "float16", "float[pyarrow]", "halffloat[pyarrow]")
        values = column.to_numpy(np.float32 if single else np.float64, na_value=np.nan)
        return np.asarray(values), np.zeros(len(column), bool)
    if types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype):
        return np.full(len(column), np.nan), column.notna().to_numpy()
    try:
        codes, distinct = factorized(column)
    except TypeError:  # lists, of which none is a number
        return np.full(len(column), np.nan), column.notna().to_numpy()
    parsed = [_as_number(value) for value in distinct]
    numbers = np.asarray([np.nan if number is None else number for number in parsed] + [np.nan], np.float64)
    wrong = np.asarray([number is None for number in parsed] + [False])
    return numbers[codes], wrong[codes]


def factorized(column: pd.Series) -> tuple[NDArray[np.intp], list[Any]]:
    """Codes of a column's values (n,), -1 where missing, and the values that they stand for.

    Raises:
        TypeError: values that cannot be told apart, such as lists.
    """
    import pandas as pd

    codes, values = pd.factorize(column, use_na_sentinel=True)
    return codes, np.asarray(values, object).tolist()


def _as_number(value: object) -> float | None:
    """A value as a number, NaN if it is a mark of a missing one, None if it is neither."""
    if isinstance(value, str):
        if value.strip() in MISSING:
            return float("nan")
        return float(value) if NUMBER.fullmatch(value) else None
    return float(value) if isinstance(value, (Real, Decimal, np.bool_)) else None


def widened(numbers: Floats) -> NDArray[np.float64]:
    """Numbers as float64; of a float32, the shortest decimal number that rounds to it: .1 is .1 from any source.

    >>> float(np.float32(0.1)), widened(np.asarray([0.1], np.float32)).tolist()
    (0.10000000149011612, [0.1])
    """
    if numbers.dtype != np.float32:
        return np.asarray(numbers, np.float64)
    single = np.asarray(numbers, np.float32).ravel()
    exact = single.astype(np.float64)
    for start in range(0, len(single), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        _widen(single[part], exact[part])
    return exact.reshape(numbers.shape)


def _widen(single: NDArray[np.float32], exact: NDArray[np.float64]) -> None:
    """Put the shortest decimal numbers in the place of exact values, (n,).

    A float32 has at most 9 significant digits, so that both the digits as an integer and the power of ten are exact in
    float64, and their quotient is the float64 that is next to the decimal number (Clinger 1990). Where the power is
    not, Arrow writes the number and reads it again, which takes five times as long.
    """
    size = np.abs(exact)
    known = (size >= 1e-14) & (size < 2**24)
    decimals = SIX_DIGITS - np.floor(np.log10(size, out=np.zeros_like(size), where=known)).astype(np.int64)
    scale = POWERS[np.maximum(decimals, 0)]
    decimal = np.rint(exact * scale) / scale
    for _ in range(3):
        longer = known & (decimal.astype(np.float32) != single)
        if not longer.any():
            break
        scale *= 10
        np.copyto(decimal, np.rint(exact * scale) / scale, where=longer)
    np.copyto(exact, decimal, where=known)
    others = ~known & np.isfinite(single) & (single != 0)
    if others.any():
        import pyarrow as pa

        exact[others] = pa.array(single[others]).cast(pa.string()).cast(pa.float64()).to_numpy()


def beyond_float(column: pd.Series) -> bool:
    """Whether a column has integers that float64 would round."""
    from pandas.api import types

    if types.is_integer_dtype(column.dtype):
        present = column.dropna()
        return bool(len(present)) and (int(present.max()) > EXACT or int(present.min()) < -EXACT)
    if column.dtype != object:
        return False
    return any(isinstance(value, (int, np.integer)) and abs(int(value)) > EXACT for value in column)


@dataclass(frozen=True)
class Times:
    """Timestamps of a column.

    Attributes:
        values: (n,) in UTC, NaT where missing or wrong.
        wrong: (n,) values that are no timestamps.
        format: how they are written.
        ambiguous: a date whose day and month cannot be told apart, nor by the other rows; empty if they can.
    """

    values: NDArray[np.datetime64]
    wrong: Mask
    format: TimeFormat
    ambiguous: str = ""


def as_times(column: pd.Series, format: TimeFormat = "", *, named: bool = True) -> Times:
    """Timestamps of a column; without a zone they are taken to be in UTC.

    Args:
        column: datetimes, dates, texts, or numbers (seconds, milliseconds, microseconds or nanoseconds since 1970).
        format: as known from a schema; by default as the values show.
        named: whether somebody said that this column holds times; if not, neither numbers nor texts of digits are.
    """
    import pandas as pd
    from pandas.api import types

    if types.is_datetime64_any_dtype(column.dtype):
        return _parsed(pd.to_datetime(column, utc=True), np.zeros(len(column), bool), "")
    if types.is_bool_dtype(column.dtype) or (types.is_numeric_dtype(column.dtype) and not named):
        return Times(np.full(len(column), "NaT", "datetime64[us]"), column.notna().to_numpy(), "")
    if types.is_numeric_dtype(column.dtype):
        return _of_epoch(column)
    if not format.endswith("first") and isinstance(column.dtype, pd.StringDtype):  # a short way for most tables
        moments = pd.to_datetime(column.reset_index(drop=True), errors="coerce", utc=True, format="ISO8601")
        if moments.notna().all():
            return _parsed(moments, np.zeros(len(column), bool), "iso")
    return _of_values(column, format, named=named)


def _of_values(column: pd.Series, format: TimeFormat, *, named: bool) -> Times:
    """Timestamps of texts in any form, and of dates."""
    import pandas as pd

    try:
        codes, values = factorized(column)
    except TypeError:
        return Times(np.full(len(column), "NaT", "datetime64[us]"), column.notna().to_numpy(), "")
    texts = [value if isinstance(value, str) else None for value in values]
    marks = np.asarray([text is not None and text.strip() in MISSING for text in texts] + [True])
    if named and _are_epochs(texts):
        return _of_epoch(pd.Series(as_numbers(column)[0]))
    moments = pd.to_datetime(pd.Series([*values, None], dtype=object), errors="coerce", utc=True, format="ISO8601")
    order: TimeFormat = format or "iso"
    ambiguous = ""
    left = np.flatnonzero((moments.isna().to_numpy() | (not named)) & ~marks)
    if len(left):
        order, ambiguous = _order([text for at in left if (text := texts[at])], format)
        as_iso = [values[at] if texts[at] is None else _iso(str(texts[at]), order) for at in left]
        again = pd.to_datetime(pd.Series(as_iso, dtype=object), errors="coerce", utc=True, format="ISO8601")
        moments = moments.where(~np.isin(np.arange(len(moments)), left), again.set_axis(left).reindex(moments.index))
    wrong = moments.isna().to_numpy() & ~marks
    return _parsed(moments.iloc[codes], wrong[codes], order, ambiguous)


def _parsed(moments: pd.Series, wrong: Mask, format: TimeFormat, ambiguous: str = "") -> Times:
    return Times(moments.dt.tz_localize(None).to_numpy(), wrong, format, ambiguous)


def _are_epochs(texts: Sequence[str | None]) -> bool:
    """Whether all values are texts of whole numbers, but not of eight digits, which are a date in ISO 8601."""
    present = [text.strip() for text in texts if text is not None and text.strip() not in MISSING]
    return None not in texts and bool(present) and all(INTEGER.fullmatch(text) and len(text) != 8 for text in present)


def _of_epoch(column: pd.Series) -> Times:
    """Numbers since 1970-01-01, whose size tells their unit; eight digits are a date, such as 20260131."""
    import pandas as pd

    numbers = column.astype("Float64").to_numpy(np.float64, na_value=np.nan)
    present = numbers[np.isfinite(numbers)]
    middle = float(np.median(np.abs(present))) if len(present) else 0.0
    if 19_000_101 <= middle <= 21_001_231 and (present % 1 == 0).all():
        digits = pd.Series([f"{number:.0f}" if np.isfinite(number) else None for number in numbers], dtype=object)
        moments = pd.to_datetime(digits, errors="coerce", utc=True, format="%Y%m%d")
        return _parsed(moments, moments.isna().to_numpy() & ~np.isnan(numbers), "epoch")
    unit = next((unit for unit, least in (("ns", 1e17), ("us", 1e14), ("ms", 1e11), ("s", 1e8)) if middle >= least), "")
    if not unit:
        return Times(np.full(len(numbers), "NaT", "datetime64[us]"), ~np.isnan(numbers), "epoch")
    parts = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}[unit]
    from pandas.api import types

    if types.is_integer_dtype(column.dtype) and not column.isna().any():
        whole = column.to_numpy(np.int64) * parts
        return Times(whole.astype("datetime64[ns]"), np.zeros(len(column), bool), "epoch")
    moments = pd.to_datetime(pd.Series(numbers), errors="coerce", utc=True, unit=cast("Any", unit))
    return _parsed(moments, moments.isna().to_numpy() & ~np.isnan(numbers), "epoch")


def _order(texts: list[str], format: TimeFormat) -> tuple[TimeFormat, str]:
    """Whether the day or the month comes first where the year comes last, and a date that does not tell."""
    if format in ("day_first", "month_first"):
        return format, ""
    dates = [match for text in texts if (match := _YEAR_LAST.fullmatch(text.strip())) is not None]
    if not dates:
        return "iso", ""
    day_first = sum(int(match[1]) > 12 for match in dates) + sum(match[2] == "." for match in dates)
    month_first = sum(int(match[3]) > 12 for match in dates)
    if day_first == month_first == 0:
        plain = next((match[0] for match in dates if match[1].zfill(2) != match[3].zfill(2)), "")
        return "day_first", plain
    return ("day_first" if day_first >= month_first else "month_first"), ""


def _iso(text: str, order: TimeFormat) -> str | None:
    """A date as ISO 8601; None if it is none."""
    text = text.strip()
    if match := _YEAR_FIRST.fullmatch(text):
        year, _, month, day, *time = match.groups()
    elif match := _YEAR_LAST.fullmatch(text):
        first, _, second, year, *time = match.groups()
        day, month = (second, first) if order == "month_first" else (first, second)
    elif match := _DAY_NAME.fullmatch(text):
        day, month, year, *time = match.groups()
    elif match := _NAME_DAY.fullmatch(text):
        month, day, year, *time = match.groups()
    else:
        return None
    if month.isalpha():
        if month.lower() not in _MONTHS:
            return None
        month = str(_MONTHS.index(month.lower()) + 1)
    if len(year) == 2:
        year = f"{'20' if int(year) < 69 else '19'}{year}"
    clock, half, zone = time
    moment = f"{year}-{month.zfill(2)}-{(day or '1').zfill(2)}"
    if not clock:
        return moment
    hour, _, rest = clock.replace(",", ".").partition(":")
    if half:
        hour = str(int(hour) % 12 + 12 * (half.lower() == "pm"))
    zone = "Z" if zone and zone.upper() in ("Z", "UTC", "GMT") else zone or ""
    return f"{moment}T{hour.zfill(2)}:{rest}{zone}"


def looks_like_date(text: str) -> bool:
    """Whether a text is written as a date is; it may be none, such as 2026-02-31."""
    return any(form.fullmatch(text.strip()) for form in (_YEAR_FIRST, _YEAR_LAST, _DAY_NAME, _NAME_DAY))


def as_text(value: object) -> str:
    """A value as the name of a category or class; whole numbers are written without a point."""
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return str(int(value))
    return str(value)


def as_texts(column: pd.Series, form: Callable[[object], str] = as_text) -> Texts:
    """Texts of a column's values (n,), None where missing or empty.

    Args:
        column: of any type.
        form: what makes a text of a value.

    Raises:
        DataError: values that are no names, such as lists.
    """
    try:
        codes, values = factorized(column)
    except TypeError as error:
        raise DataError(
            f"expected texts or numbers in column {str(column.name)!r}, got {str(column.iloc[0])[:40]!r}: leave it out"
            " with --ignore"
        ) from error
    texts = np.asarray([*(form(value) for value in values), None], object)
    texts[texts == ""] = None
    return np.asarray(texts[codes])


def decimal_comma(texts: Iterable[str]) -> bool:
    """Whether all texts are numbers with a decimal comma."""
    return all(re.fullmatch(r"\s*[+-]?\d+(,\d+)?(e[+-]?\d+)?\s*", text, re.IGNORECASE) for text in texts)
