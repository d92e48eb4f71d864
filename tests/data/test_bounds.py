"""Files that a stranger may have written: what a small one would take in memory is found out before it is read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal
from pyarrow import parquet

from drift.data.readers import memory_limits, open_source, read_frame
from drift.data.tables import load_table
from drift.errors import DataError

MOST_MEGABYTES = 600
LONG = "x" * 1_000_000
PEAK = (  # the command line, and the most memory that its process had, in kilobytes; rusage would count its parent's
    "import sys; from pathlib import Path; from drift.__main__ import main; sys.argv = ['drift', *sys.argv[1:]]\n"
    "try: main()\n"
    "finally: print('peak', Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
)


def repeated(folder: Path, *, rows: int = 3000, text: str = LONG, nested: bool = False) -> Path:
    """A file of some hundred bytes in which every row has one long text."""
    note = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))
    if nested:
        note = pa.ListArray.from_arrays(pa.array(range(rows + 1), pa.int32()), note)
    table = pa.table({"note": note, "x": np.tile([0.0, 1.0, 2.0], rows // 3), "p": ["up", "down", "up"] * (rows // 3)})
    path = folder / "repeated.parquet"
    parquet.write_table(table, path, compression="zstd", store_schema=False, write_statistics=False)
    assert path.stat().st_size < 2000
    return path


def run(folder: Path, *words: str | Path) -> tuple[int, str, float]:
    """Exit code, what was said, and megabytes, of a command."""
    if not Path("/proc/self/status").exists():
        pytest.skip("a process's memory is read from /proc")
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *map(str, words)],
        cwd=folder, capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    peak = int(done.stdout.rsplit("peak ", 1)[1])
    return done.returncode, done.stdout + done.stderr, peak / 1024


COMMANDS = {
    "ingest": ("monitor", "ingest", "FILE", "--prediction", "p"),
    "base": ("base", "--data", "FILE", "--label", "p"),
    "compare": ("compare", "FILE", "FILE"),
}


@pytest.mark.slow
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_small_file_of_one_long_text_is_refused_before_it_fills_the_memory(
    command: str, nested: bool, tmp_path: Path
) -> None:
    path = repeated(tmp_path, nested=nested)
    words = [path if word == "FILE" else word for word in COMMANDS[command]]
    code, said, peak = run(tmp_path, *words)
    assert code == 1
    assert "error: expected at most 256 MB in column 'note'" in said, said
    assert "leave the column out with --ignore" in said
    assert peak < MOST_MEGABYTES, peak


def test_the_column_may_be_left_out_as_the_message_says(tmp_path: Path) -> None:
    path = repeated(tmp_path)
    code, said, peak = run(tmp_path, "monitor", "ingest", path, "--prediction", "p", "--ignore", "note")
    assert code == 0 and "features: x (number)" in said, said
    assert peak < MOST_MEGABYTES
    frame = read_frame(path, ignore=["note"])
    assert list(frame.columns) == ["note", "x", "p"], "it is there, and empty"
    assert frame["note"].isna().all() and frame["x"].sum() == 3000
    assert list(read_frame(path, wanted=["x", "p"])["p"][:2]) == ["up", "down"]


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "PLAIN"])
def test_texts_that_share_their_beginnings_are_bounded_as_well(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "shared.parquet"
    parquet.write_table(
        pa.table({"note": [LONG] * 600}), path, use_dictionary=False, column_encoding={"note": encoding},
        compression="zstd",
    )  # fmt: skip
    with pytest.raises(DataError, match="expected at most 256 MB in column 'note'"):
        list(open_source(str(path)))


def test_values_of_a_fixed_width_and_lists_of_numbers_are_bounded_by_their_number(tmp_path: Path) -> None:
    wide = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(300, np.int32)), pa.array([LONG.encode()], pa.binary(1_000_000))
    )
    lists = pa.ListArray.from_arrays(pa.array([0, 40_000_000], pa.int32()), pa.array(np.zeros(40_000_000, np.int8)))
    for name, column in (("wide", wide), ("lists", lists)):
        path = tmp_path / f"{name}.parquet"
        parquet.write_table(pa.table({name: column}), path, compression="zstd", store_schema=False)
        with pytest.raises(DataError, match=f"expected at most 256 MB in column '{name}'"):
            read_frame(path)


def test_rows_that_no_memory_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that all rows repeat takes some bytes of a file, and eight a row in memory."""
    path = tmp_path / "constant.parquet"
    rows = 1_000_000
    part = pa.table({"x": np.zeros(rows), "y": np.zeros(rows)})
    with parquet.ParquetWriter(path, part.schema) as writer:
        for _ in range(3):
            writer.write_table(part)
    assert path.stat().st_size < 50_000
    assert len(read_frame(path)) == 3 * rows
    monkeypatch.setattr(memory_limits, "available_memory", lambda: 40_000_000)
    with pytest.raises(
        DataError, match=r"fits the 40 MB of memory that are left, got 3,000,000 rows of 2 columns, 240 MB"
    ):
        read_frame(path)
    assert sum(len(frame) for frame in open_source(str(path))) == 3 * rows, "piece by piece it fits"
    monkeypatch.setattr(memory_limits, "MOST_ROWS", 2_000_000)
    with pytest.raises(DataError, match="expected at most 2,000,000 rows in one file, got 3,000,000"):
        list(open_source(str(path)))


