"""Installed from a wheel, away from a checkout, the package has everything it needs: ELEC and the report's template."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.built import wheel

DEADLINE = 300

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * DEADLINE)]


def test_a_wheel_trains_and_deploys_by_itself(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    def run(*command: str | Path) -> str:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=DEADLINE,
            check=False,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    pip = (sys.executable, "-m", "pip")
    venv.create(tmp_path / "env", with_pip=False)
    binaries = tmp_path / "env" / "bin"
    run(*pip, "--python", binaries / "python", "install", "-q", "--no-deps", wheel(tmp_path_factory))
    where = run(binaries / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    Path(where, "dependencies.pth").write_text(sysconfig.get_path("purelib"))  # what a checkout adds is not followed
    found = run(binaries / "python", "-c", "import drift; print(drift.__file__)")
    assert found.startswith(str(tmp_path))
    run(binaries / "drift", "base", "--max_epochs", "1", "--total_trials", "1", "--train_rows", "5000")
    deployed = run(binaries / "drift", "deploy", "--threshold_accuracy", "0")
    report = Path(deployed.strip().splitlines()[-1].removeprefix("report: "))
    assert (tmp_path / report).stat().st_size > 1_000_000
