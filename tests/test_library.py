"""`import drift`: a few names, each imported when it is first used."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import drift
from drift.loop import deploy, library, options
from drift.system import options as declarations

HEAVY = {
    "torch",
    "mlflow",
    "ax",
    "numpy",
    "pandas",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "typer",
    "requests",
    "matplotlib",
}


def modules_after(code: str) -> set[str]:
    """Every module that a new Python process has imported after some code."""
    code = f"{code}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240)
    return set(done.stdout.split())


def test_importing_the_package_imports_no_other_module_of_it() -> None:
    """Of seconds, a busy machine says nothing; few modules are quick anywhere."""
    loaded = modules_after("import drift; dir(drift)")
    assert {name for name in loaded if name.startswith("drift.")} == set()
    assert not HEAVY & loaded


def test_options_are_light() -> None:
    assert not HEAVY & modules_after("import drift; drift.TrainOptions(), drift.ServerOptions(), drift.BaseOptions()")


def test_what_trains_nothing_imports_no_library_of_models() -> None:
    """Status, rollback, history and refusals take half of the processor's seconds without it."""
    assert not {"torch", "mlflow", "ax", "pandas", "scipy", "sklearn"} & modules_after("import drift; drift.Loop")


def test_every_name_is_there() -> None:
    assert set(drift.__all__) <= set(dir(drift))
    for name in drift.__all__:
        assert getattr(drift, name) is not None
    from drift.comparison import compare_tables

    assert drift.compare is compare_tables
    with pytest.raises(AttributeError, match="no attribute 'Moonitor'"):
        drift.Moonitor  # type: ignore[attr-defined]  # noqa: B018


def test_errors_are_there_without_an_import_of_their_own() -> None:
    loaded = modules_after("import drift; assert issubclass(drift.errors.UsageError, drift.DriftError)")
    assert {name for name in loaded if name.startswith("drift.")} == {"drift.errors"}


def test_what_is_no_table_is_refused_by_the_name_of_what_is_taken() -> None:
    for source in ("t.csv", pd.DataFrame({"x": [1.0]}), drift.ReplayOptions("never")):
        with pytest.raises(drift.UsageError, match=r"expected drift\.DataSource\(path, label=\.\.\.\)"):
            drift.replay(source)  # type: ignore[arg-type]
    with pytest.raises(drift.UsageError, match=r"expected DataSource\.path to be the path of a CSV or Parquet file"):
        drift.DataSource(pd.DataFrame())  # type: ignore[arg-type]
    with pytest.raises(drift.UsageError, match=r"expected a drift\.ReplayOptions, got dict"):
        drift.replay(None, {"seeds": 1})  # type: ignore[arg-type]


def test_one_text_is_one_name() -> None:
    source = drift.DataSource(Path("t.csv"), "y", ignore="note")  # type: ignore[arg-type]
    assert source == drift.DataSource("t.csv", "y", ignore=("note",))
    assert drift.DataSource("t.csv", "y", ignore=["a", "b"]).ignore == ("a", "b")  # type: ignore[arg-type]
    table = pd.DataFrame({"xt": np.arange(60) % 7, "note": np.arange(60) % 5})
    compared = drift.compare(table, table, ignore="xt", permutations=40)
    assert ([column.column for column in compared.columns], set(compared.left_out)) == (["note"], {"xt"})
    assert str(compared).startswith(
        "no drift: p = 1 at level 0.05 (60 rows against 60, 1 column)\n  every column is within"
    )
    (row,) = compared.to_frame().to_dict("records")
    assert (row["column"], row["p_value"], row["changed"], row["psi"]) == ("note", 1.0, False, 0.0)


@pytest.mark.parametrize("module", [drift, library, options, deploy, declarations], ids=lambda module: module.__name__)
def test_examples_of_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_help_says_what_the_command_line_says() -> None:
    assert drift.TrainOptions.__doc__ is not None
    assert "max_epochs: Passes over the training rows in each trial." in drift.TrainOptions.__doc__
    assert "train: see `TrainOptions`." in (drift.RetrainOptions.__doc__ or "")
