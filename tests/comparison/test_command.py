"""`drift compare`: exit codes, the numbers, the page, and one line for what cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from drift.cli import app
from drift.datasets.elec import load_elec


def compare(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month of ELEC, 1,440 rows, as CSV; and the month after it as Parquet."""
    folder, table = tmp_path_factory.mktemp("months"), load_elec()
    frame = pd.DataFrame(table.features, columns=list(table.feature_names))
    frame["class"] = np.asarray(table.classes)[table.labels]
    frame[17_424:18_864].to_csv(folder / "first.csv", index=False)
    frame[18_864:20_304].to_parquet(folder / "second.parquet", index=False)
    mixed = frame[17_424:18_864].sample(frac=1, random_state=0)
    mixed[:720].to_csv(folder / "half.csv", index=False)
    mixed[720:].to_parquet(folder / "other_half.parquet", index=False)
    return folder


def test_two_months_of_elec_differ(month: Path, tmp_path: Path) -> None:
    numbers, page = tmp_path / "numbers.json", tmp_path / "page.html"
    done = compare(month / "first.csv", month / "second.parquet", "--json", numbers, "--html", page)
    assert done.exit_code == 3
    assert done.output.startswith("drift: p < 1e-12 at level 0.05 (1,440 rows against 1,440")
    assert "nswprice: median" in done.output
    assert done.output.splitlines()[-1] == f"page: {page}"
    told = json.loads(numbers.read_text())
    assert told["drift"] is True
    assert told["options"]["level"] == 0.05
    price = next(record for record in told["records"] if record["column"] == "nswprice")
    assert price["changed"] is True
    psi = next(one for one in price["distances"]["distances"] if one["name"] == "psi")
    assert psi["value"] > psi["threshold"] > psi["expected"] > 0
    assert "<h2>Every column</h2>" in page.read_text()


def test_two_halves_of_one_shuffled_month_do_not(month: Path) -> None:
    done = compare(month / "half.csv", month / "other_half.parquet")
    assert done.exit_code == 0
    assert done.output.startswith("no drift: p = ")
    assert "every column is within chance" in done.output


def test_stretches_of_one_file(month: Path) -> None:
    file = month / "first.csv"
    done = compare(file, file, "--reference_rows", ":700", "--current_rows", "700:", "--columns", "nswdemand,class")
    assert "700 rows against 740, 2 columns" in done.output
    assert "not compared: nswprice (not asked for)" in done.output
    again = compare(file, file, "--reference_rows", ":700", "--current_rows", "700:", "--columns", "nswdemand,class")
    assert again.output == done.output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nowhere.csv", "first.csv"), 1, "there is no file"),
        (("first.csv", "first.csv", "--current_rows", "1-5"), 2, "expected rows as START:STOP"),
        (("first.csv", "first.csv", "--current_rows", "9000:"), 2, "expected some rows, got none from 9000:"),
        (("first.csv", "first.csv", "--columns", "town"), 1, "expected columns of the tables, got 'town'"),
        (("first.csv", "first.csv", "--level", "2"), 2, "--level"),
        (("first.csv", "first.csv", "--html", "/dev/null/page.html"), 1, "cannot be written to /dev/null/page.html"),
    ],
)
def test_bad_input_is_one_line(month: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    files, options = arguments[:2], arguments[2:]
    done = compare(*(month / name for name in files), *options)
    assert done.exit_code == code
    assert words in done.output
    assert "Traceback" not in done.output


def test_names_that_are_html_stay_names(month: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(month / "first.csv").rename(columns={"nswprice": "<script>alert(1)</script>"})
    frame["class"] = frame["class"] + "<b>"
    frame[:700].to_csv(tmp_path / "a.csv", index=False)
    frame[700:].to_csv(tmp_path / "b<i>.csv", index=False)
    compare(tmp_path / "a.csv", tmp_path / "b<i>.csv", "--html", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<script>alert(1)" not in page
    assert "UP<b>" not in page
    assert "b<i>.csv" not in page
