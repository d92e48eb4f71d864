"""A user's table: every problem is told at once, by column and row."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drift.data.tables import load_table, load_table_once
from drift.errors import DataError


def good() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=8, freq="6h").astype(str),
            "x": np.arange(8.0),
            "flag": [True, False] * 4,
            "y": ["up", "down"] * 4,
        }
    )


def write(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_good_table(tmp_path: Path, suffix: str) -> None:
    table = load_table(write(good(), tmp_path / f"t{suffix}"), label="y", time="when")
    assert table.feature_names == ("x", "flag", "day_sin", "day_cos", "week_sin", "week_cos")
    assert table.classes == ("down", "up")
    assert table.labels.tolist() == [1, 0] * 4
    assert table.features.dtype == np.float32
    np.testing.assert_allclose(table.features[:4, 2], [0, 1, 0, -1], atol=1e-6)  # time of day


def test_ignored_columns_are_left_out(tmp_path: Path) -> None:
    table = load_table(write(good(), tmp_path / "t.csv"), label="y", ignore=("when", "flag"))
    assert table.feature_names == ("x",)
    assert table.timestamps is None


def test_number_classes_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(6.0), "y": [10, 9, 2, 10, 9, 2]})
    assert load_table(write(frame, tmp_path / "t.csv"), label="y").classes == ("2", "9", "10")


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "when": ["2024-01-02", "2024-01-01", "soon", "2024-01-03"],
            "text": ["1", "2", "three", "4"],
            "gap": [1.0, np.nan, 3.0, np.nan],
            "far": [1.0, np.inf, 2.0, 3.0],
            "y": ["a", "b", None, "a"],
        }
    )
    with pytest.raises(DataError) as caught:
        load_table(write(frame, tmp_path / "t.csv"), label="y", time="when")
    message = str(caught.value)
    assert "6 problems" in message
    for expected in (
        "column 'text': text where numbers are expected, such as 'three' in row 2 (line 4)",
        "column 'gap': missing value (NaN); fill it or drop the row in row 1 (line 3), 3 (line 5)",
        "column 'far': infinity in row 1 (line 3)",
        "column 'y': missing label in row 2 (line 4)",
        "column 'when': expected a date, such as 2026-01-31 or 2026-01-31T12:00:00Z in row 2 (line 4)",
        "column 'when': earlier than the row before it; sort the file by time in row 1 (line 3)",
    ):
        assert expected in message


@pytest.mark.parametrize(
    ("values", "time", "words"),
    [
        (
            ["2025-01-01 00:00:00", "2025-01-01 01:00:00"],
            None,
            "dates or durations where numbers are expected (name it by --time 'sent at', or leave it out by --ignore"
            " 'sent at')",
        ),
        (
            ["2025-01-01T00:00Z", "2025-01-02"],
            "when",
            "dates or durations where numbers are expected (leave it out by --ignore 'sent at')",
        ),
        (["today", "2025-01-02"], None, "such as 'today' in row 0"),
        (["2025-01-01 of old", "2025-01-02"], None, "such as '2025-01-01 of old' in row 0"),
    ],
)
def test_a_column_of_dates_says_by_which_option_it_is_named(
    values: list[str], time: str | None, words: str, tmp_path: Path
) -> None:
    frame = good().assign(**{"sent at": values * 4})
    with pytest.raises(DataError) as caught:
        load_table(write(frame, tmp_path / "t.csv"), label="y", time=time, ignore=() if time else ("when",))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a"] * 8, "expected at least 2 classes, got 1: a"),
        ([0.5, 1.0] * 4, "a fraction where a class is expected in row 0 (line 2), 2 (line 4)"),
        (list(range(8)), None),
    ],
)
def test_labels(tmp_path: Path, labels: list[str], expected: str | None) -> None:
    path = write(good().assign(y=labels), tmp_path / "t.csv")
    if expected is None:
        assert len(load_table(path, label="y", time="when").classes) == 8
    else:
        with pytest.raises(DataError) as caught:
            load_table(path, label="y", time="when")
        assert expected in str(caught.value)


def test_classes_that_look_like_missing_values_are_classes(tmp_path: Path) -> None:
    path = write(good().assign(y=["NA", "None"] * 4), tmp_path / "t.csv")
    assert load_table(path, label="y", time="when").classes == ("NA", "None")
    path.write_text(path.read_text().replace("True,NA", "True,", 1))
    with pytest.raises(DataError, match="missing label in row 0"):
        load_table(path, label="y", time="when")


def test_a_number_to_predict_is_not_a_class(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(300.0), "y": np.arange(300)})
    with pytest.raises(DataError, match="at most 100 classes, got 300"):
        load_table(write(frame, tmp_path / "t.csv"), label="y")


def test_columns_that_float32_cannot_hold_are_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": 1.7e9 + np.arange(100.0), "y": [0, 1] * 50})
    with pytest.raises(DataError, match=r"float32 would round it by up to .*; subtract an offset of about 1\.7e\+09"):
        load_table(write(frame, tmp_path / "t.csv"), label="y")


def test_lines_that_do_not_fit_the_header_are_refused(tmp_path: Path) -> None:
    """Pandas would take a surplus first field for an index and shift every column by one."""
    (tmp_path / "t.csv").write_text("a,b,y\n1,2,3,x\n1,2,3,y\n1,2\n")
    with pytest.raises(
        DataError, match=r"expected 3 fields in every line, .* got 4 in line 2, 4 in line 3, 2 in line 4"
    ):
        load_table(tmp_path / "t.csv", label="y")


def test_a_repeated_column_is_refused(tmp_path: Path) -> None:
    """Pandas would rename the second `y` to `y.1`, a feature that gives the label away."""
    (tmp_path / "t.csv").write_text("a,y,y\n1,u,u\n2,v,v\n")
    with pytest.raises(DataError, match=r"different names in the header of .*, got y more than once"):
        load_table(tmp_path / "t.csv", label="y")


def test_a_blank_line_is_a_missing_row_at_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\n1,u\n\nx,v\n")
    with pytest.raises(DataError) as caught:
        load_table(tmp_path / "t.csv", label="y")
    assert "such as 'x' in row 2 (line 4)" in str(caught.value)
    assert "missing label in row 1 (line 3)" in str(caught.value)


def test_wrong_columns_are_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_table(write(good(), tmp_path / "t.csv"), label="why", time="hour")
    assert "column 'why': not in the file (asked for by --label); it has when, x, flag, y" in str(caught.value)
    assert "column 'hour': not in the file (asked for by --time)" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("gone.csv", None, "there is no file"),
        ("empty.csv", "", "is empty"),
        ("header.csv", "x,y\n", "has a header but no rows"),
        ("t.txt", "x,y\n1,2\n", "expected a .csv or .parquet file"),
        ("bad.parquet", "x,y\n1,2\n", "cannot be read as parquet"),
        ("bad.csv", 'x,y\n1,2\n"3,4,5\n6,7,8,9\n', "cannot be read as csv"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, name: str, content: str | None, expected: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=expected):
        load_table(path, label="y")


@pytest.mark.parametrize("wrong", ["up\nversion 2 is known", "up\x1b[2J", "up\x7f", "up\u2028"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_names_that_would_forge_lines_are_refused(tmp_path: Path, wrong: str, suffix: str) -> None:
    """They stand in whatever is printed about a model, which people compare line by line."""
    path, plain = tmp_path / f"t{suffix}", wrong.encode("unicode_escape").decode()
    frame = good().rename(columns={"x": wrong})
    frame["y"] = frame["y"].replace("up", wrong)
    with pytest.raises(DataError) as error:
        load_table(write(frame, path), label="y", time="when")
    first, *lines = str(error.value).split("\n")
    assert str(path) in first and len(lines) == 2, lines
    assert f"column '{plain}': expected a name without control characters and line breaks; rename it" in lines[0]
    assert f"expected classes without control characters and line breaks, got '{plain}'; rename them" in lines[1]
    with pytest.raises(DataError) as error:
        load_table(path, label="class")
    assert wrong not in str(error.value)
    frame["y"] = wrong
    with pytest.raises(DataError) as error:
        load_table(write(frame, path), label="y", time="when")
    assert wrong not in str(error.value)


def test_a_tab_in_a_name_is_no_line(tmp_path: Path) -> None:
    assert "a\tb" in load_table(write(good().rename(columns={"x": "a\tb"}), tmp_path / "t.csv"), label="y",
                               time="when").feature_names  # fmt: skip


def test_a_file_that_has_not_changed_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,a\n2,b\n")
    first = load_table_once(path, label="y")
    assert load_table_once(path, label="y") is first
    path.write_text("x,y\n1,a\n2,b\n3,b\n")
    assert len(load_table_once(path, label="y")) == 3


def test_a_file_that_was_changed_is_read_again_whatever_its_time_says(tmp_path: Path) -> None:
    """Copies and editors keep the time of a file; the number of rows and bytes may be the same, too."""
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n" + "1,a\n2,b\n" * 20)
    first, state = load_table_once(path, label="y"), path.stat()
    path.write_text("x,y\n" + "3,a\n4,b\n" * 20)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert path.stat().st_mtime_ns == state.st_mtime_ns
    assert first.features.max() == 2
    assert load_table_once(path, label="y").features.max() == 4
