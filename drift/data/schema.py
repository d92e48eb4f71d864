"""The schema of a table: which columns it has, of which kind, and which one holds the labels.

Every kind may have missing values. How kinds are inferred is stated in `drift.data.inference`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["number", "integer", "boolean", "category", "timestamp"]
TimeFormat: TypeAlias = Literal["", "iso", "day_first", "month_first", "epoch"]

NUMERIC = ("number", "integer")
DATE_FORMATS: tuple[TimeFormat, ...] = ("day_first", "month_first")  # which a date such as 01/02/2026 leaves open


def time_option(text: str) -> tuple[str, TimeFormat]:
    """The column that an option names as the time, and the format of its dates, if that is said.

    Args:
        text: NAME, NAME:day_first or NAME:month_first.

    >>> time_option("sold"), time_option("sold:day_first")
    (('sold', ''), ('sold', 'day_first'))
    """
    for form in DATE_FORMATS:
        if text.endswith(f":{form}"):
            return text.removesuffix(f":{form}"), form
    return text, ""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: of the column.
        kind: None if it has no values yet, or values of no kind (`note` says which).
        format: how the texts or numbers of a timestamp are written; empty if they are no texts.
        note: why there is no kind, in words that follow the column's name, such as "has no values".
        bad: number of values that are not of this kind: texts among numbers or among dates.
        bad_rows: the first of them, from 0.
        example: one of them.
    """

    name: str
    kind: Kind | None
    format: TimeFormat = ""
    note: str = ""
    bad: int = 0
    bad_rows: tuple[int, ...] = ()
    example: str = ""

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers or integers."""
        return self.kind in NUMERIC


@dataclass(frozen=True)
class Schema:
    """The columns of a table in their order.

    Attributes:
        columns: all of them, of different names.
        label: the column that is to be predicted; empty if there is none.
        target: whether the label is a class or a number.

    >>> schema = Schema((Column("x", "number"), Column("y", "category")), label="y")
    >>> schema["x"].kind, Schema.from_json(schema.to_json()) == schema
    ('number', True)
    """

    columns: tuple[Column, ...]
    label: str = ""
    target: Literal["class", "number"] = "class"

    def __getitem__(self, name: str) -> Column:
        """The column of that name; `KeyError` if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def __deepcopy__(self, memo: object) -> Schema:
        """Itself, which cannot be changed: pandas copies `attrs` at every step."""
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(column.name for column in self.columns)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"columns": [asdict(column) for column in self.columns]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schema:
        """The schema that `to_json` wrote."""
        columns = (Column(**{**part, "bad_rows": tuple(part.get("bad_rows", ()))}) for part in data["columns"])
        return cls(tuple(columns), data.get("label", ""), data.get("target", "class"))
