"""Data frames of pandas, Polars and Arrow as one kind of table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from drift.data.values import period_hint
from drift.errors import DataError
from drift.system.streams import one_line

if TYPE_CHECKING:
    import pandas as pd


def arrow_frame(table: Any, *, rows: int | None = None) -> pd.DataFrame:
    """An Arrow table or record batch as a data frame: integers stay integers where some are missing.

    What pandas has noted in a Parquet file is not looked at: a named index is a column like the others.

    Args:
        table: of Arrow.
        rows: of a table without columns.
    """
    import pandas as pd
    import pyarrow as pa

    exact = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype(), pa.int32(): pd.Int32Dtype()}
    exact |= {pa.int16(): pd.Int16Dtype(), pa.int8(): pd.Int8Dtype(), pa.uint32(): pd.UInt32Dtype()}
    missing = any(column.null_count for column in table.columns if column.type in exact)
    frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas(
        use_threads=False, split_blocks=True, types_mapper=exact.get if missing else None
    )
    return frame if len(frame.columns) or rows is None else pd.DataFrame(index=range(rows))


def require_columns(source: str, wanted: Sequence[str] | None, there: Sequence[str]) -> None:
    """Raise `DataError` where a column is wanted that is not there."""
    absent = [name for name in wanted or () if name not in there]
    if absent:
        raise DataError(
            f"expected columns {', '.join(wanted or ())} in {source}; got none called {', '.join(absent)}."
            f" It has {', '.join(map(one_line, there))}{period_hint(absent)}"
        )