def test_texts_that_are_not_long_are_bounded_by_the_memory_that_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = repeated(tmp_path, rows=150_000, text="y" * 1000)
    monkeypatch.setattr(memory_limits, "available_memory", lambda: 250_000_000)
    with pytest.raises(DataError, match=r"got 30\d MB in .*most of them in column 'note': leave it out with --ignore"):
        read_frame(path)
    assert sum(len(frame) for frame in open_source(str(path), chunk_rows=10_000)) == 150_000


@pytest.mark.slow
def test_fifty_million_rows_of_twenty_numbers_may_be_read_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = 1_000_000
    part = pa.table({f"x{at}": np.zeros(rows) for at in range(20)})
    with parquet.ParquetWriter(tmp_path / "many.parquet", part.schema) as writer:
        for _ in range(50):
            writer.write_table(part)
    monkeypatch.setattr(memory_limits, "available_memory", lambda: 500_000_000)
    memory_limits.require_bounded(tmp_path / "many.parquet", rows=50_000)
    with pytest.raises(DataError, match="expected a table that fits"):
        memory_limits.require_bounded(tmp_path / "many.parquet")


def varint(number: int, *, length: int = 0) -> bytes:
    """A whole number as a footer has it, in at least as many bytes."""
    rest, parts = number << 1, list[int]()
    while rest >= 0x80 or len(parts) + 1 < length:
        parts.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*parts, rest])


def lying(path: Path, table: pa.Table, numbers: dict[int, int]) -> Path:
    """A file of one page for each column in whose footer numbers are replaced by others."""
    parquet.write_table(
        table, path, compression="zstd", use_dictionary=False, write_statistics=False, data_page_size=1 << 30,
        write_batch_size=table.num_rows, row_group_size=table.num_rows, store_schema=False,
    )  # fmt: skip
    content = path.read_bytes()
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    footer = content[start:-8]
    for number, other in numbers.items():
        assert varint(number) in footer, number
        footer = footer.replace(varint(number), varint(other, length=len(varint(number))))
    path.write_bytes(content[:start] + footer + content[-8:])
    return path


