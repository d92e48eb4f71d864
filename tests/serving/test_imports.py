"""The room's door: cheap to open, and everything named on it is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import drift.serving

HEAVY = ("torch", "requests", "psutil", "numpy", "ts", "model_archiver")


def test_importing_the_room_imports_nothing_heavy() -> None:
    code = f"import sys, drift.serving; print([name for name in {HEAVY} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_importing_the_service_imports_no_torch() -> None:
    code = "import sys, drift.serving; drift.serving.ModelService, drift.serving.build_archive\n"
    code += "print([name for name in ('torch', 'ts', 'model_archiver') if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_every_entry_point_is_there() -> None:
    for name in drift.serving.MODULES:
        assert getattr(drift.serving, name).__module__ == f"drift.serving.{drift.serving.MODULES[name]}"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = drift.serving.nothing
