"""Whatever source has written a table, it reads back equal, by the same schema."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sqlalchemy as sql
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from pyarrow import parquet

from drift.data import Column, Schema
from drift.data.frames import pandas_frame
from drift.data.inference import schema_of, typed_frame
from drift.data.readers import open_source, read_frame

SCHEMA = Schema(
    (
        Column("number", "number"),
        Column("integer", "integer"),
        Column("boolean", "boolean"),
        Column("category", "category"),
        Column("timestamp", "timestamp"),
    )
)
MOMENTS = st.integers(-(10**15), 4 * 10**15).map(lambda micros: pd.Timestamp(micros, unit="us"))
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8) | st.sampled_from(
    ["NA", "None", "007", "1", "true", "2026-01-01", "a,b", '"', ";", "é"]
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "number": st.floats(allow_nan=False, width=64),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "category": TEXTS,
    "timestamp": MOMENTS,
}
TYPES: dict[str, Any] = {"integer": "Int64", "timestamp": "datetime64[us]", "number": "float64"}


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Tables of all kinds, each with missing values."""
    count = draw(st.integers(1, 12))
    columns = {
        name: pd.Series(
            draw(st.lists(values | st.none(), min_size=count, max_size=count)), dtype=TYPES.get(name, object)
        )
        for name, values in VALUES.items()
    }
    return pd.DataFrame(columns)


def by_csv(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    frame.to_csv(folder / "t.csv", index=False)
    return read_frame(folder / "t.csv", schema=SCHEMA)


def by_parquet(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    frame.to_parquet(folder / "t.parquet", index=False)
    return read_frame(folder / "t.parquet", schema=SCHEMA)


def by_parquet_of_arrow(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    parquet.write_table(table, folder / "t.parquet")
    return read_frame(folder / "t.parquet", schema=SCHEMA)


def by_sqlite(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    (folder / "t.db").unlink(missing_ok=True)
    engine = sql.create_engine(f"sqlite:///{folder}/t.db")
    frame.to_sql("t", engine, index=False)
    engine.dispose()
    chunks = list(open_source(f"sqlite:///{folder}/t.db", query="t"))
    raw = pd.concat(chunks, ignore_index=True)
    raw["boolean"] = raw["boolean"].map(lambda value: None if pd.isna(value) else bool(value)).astype(object)
    return typed_frame(raw.copy(), schema=SCHEMA)


def by_pandas(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    return typed_frame(frame, schema=SCHEMA)


def by_nullable_pandas(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    return typed_frame(frame.astype({"boolean": "boolean", "category": "string", "number": "Float64"}), schema=SCHEMA)


def by_polars(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    return typed_frame(pandas_frame(pl.from_pandas(frame), "table"), schema=SCHEMA)


def by_arrow(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    return typed_frame(pandas_frame(pa.Table.from_pandas(frame, preserve_index=False), "table"), schema=SCHEMA)


SOURCES = (by_csv, by_parquet, by_parquet_of_arrow, by_sqlite, by_pandas, by_nullable_pandas, by_polars, by_arrow)


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Values as Python has them, None where missing."""
    return pd.DataFrame(
        {name: [None if pd.isna(value) else value for value in column] for name, column in frame.items()}, dtype=object
    )


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=25, deadline=None)
@given(frame=tables())
def test_a_table_reads_back_equal_from_every_source(
    source: Callable[[pd.DataFrame, Path], pd.DataFrame], frame: pd.DataFrame
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        read = source(frame, Path(folder))
    assert_frame_equal(plain(read), plain(frame), check_dtype=False)


@settings(max_examples=50, deadline=None)
@given(frame=tables())
def test_reading_twice_changes_nothing(frame: pd.DataFrame) -> None:
    once = typed_frame(frame)
    again = typed_frame(pd.DataFrame(once))
    assert_frame_equal(plain(once), plain(again), check_dtype=False)
    assert schema_of(pd.DataFrame(once)).names == tuple(VALUES)


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_single_precision_survives_any_text(values: list[float]) -> None:
    single = np.asarray(values, np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        pd.DataFrame({"x": single}).to_csv(path, index=False)
        read = read_frame(path, schema=Schema((Column("x", "number"),)))["x"].to_numpy()
    np.testing.assert_array_equal(read.astype(np.float32), single)
