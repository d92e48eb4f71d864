"""Each command's help ends with one example, which is a command; and the tables are what they are said to be."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sql

from drift.datasets.example import FILES, write_example
from drift.errors import StateError
from tests.examples import MARK, every_command, examples
from tests.said import without_progress


@pytest.mark.parametrize("name", every_command())
def test_each_help_ends_with_one_example(name: str) -> None:
    text = (every_command()[name].help or "").strip()
    assert text.count(MARK) == 1
    last = text.split("\n\n")[-1]
    assert last.startswith(f"{MARK}{name}")
    assert "\n" not in last
    assert len(last) <= 78  # in one line on a terminal of 80 columns


@pytest.mark.parametrize("name", examples())
def test_each_example_is_accepted_by_its_command(name: str) -> None:
    words = shlex.split(examples()[name])[1:]
    command = every_command()["drift"]
    while words and hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    context = command.make_context(command.name, words)  # raises a usage error
    assert set(context.params) == {parameter.name for parameter in command.params if parameter.name != "help"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "made"
    write_example(folder)
    return folder


def test_example_tables_are_the_same_whenever_they_are_made(shop: Path, tmp_path: Path) -> None:
    write_example(tmp_path)
    assert {path.name for path in shop.iterdir()} == set(FILES)
    for path in shop.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    write_example(tmp_path)  # again into the same folder: nothing is in the way


def test_an_example_replaces_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("mine\n")
    with pytest.raises(StateError, match=r"sales\.csv is there already"):
        write_example(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["sales.csv"]


def test_the_rule_of_returns_changes_in_sales(shop: Path) -> None:
    sales = pd.read_csv(shop / "sales.csv", parse_dates=["sold_at"])
    assert len(sales) == 6000
    assert sales.sold_at.is_monotonic_increasing
    assert sales.order_id.is_unique
    late, back = sales.delivery_days > 4, sales.returned == "yes"
    before, after = sales.index < 5200, sales.index >= 5200
    assert back[late & before].mean() > 0.85
    assert back[late & after].mean() < 0.5


def test_answers_become_worse_in_april_and_labels_come_later(shop: Path) -> None:
    answers = pd.read_csv(shop / "predictions.csv")
    labels = pd.read_csv(shop / "returns.csv").set_index("order_id").returned
    april = answers.day >= "2026-04-01"
    assert answers.returned.isna().equals(april)
    known = answers.returned.fillna(answers.order_id.map(labels))
    right = known == answers.predicted
    assert right[~april].mean() > 0.85
    assert right[april].mean() < 0.75
    assert answers.day.nunique() == 120
    engine = sql.create_engine(f"sqlite:///{shop / 'shop.db'}")
    with engine.connect() as connection:
        stored = pd.read_sql_query(sql.text("SELECT * FROM predictions"), connection)
    engine.dispose()
    assert stored.order_id.tolist() == answers.order_id.tolist()
    assert stored.p.tolist() == answers.p.tolist()


def test_the_command_writes_the_tables_and_says_what_they_are(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "drift", "example"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert {text.split(":")[0] for text in done.stdout.splitlines()} == set(FILES)
    (tmp_path / "returns.csv").write_text("other\n")
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert without_progress(done.stderr).count("\n") == 1
    assert "returns.csv is there already" in done.stderr
