"""Real processes without a terminal: lines of progress on standard error, tables alone on standard output."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys, time
from drift.terminal import progress
progress.SILENT_SECONDS = 0.2
progress.ProgressLines.__init__.__kwdefaults__["seconds"] = 0.2
sys.argv = ["drift", *sys.argv[1:]]
from drift.__main__ import main
main()
"""


def test_compare_writes_progress_beside_its_table(tmp_path: Path) -> None:
    for name, shift in (("before.csv", 0), ("after.csv", 40)):
        (tmp_path / name).write_text(
            "size,kind\n" + "".join(f"{row % 17 + shift},b{row % 3}\n" for row in range(800)), encoding="utf-8"
        )
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT, "compare", "before.csv", "after.csv", "--permutations", "999"],
        cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert found.returncode == 3, found.stderr
    assert found.stdout.startswith("drift: p ")
    assert "progress:" not in found.stdout
    lines = found.stderr.splitlines()
    assert lines
    assert all(re.match(r"progress: (drift compare, \d+ s so far|comparing tables \d+% )", line) for line in lines)
