"""Conditions on a row's features, and slices that are named by them: read from text, never evaluated as code."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drift.data.values import as_text
from drift.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_CONDITION = re.compile(r"\s*(\"[^\"]+\"|'[^']+'|.+?)\s*(<=|>=|==|!=|<|>)\s*(.+?)\s*", re.DOTALL)


@dataclass(frozen=True)
class Condition:
    """One comparison of a feature with a value; a missing value satisfies none but that it is missing.

    Attributes:
        column: the feature.
        op: one of `OPERATORS`.
        value: that is compared with; None with `==` or `!=`: whether a value is missing.
    """

    column: str
    op: str
    value: float | str | None

    def rows(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Where it holds, (n,).

        Raises:
            UsageError: a column that is not there, or text where numbers are.
        """
        if self.column not in frame.columns:
            raise UsageError(f"expected a feature, got {self.column!r}: there are {', '.join(map(str, frame))}")
        values = frame[self.column]
        not_missing = values.notna().to_numpy()
        if self.value is None:
            return np.asarray(~not_missing if self.op == "==" else not_missing)
        number = values.dtype.kind == "f"
        if number and isinstance(self.value, str):
            raise UsageError(f"expected a number for {self.column!r}, got {self.value!r}")
        if not number and self.op not in ("==", "!="):
            raise UsageError(f"expected == or != for {self.column!r}, which has categories; got {self.op}")
        wanted = self.value if number else as_text(self.value)
        return np.asarray(OPERATORS[self.op](values.to_numpy(), wanted), bool) & not_missing

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.column} {'is' if self.op == '==' else 'is not'} missing"
        value = f"{self.value:.6g}" if isinstance(self.value, float) else f"'{self.value}'"
        return f"{self.column} {self.op} {value}"


@dataclass(frozen=True)
class Slice:
    """Rows for which all conditions hold.

    Attributes:
        name: of the slice.
        conditions: on features.
    """

    name: str
    conditions: tuple[Condition, ...]

    def rows(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Where they hold, (n,)."""
        holds = np.ones(len(frame), bool)
        for condition in self.conditions:
            holds &= condition.rows(frame)
        return holds


def parse_slice(text: str) -> Slice:
    """A slice from `NAME: CONDITION and CONDITION`; a condition is `feature <= 0.25` or `state == 'NSW'`.

    A feature whose name has signs of comparison is put in quotation marks.

    Raises:
        UsageError: anything else.

    >>> [str(condition) for condition in parse_slice("night: period < 0.25 and state != 'VIC'").conditions]
    ['period < 0.25', "state != 'VIC'"]
    """
    name, colon, rest = text.partition(":")
    if not colon or not name.strip() or not rest.strip():
        raise UsageError(f"expected a slice as 'NAME: feature < number and ...', got {text!r}")
    return Slice(name.strip(), tuple(_condition(part, text) for part in re.split(r"\s+and\s+", rest.strip())))


def _condition(part: str, whole: str) -> Condition:
    match = _CONDITION.fullmatch(part)
    if match is None:
        raise UsageError(f"expected a condition such as 'feature <= 0.25', got {part!r} in {whole!r}")
    column, op, value = match.groups()
    column = _unquoted(column) or column
    if (text := _unquoted(value)) is not None:
        return Condition(column, op, text)
    try:
        return Condition(column, op, float(value))
    except ValueError:
        return Condition(column, op, value)


def _unquoted(text: str) -> str | None:
    """The text inside quotation marks; None without them."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else None
