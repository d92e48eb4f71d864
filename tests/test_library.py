"""`import drift`: a few names, each imported when it is first used."""

from __future__ import annotations

import doctest
import subprocess
import sys

import pytest

import drift
from drift.loop import library, options, resume
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


def test_every_name_is_there() -> None:
    assert set(drift.__all__) <= set(dir(drift))
    for name in drift.__all__:
        assert getattr(drift, name) is not None
    from drift.comparison import compare_tables

    assert drift.compare is compare_tables
    with pytest.raises(AttributeError, match="no attribute 'Moonitor'"):
        drift.Moonitor  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("module", [drift, library, options, resume, declarations], ids=lambda module: module.__name__)
def test_examples_of_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_help_says_what_the_command_line_says() -> None:
    assert drift.TrainOptions.__doc__ is not None
    assert "max_epochs: Passes over the training rows in each trial." in drift.TrainOptions.__doc__
    assert "train: see `TrainOptions`." in (drift.RetrainOptions.__doc__ or "")
