"""Sources: databases, files and the scoring log give the same rows, in chunks, and refuse what they cannot read."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pytest
import sqlalchemy as sql
from pyarrow import parquet
from torch.utils.data import DataLoader

from drift.data.readers import Chunks, open_source
from drift.errors import DataError, UsageError
from drift.monitor.collection.deployment_dataset import RowDataset
from drift.monitor.pipeline.ingest import ingest
from drift.monitor.sources.batches import Batching
from drift.monitor.sources.column_roles import Columns
from drift.monitor.store import MonitorStore, batches
from tests.monitor.worlds import COLUMNS, World, monitor_of
from tests.postgres import PASSWORD
from tests.waiting import wait_until

WORLD = World(batches=5, rows=120, truth_until=4)


def whole() -> pd.DataFrame:
    return pd.concat(list(WORLD), ignore_index=True)


def in_database(url: str, frame: pd.DataFrame, table: str = "predictions") -> str:
    """The rows in a table, in no order; the URL to read them by."""
    engine = sql.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    frame.sample(frac=1, random_state=0).to_sql(table, engine, index=False)
    engine.dispose()
    return url


def as_csv(folder: Path) -> Chunks:
    whole().to_csv(folder / "rows.csv", index=False)
    return open_source(str(folder / "rows.csv"), chunk_rows=100)


def as_parquet(folder: Path) -> Chunks:
    whole().to_parquet(folder / "rows.parquet", index=False)
    return open_source(str(folder / "rows.parquet"), chunk_rows=100)


def as_folder(folder: Path) -> Chunks:
    for at, frame in enumerate(WORLD):
        frame.to_parquet(folder / f"part-{at}.parquet", index=False)
    return open_source(str(folder), chunk_rows=100)


def as_partitions(folder: Path) -> Chunks:
    for at, frame in enumerate(WORLD):
        inside = folder / f"day=day {at:03d}"
        inside.mkdir()
        frame.drop(columns="day").to_parquet(inside / "rows.parquet", index=False)
    return open_source(str(folder), chunk_rows=100)


def as_sqlite(folder: Path) -> Chunks:
    url = in_database(f"sqlite:///{folder}/rows.db", whole())
    return open_source(url, query="predictions", order=("day", "at", "id"), chunk_rows=100)


@pytest.fixture
def expected(tmp_path: Path) -> list[tuple[str, int, str, str]]:
    """Batches as they are without any source."""
    return ingested(tmp_path / "expected.db", list(WORLD))


def ingested(path: Path, chunks: Chunks | list[pd.DataFrame]) -> list[tuple[str, int, str, str]]:
    store = MonitorStore(path)
    ingest(store, "m", chunks, source="", columns=COLUMNS, batching=Batching(column="day"), ordered=False)
    with store.read() as connection:
        found = [
            (b.name, b.known, b.digest, b.truth_digest) for b in batches.all_batches(connection, monitor_of(store))
        ]
    store.close()
    return found


@pytest.mark.parametrize("made", [as_csv, as_parquet, as_folder, as_partitions, as_sqlite])
def test_the_same_rows_are_the_same_batches_from_every_source(
    tmp_path: Path, made: Callable[[Path], Chunks], expected: list[tuple[str, int, str, str]]
) -> None:
    (tmp_path / "source").mkdir()
    found = ingested(tmp_path / "m.db", made(tmp_path / "source"))
    assert found == expected
    assert [known for _, known, _, _ in found] == [120] * 4 + [0]


@pytest.mark.slow
def test_the_same_rows_are_the_same_batches_from_postgresql(
    tmp_path: Path, database: Callable[[], str], expected: list[tuple[str, int, str, str]]
) -> None:
    url = in_database(database(), whole())
    source = open_source(url, query="SELECT * FROM predictions", order=("day", "at", "id"), chunk_rows=100)
    assert ingested(tmp_path / "m.db", source) == expected
    assert PASSWORD not in source.name and "***" in source.name
    sizes = [len(frame) for frame in source]
    assert max(sizes) == 100 and sum(sizes) == 600


@pytest.mark.slow
def test_types_of_postgresql_become_numbers_texts_and_times(database: Callable[[], str]) -> None:
    url = database()
    engine = sql.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sql.text(
            "CREATE TABLE t (n numeric(9,2), i bigint, b boolean, s text, z timestamptz, u uuid, d date, e int);"
            "INSERT INTO t VALUES (1.25, 7, true, 'x', '2026-01-01 12:00+02', gen_random_uuid(), '2026-01-01', null),"
            " (null, null, null, null, null, null, null, null)"
        ))  # fmt: skip
    engine.dispose()
    [frame] = list(open_source(url, query="t"))
    assert frame["n"].tolist()[0] == 1.25 and np.isnan(frame["n"][1])
    assert frame["i"][0] == 7 and pd.isna(frame["i"][1])
    assert frame["z"][0] == pd.Timestamp("2026-01-01 10:00:00"), "in UTC"
    assert frame["b"][0] is True or frame["b"][0] == True  # noqa: E712


@pytest.mark.slow
def test_a_query_of_postgresql_can_only_read_and_says_what_is_wrong(database: Callable[[], str]) -> None:
    url = in_database(database(), whole())
    for query, words in (
        ("SELECT nothing FROM predictions", "nothing"),
        ("WITH gone AS (DELETE FROM predictions RETURNING *) SELECT * FROM gone", "cannot be read"),
        ("nowhere", "nowhere"),
    ):
        with pytest.raises(DataError, match=words) as error:
            list(open_source(url, query=query))
        assert PASSWORD not in str(error.value)
        assert "\n" not in str(error.value)
    assert sum(len(frame) for frame in open_source(url, query="predictions")) == 600


def test_a_small_database_does_not_fill_the_memory(tmp_path: Path) -> None:
    """A view of four rows of 400 MB is a file of 4 kB."""
    url = f"sqlite:///{tmp_path}/small.db"
    with sqlite3.connect(tmp_path / "small.db") as made:
        numbers = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) SELECT"
        made.execute("CREATE VIEW huge AS SELECT hex(zeroblob(200000000)) AS a UNION ALL SELECT 'b'")
        made.execute(f"CREATE VIEW many AS {numbers} i, hex(zeroblob(2000000)) AS a FROM n")
    with pytest.raises(DataError, match="too big"):
        list(open_source(url, query="huge"))
    with pytest.raises(DataError, match=r"expected rows of at most 8,192 bytes in the mean"):
        list(open_source(url, query="many"))


ENDLESS = """
import sys
from drift.data.readers import open_source
print("reading", flush=True)
list(open_source(sys.argv[1], query="endless"))
"""


def test_an_endless_view_is_ended_by_a_signal(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "small.db") as made:
        made.execute(
            "CREATE VIEW endless AS WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0"
        )
    line = [sys.executable, "-c", ENDLESS, f"sqlite:///{tmp_path}/small.db"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reading:
        try:
            assert reading.stdout is not None
            assert reading.stdout.readline() == "reading\n"
            process = psutil.Process(reading.pid)
            before = process.cpu_times().user
            wait_until(lambda: process.cpu_times().user > before + 0.5, what="a query that takes its time")
            assert reading.poll() is None
            reading.send_signal(signal.SIGINT)
            _, err = reading.communicate(timeout=20)
        finally:
            reading.kill()
    assert err.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize(
    "query",
    [
        "DROP TABLE predictions",
        "SELECT 1; DROP TABLE predictions",
        "DELETE FROM predictions",
        "predictions; DROP TABLE predictions",
        'predictions"',
        "pragma writable_schema=1",
        "",
    ],
)
def test_a_query_is_one_select_or_a_table(tmp_path: Path, query: str) -> None:
    url = in_database(f"sqlite:///{tmp_path}/rows.db", whole())
    with pytest.raises(UsageError, match=r"SELECT, or the name of a table"):
        list(open_source(url, query=query))
    with sqlite3.connect(tmp_path / "rows.db") as connection:
        assert connection.execute("SELECT count(*) FROM predictions").fetchone() == (600,)


@pytest.mark.parametrize("query", ["SELECT * FROM predictions WHERE state != ':x'", "SELECT * FROM predictions -- all"])
def test_colons_and_comments_of_a_query_are_its_own(tmp_path: Path, query: str) -> None:
    url = in_database(f"sqlite:///{tmp_path}/rows.db", whole())
    assert sum(len(frame) for frame in open_source(url, query=query)) == 600


def test_columns_called_like_statements_are_only_names(tmp_path: Path) -> None:
    hostile = 'x"; DROP TABLE predictions; --'
    frame = whole().rename(columns={"a": hostile, "b": "select"})
    url = in_database(f"sqlite:///{tmp_path}/rows.db", frame)
    source = open_source(url, query="predictions", columns=(hostile, "select", "day"), order=("day", hostile))
    read = pd.concat(list(source))
    assert sorted(read[hostile]) == pytest.approx(sorted(frame[hostile]))
    assert list(read.columns) == [hostile, "select", "day"]


@pytest.mark.parametrize(
    ("text", "query", "error", "words"),
    [
        ("missing.csv", "", DataError, "there is no file missing.csv"),
        ("sqlite:///missing.db", "t", DataError, "there is no database missing.db"),
        ("sqlite:///missing.db", "", UsageError, "expected --query"),
        ("rows.csv", "t", UsageError, "only, got the file rows.csv"),
        ("postgresql://u:hush@127.0.0.1:1/d", "t", DataError, "cannot be read"),
        ("nodriver://u:hush@h/d", "t", UsageError, "is not installed"),
        ("postgresql://u:hush@h:port/d", "t", UsageError, "expected a URL"),
    ],
)
def test_sources_that_cannot_be_opened_are_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, query: str, error: type[Exception], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words) as told:
        list(open_source(text, query=query))
    assert "hush" not in str(told.value)
    assert "\n" not in str(told.value)


def test_files_are_read_in_natural_order_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("part-10.csv", "part-2.csv", ".hidden.csv", "_temporary.csv"):
        (tmp_path / name).write_text("x\n1\n")
    (tmp_path / "note.txt").write_text("not rows")
    assert [frame.attrs["file"] for frame in open_source(str(tmp_path))] == ["part-2.csv", "part-10.csv"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="got none"):
        open_source(str(tmp_path / "empty"))


def test_files_that_differ_are_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("x,y\n1,a\n")
    (tmp_path / "2.csv").write_text("x,y\nmany,a\n")
    with pytest.raises(DataError, match=r"expected number in column 'x' of 2\.csv.*got other"):
        list(open_source(str(tmp_path)))
    (tmp_path / "2.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"2\.csv"):
        list(open_source(str(tmp_path)))
    (tmp_path / "2.csv").unlink()
    (tmp_path / "2.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(DataError, match=r"2\.parquet cannot be read"):
        list(open_source(str(tmp_path)))


@pytest.mark.parametrize("workers", [0, 2])
def test_rows_for_a_model_come_once_each_whatever_the_number_of_workers(tmp_path: Path, workers: int) -> None:
    source = as_folder(tmp_path)
    loader = DataLoader(RowDataset(source, ("a", "b")), batch_size=64, num_workers=workers)
    rows = np.concatenate([batch.numpy() for batch in loader])
    expected = whole()[["a", "b"]].to_numpy(np.float32)
    assert rows.shape == expected.shape
    if not workers:
        np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)])


def csv_of(folder: Path, frame: pd.DataFrame, texts: tuple[str, ...] = ()) -> pd.DataFrame:
    """A table written as CSV and read again, in pieces of a megabyte."""
    frame.to_csv(folder / "rows.csv", index=False)
    return pd.concat(list(open_source(str(folder / "rows.csv"), texts=texts, chunk_rows=100)), ignore_index=True)


def test_types_of_a_csv_file_do_not_hang_on_its_first_piece(tmp_path: Path) -> None:
    rows = 120_000
    late = np.arange(rows) > rows - 100
    frame = pd.DataFrame(
        {
            "id": np.arange(rows),
            "whole": pd.Series([at + 0.5 if end else at for at, end in enumerate(late)], dtype=object),
            "truth": pd.Series("a", index=range(rows)).where(late),
            "number": np.where(late, 0.25, np.nan),
            "sign": np.where(late, "-", "text that takes some room"),
        }
    )
    found = csv_of(tmp_path, frame)
    assert found["whole"].dtype.kind == "f" and found["whole"].iloc[-1] == rows - 0.5
    assert found["truth"].dropna().tolist() == ["a"] * 99
    assert found["number"].astype(float).dropna().tolist() == [0.25] * 99


def test_texts_of_a_csv_file_stay_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,zone,x,state\n007,NA,1,NA\n008,,NA,\n1e5,b,3,VIC\n")
    [frame] = open_source(str(tmp_path / "rows.csv"), texts=("id", "zone"))
    assert frame["id"].tolist() == ["007", "008", "1e5"]
    for name, texts in (("zone", ["NA", "b"]), ("state", ["NA", "VIC"])):
        assert frame[name].isna().tolist() == [False, True, False]
        assert frame[name].dropna().tolist() == texts
    assert frame["x"].isna().tolist() == [False, True, False]
    (tmp_path / "rows.csv").write_text("id,x\n1.0,2\n,3\n7.0,4\n")
    [frame] = open_source(str(tmp_path / "rows.csv"), texts=("id",))
    assert frame["id"].dropna().tolist() == ["1", "7"]  # as pandas writes whole numbers beside a missing one


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_long_keys_are_exact_also_beside_a_missing_one(tmp_path: Path, kind: str) -> None:
    keys = pd.array([2**60 + 1, None, 2**60 + 2], dtype="Int64")
    frame = pd.DataFrame({"id": keys, "truth": ["a", "b", "a"]})
    path = tmp_path / f"rows.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    else:
        table = pa.Table.from_pandas(frame).replace_schema_metadata(None)  # as other tools write it
        parquet.write_table(table, path)
    [read] = open_source(str(path), texts=("id",))
    found, _ = Columns("prediction", key="id", truth="truth", task="classification").keyed_labels(read)
    assert found.tolist() == [str(2**60 + 1), str(2**60 + 2)]


@pytest.mark.slow
def test_arrays_and_infinity_of_postgresql(database: Callable[[], str]) -> None:
    """An array stops no ingest that ignores it, and is named in one that does not."""
    url = database()
    engine = sql.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sql.text(
            "CREATE TABLE t (tags text[], x numeric, p text);"
            "INSERT INTO t VALUES ('{a,b}', 'Infinity', 'u'), ('{c}', 1.5, 'd'), (null, null, 'u')"
        ))  # fmt: skip
    engine.dispose()
    [frame] = open_source(url, query="t", ignore=("tags",))
    assert list(frame.columns) == ["x", "p"] and frame["x"].tolist()[:2] == [np.inf, 1.5]
    [frame] = open_source(url, query="t")
    words = r"expected texts or numbers in column 'tags', got .*leave it out with --ignore"
    with pytest.raises(DataError, match=words):
        Columns("p").settle(frame).read(frame)
    with pytest.raises(DataError, match="expected finite numbers in column 'x', got inf"):
        Columns("x", ignore=("tags",), task="regression").settle(frame).read(frame.iloc[:2])


@pytest.mark.slow
def test_long_decimal_keys_of_postgresql_are_exact(database: Callable[[], str]) -> None:
    url = database()
    engine = sql.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sql.text(
            "CREATE TABLE t (id numeric(30), x numeric(9,2));"
            "INSERT INTO t VALUES (1000000000000000000000001, 1.5), (1000000000000000000000002, 2), (3, null)"
        ))  # fmt: skip
    engine.dispose()
    [frame] = open_source(url, query="t", order=("x",))
    found, _ = Columns("x", key="id", truth="x", task="regression").keyed_labels(frame)
    assert found.tolist() == ["1000000000000000000000001", "1000000000000000000000002"]


def test_names_of_files_forge_no_lines(tmp_path: Path) -> None:
    (tmp_path / "a\nversion 9.csv").write_text("x\n1\n")
    with pytest.raises(
        DataError, match=r"without control characters and line breaks, got a\\nversion 9.csv; rename it"
    ):
        open_source(str(tmp_path))


def test_a_view_of_long_texts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "served.db"
    with sqlite3.connect(path) as database:
        database.execute("create view longest as select 1 as x, hex(zeroblob(9000000)) as note")
        database.execute(
            "create view many as with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)"
            " select i as x, hex(zeroblob(20000)) || i as note from n"
        )
    with pytest.raises(DataError, match="string or blob too big"):
        list(open_source(f"sqlite:///{path}", query="longest"))
    monkeypatch.setattr("drift.data.readers.sql.MOST_LONG", 20_000_000)
    with pytest.raises(DataError, match="leave long columns out of --query"):
        list(open_source(f"sqlite:///{path}", query="many"))
    (chunk,) = open_source(f"sqlite:///{path}", query="select x from many")
    assert chunk["x"].tolist() == list(range(1, 2001))


@pytest.mark.slow
def test_a_query_without_an_end_ends_by_a_signal(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "served.db") as database:
        database.execute(
            "create view served as with recursive n(i) as (select 1 union all select i + 1 from n)"
            " select i as x from n where i < 0"
        )
    code = "from drift.data.readers import open_source; print('begun', flush=True)"
    code += "; list(open_source('sqlite:///served.db', query='served'))"
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        busy = psutil.Process(process.pid)
        wait_until(lambda: busy.cpu_times().user >= 5, what="the query")  # imports take less
        process.send_signal(signal.SIGINT)
        assert process.wait(30) != 0


def test_names_of_columns_forge_no_lines(tmp_path: Path) -> None:
    pd.DataFrame({"E\nversion 9": [1.0], "p": ["up"]}).to_parquet(tmp_path / "rows.parquet")
    path = str(tmp_path / "rows.parquet")
    for columns in (None, ["absent"]):
        with pytest.raises(DataError) as raised:
            list(open_source(path, columns=columns))
        assert "\n" not in str(raised.value) and "E\\nversion 9" in str(raised.value)
