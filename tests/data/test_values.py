"""Values of every kind: read alike from every source, or refused in words that say what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sql

from drift.comparison import compare_tables
from drift.data import Column, Schema
from drift.data.frames import arrow_frame
from drift.data.inference import infer_column, schema_of, typed_column, typed_frame
from drift.data.readers import open_source, read_frame
from drift.data.schema import time_option
from drift.data.tables import load_table
from drift.data.values import as_numbers, as_times, widened
from drift.errors import DataError, UsageError
from drift.loop.card import DataSource
from drift.monitor.sources.column_roles import Columns


def csv(folder: Path, text: str | bytes) -> Path:
    path = folder / "t.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2", "NA"], "integer"),
        (["1", "2.5", "null"], "number"),
        (["1e5", "inf", ""], "number"),
        (["true", "False", "None"], "boolean"),
        (["2026-01-31", "2026-02-01T10:00:00+02:00"], "timestamp"),
        (["2026-01", "2026-02"], "timestamp"),
        (["31/12/2025", "01/01/2026"], "timestamp"),
        (["12/31/2025 11:59 PM", "01/01/2026 00:30 AM"], "timestamp"),
        (["31.12.2025", "1.1.2026"], "timestamp"),
        (["7 May 1996", "8-Jun-96"], "timestamp"),
        (["2026/01/31", None], "timestamp"),
        (["20260131", "20260201"], "integer"),
        (["1767225600", "1767225601"], "integer"),
        (["9223372036854775808", "1"], "category"),
        (["a", "NA"], "category"),
        (["1-2", "3-4"], "category"),
        (["", "NA", None], None),
    ],
)
def test_kinds_of_texts(values: list[str | None], kind: str | None) -> None:
    assert infer_column(pd.Series(values, dtype=object, name="x"), text=True).kind == kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.array([1, None], "Int64"), "integer"),
        (pd.array([True, None], "boolean"), "boolean"),
        (pd.array([1.5, None], "Float32"), "number"),
        ([Decimal("1.50"), None], "number"),
        ([Decimal(1), Decimal("Infinity")], "number"),
        ([Decimal(10**20)], "integer"),
        (pd.Categorical(["a", "b"]), "category"),
        (pd.Categorical([1, 2]), "category"),
        (pd.to_datetime(["2026-01-01"]).date, "timestamp"),
        (["2026-01-01", "soon"] + ["2026-01-02"] * 98, "timestamp"),
        ([1, "2"], "integer"),
        ([[1], [2, 3]], None),
        (pd.to_timedelta(["1h"]), None),
        ([None, None], None),
    ],
)
def test_kinds_of_typed_values(values: object, kind: str | None) -> None:
    assert infer_column(pd.Series(values, name="x")).kind == kind


def test_a_bad_value_among_dates_is_counted_and_named() -> None:
    column = infer_column(pd.Series(["2026-01-01"] * 60 + ["soon"] + ["2026-01-02"] * 60, name="day"))
    assert (column.kind, column.bad, column.bad_rows, column.example) == ("timestamp", 1, (60,), "soon")


def test_texts_beside_few_different_numbers_are_categories() -> None:
    """Codes such as 0, 1, 2 and 3+, of which the last is rare."""
    values = pd.Series(["0", "1", "2"] * 100 + ["3+"], name="children")
    assert infer_column(values, text=True).kind == "category"
    many = pd.Series([str(at) for at in range(300)] + ["3+"], name="price")
    assert infer_column(many, text=True).bad == 1


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-04", "2026-03-04"),
        ("2026-03", "2026-03-01"),
        ("20260304", "2026-03-04"),
        ("13/03/2026", "2026-03-13"),
        ("3/13/2026", "2026-03-13"),
        ("04.03.2026 17:05", "2026-03-04T17:05"),
        ("13/03/2026 5:05:01 PM", "2026-03-13T17:05:01"),
        ("2026-03-04T10:00:00+02:00", "2026-03-04T08:00"),
        ("2026-03-04 10:00:00Z", "2026-03-04T10:00"),
        ("Mar 4, 2026", "2026-03-04"),
        ("1772582400", "2026-03-04"),
        ("1772582400000", "2026-03-04"),
    ],
)
def test_times_in_any_usual_form(text: str, moment: str) -> None:
    parsed = as_times(pd.Series([text, None, ""], dtype=object))
    assert parsed.values[0] == np.datetime64(moment)
    assert np.isnat(parsed.values[1:]).all() and not parsed.wrong.any()
    assert not parsed.ambiguous


def test_epochs_are_times_only_where_a_column_is_named() -> None:
    seconds = pd.Series([1772582400, 1772582401], name="at")
    assert as_times(seconds).values[1] == np.datetime64("2026-03-04T00:00:01")
    assert as_times(seconds, named=False).wrong.all()
    assert as_times(pd.Series([3, 4])).wrong.all(), "too small for an epoch"


def test_day_and_month_that_cannot_be_told_apart_are_asked_for(tmp_path: Path) -> None:
    path = csv(tmp_path, "at,x,p\n01/02/2026,1,a\n02/02/2026,2,b\n")
    words = r"day and month of '01/02/2026' cannot be told apart: write the dates as ISO 8601, .* --time at:day_first"
    with pytest.raises(DataError, match=words):
        load_table(path, label="p", time="at")
    [frame] = open_source(str(path), texts=("at",))
    with pytest.raises(DataError, match=words):
        Columns("p", time="at").settle(frame)
    assert "at" in compare_tables(pd.concat([read_frame(path)] * 30), read_frame(path), columns=("x",)).left_out


@pytest.mark.parametrize(("form", "day"), [("day_first", "2026-02-01"), ("month_first", "2026-01-02")])
def test_the_option_for_the_time_says_whether_day_or_month_comes_first(tmp_path: Path, form: str, day: str) -> None:
    path = csv(tmp_path, "at,x,p\n01/02/2026,1,a\n02/02/2026,2,b\n")
    expected = np.asarray([day, "2026-02-02"], "datetime64[ns]")
    times = DataSource(str(path), "p", f"at:{form}").load().timestamps
    assert times is not None
    assert (times == expected).all()
    name, time_format = time_option(f"at:{form}")
    [frame] = open_source(str(path), texts=("at",))
    columns = Columns("p", time=name, time_format=time_format).settle(frame)
    assert columns.time_format == form
    times = columns.read(frame).times
    assert times is not None
    assert (times == expected).all()
    with pytest.raises(UsageError, match=f"expected --time at:{form}, as when the monitor began"):
        columns.fit_to(Columns("p", time="at", time_format="iso"))


def test_a_column_may_have_a_colon_in_its_name() -> None:
    assert time_option("sold:at") == ("sold:at", "")
    assert time_option("sold:at:month_first") == ("sold:at", "month_first")


def test_the_order_of_day_and_month_is_kept_for_later_rows(tmp_path: Path) -> None:
    first, later = (pd.DataFrame({"at": [day], "x": [1.5], "p": ["a"]}) for day in ("13/02/2026", "01/02/2026"))
    columns = Columns("p", time="at").settle(first)
    again = Columns.from_json(columns.to_json())
    assert again == columns
    assert again.read(later).times == np.datetime64("2026-02-01")


def test_float32_and_text_give_the_same_number() -> None:
    rng = np.random.default_rng(0)
    values = (rng.normal(size=5_000), rng.lognormal(0, 10, 5_000), np.asarray([np.nan, np.inf, 0]))
    single = np.concatenate(values).astype(np.float32)
    assert (widened(np.asarray([0.1, 1.1], np.float32)) == [0.1, 1.1]).all()
    np.testing.assert_array_equal(widened(single).astype(np.float32), single)


def test_integers_beyond_2_to_the_53_are_not_rounded(tmp_path: Path) -> None:
    keys = [2**60 + 1, 2**60 + 2, 2**53 + 1]
    path = csv(tmp_path, "id,x\n" + "".join(f"{key},{at}.5\n" for at, key in enumerate(keys)))
    assert read_frame(path)["id"].tolist() == keys
    [chunk] = open_source(str(path))
    assert chunk["id"].tolist() == keys
    frame = pd.DataFrame({"id": [2**60 + at * at for at in (3, 1, 2)] * 50, "x": np.arange(150) % 7, "p": "a"})
    assert dict(Columns("p").settle(frame).left_out) == {"id": "integers beyond 2^53, which are not exact as numbers"}
    assert "beyond 2^53" in compare_tables(frame, frame).left_out["id"]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (b"\xef\xbb\xbfx,y\n1,a\n2,b\n", [1, 2]),
        (b"x;y\n1;a\n2;b\n", [1, 2]),
        (b"x\ty\n1\ta\n2\tb\n", [1, 2]),
        (b"x,y\r\n1,a\r\n2,b\r\n", [1, 2]),
        (b'x,y\n1,"a\nb"\n2,c\n\n\n', [1, 2]),
        (b'x,"y;z;w"\n1,a\n2,b\n', [1, 2]),
    ],
    ids=["mark", "semicolon", "tab", "windows", "line break", "quoted"],
)
def test_text_formats_that_are_read(tmp_path: Path, text: bytes, rows: list[int]) -> None:
    path = csv(tmp_path, text)
    assert read_frame(path)["x"].tolist() == rows
    assert pd.concat(list(open_source(str(path))))["x"].tolist() == rows


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x,y\n1,Zürich\n2,b\n".encode("latin-1"), r"UTF-8 in .*line 2 has the byte 0xfc.* iconv -f LATIN1 -t UTF-8"),
        ("x,y\n1,a\n".encode("utf-16"), r"got UTF-16: convert it first, such as by iconv -f UTF-16 -t UTF-8"),
        ("x,y\n1,a\n".encode("utf-16-le"), "UTF-16"),
        (b"\x1f\x8b\x08\x00rest", "packed by gzip: unpack it first, such as by gunzip"),
        (b"# made by hand\nx,y\n1,a\n2,b\n", "begins with a comment: take away the lines that begin with #"),
        (b"x,y\n1,a\n# note\n2,b\n", "got 1 in line 3; take away comments"),
        (b"x;y\n1,5;a\n2,5;b\n", r"a decimal point in column 'x' .* write 1\.5 instead of 1,5"),
        (b"x,x\n1,2\n", r"different names in the header of .*, got x more than once \(positions 0, 1\)"),
        (b"", "is empty"),
    ],
    ids=["latin-1", "utf-16", "no mark", "gzip", "comment", "comment inside", "decimal comma", "twice", "empty"],
)
def test_text_formats_that_are_refused(tmp_path: Path, text: bytes, words: str) -> None:
    path = csv(tmp_path, text)
    for read in (read_frame, lambda path: list(open_source(str(path)))):
        with pytest.raises(DataError, match=words):
            read(path)


def test_another_encoding_is_seen_also_late_in_a_file(tmp_path: Path) -> None:
    path = csv(tmp_path, b"x,y\n" + b"1,plain\n" * 200_000 + "2,Zürich\n".encode("latin-1"))
    for read in (read_frame, lambda path: list(open_source(str(path), chunk_rows=100))):
        with pytest.raises(DataError, match=r"line 200002 has the byte 0xfc.* iconv"):
            read(path)


def test_a_header_may_be_long(tmp_path: Path) -> None:
    names = [f"a rather long name of column {at}" for at in range(4_000)]
    path = csv(tmp_path, ",".join(names) + "\n" + ",".join(["1"] * 4_000) + "\n")
    assert list(read_frame(path).columns) == names


def test_a_header_that_begins_with_a_hash_is_no_comment(tmp_path: Path) -> None:
    assert list(read_frame(csv(tmp_path, "#id,x\n1,2\n")).columns) == ["#id", "x"]


def in_sqlite(folder: Path, frame: pd.DataFrame) -> pd.DataFrame:
    engine = sql.create_engine(f"sqlite:///{folder}/t.db")
    frame.to_sql("t", engine, index=False)
    engine.dispose()
    return pd.concat(list(open_source(f"sqlite:///{folder}/t.db", query="t")), ignore_index=True)


def test_marks_of_missing_values_mean_the_same_in_all_sources(tmp_path: Path) -> None:
    """Missing among numbers, and texts among texts, but for an empty one."""
    text = "x,c\n1,NA\nNone,\n2.5,b\n"
    path = csv(tmp_path, text)
    frame = pd.DataFrame({"x": [1.0, None, 2.5], "c": ["NA", "", "b"]})
    frame.to_parquet(tmp_path / "t.parquet")
    for read in (read_frame(path), read_frame(tmp_path / "t.parquet"), in_sqlite(tmp_path, frame), typed_frame(frame)):
        assert read["x"].isna().tolist() == [False, True, False]
        assert read["c"].isna().tolist() == [False, True, False]
        assert read["c"].dropna().tolist() == ["NA", "b"]


def test_dates_as_texts_of_sqlite_and_parquet_are_dates(tmp_path: Path) -> None:
    frame = pd.DataFrame({"day": ["2026-01-31", "2026-02-01"], "x": [1.0, 2.0]})
    frame.to_parquet(tmp_path / "t.parquet")
    for read in (read_frame(tmp_path / "t.parquet"), in_sqlite(tmp_path, frame)):
        assert schema_of(read)["day"].kind == "timestamp"
        assert typed_frame(read)["day"].dtype.kind == "M"


def test_text_among_numbers_of_sqlite_is_told(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "t.db") as connection:
        connection.execute("CREATE TABLE t (x, p TEXT)")
        rows = [(at / 8, "a") for at in range(100)] + [("unknown", "a")]
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
    [frame] = open_source(f"sqlite:///{tmp_path}/t.db", query="t")
    with pytest.raises(DataError, match="text where numbers are expected, such as 'unknown' in row 100"):
        Columns("p").settle(frame)


def test_columns_of_a_database_that_are_ignored_are_not_read(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "t.db") as connection:
        connection.execute("CREATE TABLE t (x, tags)")
        connection.execute("INSERT INTO t VALUES (1.5, 'a')")
    [frame] = open_source(f"sqlite:///{tmp_path}/t.db", query="t", ignore=("tags",))
    assert list(frame.columns) == ["x"]


def test_a_column_of_timestamps_that_starts_empty_stops_nothing() -> None:
    columns = Columns("p").settle(pd.DataFrame({"at": [None, None], "x": [1.0, 2.0], "p": ["a", "b"]}))
    later = pd.DataFrame({"at": pd.to_datetime(["2026-01-01"] * 2), "x": [1.0, 2.0], "p": ["a", "b"]})
    assert columns.read(later).features["at"].isna().all()
    with pytest.raises(DataError, match="expected numbers in column 'at'"):
        columns.read(later.assign(at="a text"))


def test_an_infinite_number_to_predict_is_named() -> None:
    frame = pd.DataFrame({"p": [Decimal("1.5"), Decimal("Infinity")], "x": [1.0, 2.0]})
    with pytest.raises(DataError, match="expected finite numbers in column 'p', got inf"):
        Columns("p", task="regression").settle(frame).read(frame)


@pytest.mark.parametrize("made", [lambda f: f.set_index("id"), lambda f: f.rename_axis(index="id").drop(columns="id")])
def test_a_named_index_in_parquet_is_a_column(tmp_path: Path, made: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    frame = pd.DataFrame({"id": range(3), "x": [1.0, 2.0, 3.0]})
    made(frame).to_parquet(tmp_path / "t.parquet")
    assert read_frame(tmp_path / "t.parquet")["id"].tolist() == [0, 1, 2]
    chunks = list(open_source(str(tmp_path / "t.parquet"), columns=("id",), chunk_rows=2))
    assert [chunk["id"].tolist() for chunk in chunks] == [[0, 1], [2]]


def test_a_schema_says_what_is_read(tmp_path: Path) -> None:
    path = csv(tmp_path, "zip,at,x\n01234,05/06/2026,1\n99999,06/06/2026,2\n")
    schema = Schema((Column("x", "number"), Column("zip", "category"), Column("at", "timestamp", "month_first")))
    frame = read_frame(path, schema=Schema.from_json(schema.to_json()))
    assert frame["zip"].tolist() == ["01234", "99999"]
    assert frame["at"].tolist() == [pd.Timestamp("2026-05-06"), pd.Timestamp("2026-06-06")]
    assert frame["x"].dtype == np.float64
    with pytest.raises(DataError, match="column 'zip': text where numbers are expected, such as 'a' in row 0"):
        read_frame(csv(tmp_path, "zip\na\nb\n"), schema=Schema((Column("zip", "integer"),)))


def test_a_folder_of_parquet_files_is_one_table(tmp_path: Path) -> None:
    for at in range(3):
        pd.DataFrame({"x": [float(at)], "y": ["a"]}).to_parquet(tmp_path / f"part-{at}.parquet")
    assert read_frame(tmp_path)["x"].tolist() == [0.0, 1.0, 2.0]


def test_numbers_in_texts_are_parsed_as_written() -> None:
    values, wrong = as_numbers(pd.Series(["0.1", "1e-3", " 7 ", "NA", "1_000", "x", None], dtype=object))
    assert values[:3].tolist() == [0.1, 0.001, 7.0]
    assert wrong.tolist() == [False, False, False, False, True, True, False]


def test_arrow_and_nullable_types_stay_exact() -> None:
    frame = pd.DataFrame({"id": pd.array([2**60 + 1, None], "Int64"), "flag": pd.array([True, None], "boolean")})
    import pyarrow as pa

    for given in (frame, arrow_frame(pa.Table.from_pandas(frame))):
        read = typed_frame(given)
        assert read["id"][0] == 2**60 + 1 and pd.isna(read["id"][1])
        assert read["flag"][0] is True or read["flag"][0] == np.True_
    assert typed_column(pd.Series(pd.array([1, 2], "Int64")), Column("x", "integer")).dtype == np.int64


def test_kinds_of_a_whole_csv_file_do_not_hang_on_its_first_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drift.data.readers.formats.csv.BLOCK", 10_000)
    count = 5_000
    whole = pd.Series([str(at) for at in range(count)], dtype=object)
    late = whole.where(whole.index < count - 3, "0.5")
    frame = pd.DataFrame({"whole": whole, "late": late, "flag": [True, False] * (count // 2), "empty": [None] * count})
    frame.loc[count - 1, "empty"] = "7"
    frame.to_csv(tmp_path / "t.csv", index=False)
    read = read_frame(tmp_path / "t.csv")
    assert [column.kind for column in schema_of(read).columns] == ["integer", "number", "boolean", "integer"]
    assert read["late"].tolist() == [*range(count - 3), 0.5, 0.5, 0.5]
    assert read["empty"].dropna().tolist() == [7]
    frame.loc[count - 1, "whole"] = "unknown"
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert schema_of(read_frame(tmp_path / "t.csv"))["whole"].bad_rows == (count - 1,)


def shortest(number: np.float32) -> float:
    """The plain reference of `widened`: what NumPy prints of a float32, read as a float64."""
    return float(np.format_float_scientific(number, unique=True))


def test_a_widened_float32_is_the_shortest_decimal_number_that_rounds_to_it() -> None:
    rng = np.random.default_rng(0)
    anything = rng.integers(0, 2**32, 20_000, dtype=np.uint32).view(np.float32)
    parts = [anything, rng.normal(size=5_000), rng.integers(-(2**26), 2**26, 5_000), np.arange(999) / 2**10 + 131_072,
             [0.0, -0.0, 1e-45, 3.4e38, 2**24, 2**24 - 1, 1e6, 999_999.94, 1e-14, 9.999e-15, 1.00390625]]  # fmt: skip
    numbers = np.concatenate([np.asarray(part, np.float32) for part in parts])
    numbers = numbers[np.isfinite(numbers)]
    assert widened(numbers).tolist() == list(map(shortest, numbers))


def test_what_is_no_finite_number_stays_as_it_is_when_widened() -> None:
    numbers = np.asarray([[np.nan, np.inf], [-np.inf, 0.1]], np.float32)
    assert widened(numbers).tolist()[1] == [-np.inf, 0.1]
    assert np.isnan(widened(numbers)[0, 0])
    assert np.signbit(widened(np.asarray([-0.0], np.float32)))[0]


def test_the_driver_of_a_database_that_is_not_installed_is_named() -> None:
    with pytest.raises(UsageError, match="the driver of duckdb is not installed: pip install duckdb-engine"):
        list(open_source("duckdb:///rows.db", query="rows"))
