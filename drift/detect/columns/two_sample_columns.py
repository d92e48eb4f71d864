"""Checked columns of two samples, of numbers or categories, for the tests of one feature at a time.

Rows of numbers as a whole are checked by `drift.detect.two_sample.samples`.
"""

from __future__ import annotations

import numbers
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.data.frames import frame_columns, is_frame, plain_array, plain_column, require_different_names
from drift.errors import BlockError

if TYPE_CHECKING:
    import pandas as pd

    from drift.detect.two_sample.samples import Sample

    Features: TypeAlias = Sample | Mapping[str, Any] | pd.DataFrame


@dataclass(frozen=True)
class TwoSampleColumn:
    """One feature of both samples, without missing values.

    Attributes:
        name: of the feature.
        reference: (n,) finite floats, or codes 0, 1, ... of categories.
        current: (m,) likewise.
        categorical: whether values are codes.
    """

    name: str
    reference: NDArray[Any]
    current: NDArray[Any]
    categorical: bool = False


def plain_columns(reference: NDArray[Any], current: NDArray[Any], names: Sequence[str]) -> list[TwoSampleColumn]:
    """Columns of numbers, from arrays (n, d) and (m, d) of which nothing but the width is checked.

    Raises:
        BlockError: different widths, or duplicate names.
    """
    _require_one_width(reference.shape[1], current.shape[1])
    require_different_names(names, "reference")
    return [TwoSampleColumn(name, x, y) for name, x, y in zip(names, reference.T, current.T, strict=True)]


def two_tables(
    reference: Features,
    current: Features,
    *,
    names: Sequence[str] | None = None,
    categorical: Collection[str] | None = (),
    numeric: bool = False,
) -> list[TwoSampleColumn]:
    """Check two samples and take them apart.

    Args:
        reference: (n, d) array or tensor, or (n,) for one feature; or a mapping from names to (n,) columns, such as a
            dict or a pandas DataFrame. Text and truth values are categories.
        current: (m, d) or (m,); or a mapping with the same names, in any order.
        names: of an array's columns; "0", "1", ... by default.
        categorical: names of columns whose numbers are categories, too; None for all.
        numeric: whether every column is to be of numbers; truth values are 0 and 1 then.

    Raises:
        BlockError: no or one row, different widths or names, missing or infinite values, or text for a number.
    """
    left, right = _arrays(reference, "reference", names), _arrays(current, "current", names)
    _require_one_width(len(left), len(right))
    if set(left) != set(right):
        lost = [name for name in left if name not in right]
        extra = [name for name in right if name not in left]
        raise BlockError(f"expected the reference's columns in the current sample, got {extra} instead of {lost}")
    if unknown := sorted(set(categorical or ()) - set(left)):
        raise BlockError(f"expected categorical columns among {list(left)}, got {unknown}")
    return [
        _column(name, left[name], right[name], category=categorical is None or name in categorical, numeric=numeric)
        for name in left
    ]


def _require_one_width(reference: int, current: int) -> None:
    if reference != current:
        raise BlockError(
            f"expected {reference} columns, as in the reference; got {current}. Was the model retrained on other"
            " columns?"
        )


def _arrays(sample: Features, where: str, names: Sequence[str] | None) -> dict[str, NDArray[Any]]:
    """Columns by name, all of one length."""
    if is_frame(sample) or isinstance(sample, Mapping):
        if names is not None:
            raise BlockError(f"expected no names beside those that the {where}'s columns have, got {list(names)}")
        if not isinstance(sample, Mapping):
            columns = frame_columns(sample, where)
        else:
            require_different_names(sample, where)
            columns = {str(name): plain_column(column) for name, column in sample.items()}
        shapes = {name: column.shape for name, column in columns.items()}
        if not columns or any(len(shape) != 1 for shape in shapes.values()) or len(set(shapes.values())) > 1:
            raise BlockError(f"expected columns of one length in the {where}, got {shapes}")
        rows = len(next(iter(columns.values())))
    else:
        table = plain_array(sample)
        table = table[:, None] if table.ndim == 1 else table
        if table.ndim != 2 or table.shape[1] < 1:
            raise BlockError(f"expected rows of one width, got {where}.shape={table.shape}")
        rows, width = table.shape
        if names is None:
            names = [str(at) for at in range(width)]
        if len(names) != width:
            raise BlockError(f"expected {width} names for {where}.shape={table.shape}, got {list(names)}")
        columns = dict(zip(require_different_names(names, where), table.T, strict=True))
    if rows < 2:
        raise BlockError(f"expected 2 rows or more of the {where}, got {rows}")
    return columns


def _column(
    name: str, reference: NDArray[Any], current: NDArray[Any], *, category: bool, numeric: bool
) -> TwoSampleColumn:
    x, y = _values(name, reference, "reference"), _values(name, current, "current sample")
    kinds = {values.dtype.kind for values in (x, y)}
    if len(kinds) > 1 and "O" in kinds:
        raise BlockError(f"expected column {name!r} to be of one kind, got numbers in one sample and text in the other")
    if numeric and "O" in kinds:
        raise BlockError(f"expected numbers in column {name!r}, got text: test='auto' takes both")
    if numeric or not (category or kinds <= {"O", "b"}):
        if "b" in kinds:
            x, y = x.astype(np.float64), y.astype(np.float64)
        return TwoSampleColumn(name, x, y)
    import pandas as pd

    codes = pd.factorize(np.concatenate([x, y]))[0]
    return TwoSampleColumn(name, codes[: len(x)], codes[len(x) :], categorical=True)


def _values(name: str, values: NDArray[Any], where: str) -> NDArray[Any]:
    """A column as float32 or float64, truth values, or objects; none of them missing."""
    kind = values.dtype.kind
    if kind not in "biufOUST":
        raise BlockError(f"expected numbers or text in column {name!r}, got {values.dtype} in the {where}")
    if kind in "OUST":
        import pandas as pd

        values = values.astype(object)
        missing = np.asarray(pd.isna(values))
        present = values[~missing]
        if all(isinstance(value, (bool, np.bool_)) for value in present) and not missing.any():
            return values.astype(bool)
        if all(isinstance(value, numbers.Real) for value in present):
            values, kind = np.where(missing, np.nan, values).astype(float), "f"
    if kind in "iu" or values.dtype == np.float16:
        values = values.astype(np.float64)
    if kind == "f":
        missing = ~np.isfinite(values)
    if kind in "fOUST" and missing.any():
        raise BlockError(
            f"expected finite values, got {int(missing.sum())} that are missing, NaN or infinite in column {name!r} of"
            f" the {where}, the first in row {int(missing.argmax())}: fill them or drop the rows"
        )
    return values