def test_a_footer_that_states_fewer_rows_than_there_are_is_refused(tmp_path: Path) -> None:
    rows = 300_000
    table = pa.table({"x": np.zeros(rows, np.int64), "y": np.repeat(np.array([0, 1], np.int8), rows // 2)})
    path = tmp_path / "lie.parquet"
    parquet.write_table(table, path)
    lying(path, table, {rows: 2_000})
    assert parquet.read_metadata(path).num_rows == 2_000
    for read in (read_frame, lambda file: list(open_source(str(file)))):
        with pytest.raises(
            DataError, match=r"expected 2,000 values in the pages .*, got \d+0,000: write the file again"
        ):
            read(path)


def test_a_group_of_rows_that_is_larger_than_the_file_states_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lie.parquet"
    parquet.write_table(pa.table({"x": np.zeros(300_000)}), path)
    content, rows = path.read_bytes(), varint(300_000)
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    at = content.index(rows, start)  # the file's number of rows is the first one of the footer
    path.write_bytes(content[:at] + varint(2_000, length=len(rows)) + content[at + len(rows) :])
    with pytest.raises(DataError, match=r"expected 2,000 rows in the groups of .*, got 300,000: write the file again"):
        read_frame(path)


@pytest.mark.slow
def test_sizes_are_those_of_the_pages_not_of_the_footer(tmp_path: Path) -> None:
    table = pa.table({"note": pa.array([LONG] * 300), "x": np.arange(300.0)})
    path = tmp_path / "lie.parquet"
    lying(path, table, {})
    stated = parquet.read_metadata(path).row_group(0).column(0).total_uncompressed_size
    lying(path, table, {stated: 1_000})
    assert parquet.read_metadata(path).row_group(0).column(0).total_uncompressed_size == 1_000
    with pytest.raises(DataError, match=r"expected at most 256 MB in column 'note' of .* where it is packed"):
        read_frame(path)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_sizes_of_pages_are_those_that_an_honest_footer_states(version: str, dictionary: bool, tmp_path: Path) -> None:
    path = tmp_path / "honest.parquet"
    parquet.write_table(
        pa.Table.from_pandas(ordinary()), path, use_dictionary=dictionary, data_page_version=version,
        row_group_size=7_000, data_page_size=10_000, compression="snappy",
    )  # fmt: skip
    with parquet.ParquetFile(path) as opened:
        paths = {opened.schema.column(at).path for at in range(opened.metadata.num_columns)}
        sizes = memory_limits.column_sizes(path, opened, paths)
        assert len(sizes) == 3 * len(paths)
        for group, at, size in sizes:
            chunk = opened.metadata.row_group(group).column(at)
            assert size.values == chunk.num_values
            assert size.unpacked == chunk.total_uncompressed_size
            assert size.packed == chunk.total_compressed_size


def test_pages_that_are_none_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.parquet"
    parquet.write_table(pa.table({"x": np.arange(100.0)}), path)
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for _ in range(50):
        content[4:60] = rng.integers(0, 256, 56, np.uint8).tobytes()
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_frame(path)
        assert "\n" not in str(caught.value)


def test_labels_of_many_rows_take_no_text_for_each(tmp_path: Path) -> None:
    import tracemalloc

    rows = 500_000
    path = tmp_path / "rows.parquet"
    labels = pa.DictionaryArray.from_arrays(pa.array(np.arange(rows, dtype=np.int32) % 2), pa.array([10, 20]))
    parquet.write_table(pa.table({"x": np.arange(rows) % 7, "y": labels.dictionary_decode()}), path)
    tracemalloc.start()
    load_table(path, label="y")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < rows * 2 * memory_limits.HELD_NUMBER, peak / rows


def test_a_table_of_very_many_columns_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{at}" for at in range(60_000)) + "\n" + ",".join(["1"] * 60_000) + "\n")
    with pytest.raises(DataError, match=f"expected at most {memory_limits.MOST_COLUMNS:,} columns, got 60,000"):
        read_frame(path)
    path.write_text(",".join(["c"] * 15_000) + "\n")
    with pytest.raises(DataError, match=r"got c more than once \(positions 0, 1, 2, 3, 4 and 14,995 more\)"):
        read_frame(path)


def ordinary() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    notes = [f"{at:06d} " + "abc " * 74 for at in range(20_000)]  # 303 characters
    notes[7] = LONG[:100_000]
    return pd.DataFrame(
        {
            "note": notes,
            "same": "z" * 300,
            "gap": [None, "a"] * 10_000,
            "x": rng.normal(size=20_000),
            "n": rng.integers(0, 9, 20_000),
            "c": pd.Categorical(rng.choice(["a", "b"], 20_000)),
            "tags": [["a", "b"], []] * 10_000,
            "t": pd.date_range("2026-01-01", periods=20_000, freq="min"),
        },
        index=pd.Index(range(5, 20_005), name="row"),
    )


def test_ordinary_tables_pass_unchanged(tmp_path: Path) -> None:
    frame, path = ordinary(), tmp_path / "rows.parquet"
    frame.to_parquet(path)
    expected = frame.reset_index()[[*frame.columns, "row"]].astype({"c": "str"})
    assert_frame_equal(read_frame(path), expected, check_dtype=False, check_column_type=False)
    chunks = list(open_source(str(path), chunk_rows=8_000))
    assert [len(chunk) for chunk in chunks] == [8_000, 8_000, 4_000]
    joined = pd.concat(chunks, ignore_index=True).astype({"c": "str"})
    assert_frame_equal(joined, expected, check_dtype=False, check_column_type=False)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["ingest", "compare"])
def test_a_long_cell_among_short_ones_takes_no_more_than_the_file(command: str, tmp_path: Path) -> None:
    """No reader makes fixed-width text of a column, which would be 400 kB a row here."""
    frame = ordinary()[["note", "x"]].assign(p=["up", "down"] * 10_000)
    frame.loc[5 + 8 :, "note"] = "short"
    for suffix in ("csv", "parquet"):
        path = tmp_path / f"rows.{suffix}"
        if suffix == "csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path, index=False)
        words = [path if word == "FILE" else word for word in COMMANDS[command]]
        code, said, peak = run(tmp_path, *words, *(("--monitor", suffix) if command == "ingest" else ()))
        assert code == 0, said
        assert peak < MOST_MEGABYTES, peak
