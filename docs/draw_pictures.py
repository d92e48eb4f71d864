"""Draw the pictures of the documents anew, from real runs: `python docs/draw_pictures.py [NAME ...]`.

Pictures of pages are taken in Chromium by the slow tests of `tests/browser`, those of the image laboratory come from
the pages that its commands write. Without names, all are drawn, which takes about a quarter of an hour.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

FOLDER = Path(__file__).parent / "images"
ROOT = FOLDER.parents[1]
TESTS = {
    "report": "test_report.py::test_everything_is_drawn",
    "replay": "test_replay.py::test_it_is_drawn_without_a_network_and_fits",
    "compare": "test_comparison.py::test_it_is_drawn_without_a_network_and_fits",
    "monitor-overview": "test_monitor.py::test_elec_is_followed_from_the_scoring_log_and_alarms",
    "monitor-feature": "test_monitor.py::test_elec_is_followed_from_the_scoring_log_and_alarms",
    "monitor-errors": "test_monitor.py::test_five_rows_are_triaged_by_keyboard_alone",
    "mlflow-runs": "test_mlflow_ui.py",
    "mlflow-compare": "test_mlflow_ui.py",
    "mlflow-block-accuracy": "test_mlflow_ui.py",
    "mlflow-parent-elsewhere": "test_mlflow_parents.py",
    "mlflow-compare-elsewhere": "test_mlflow_parents.py",
}
COMMANDS = {
    "ramp": "images simulate --data mnist --perturbation gaussian_blur --quick",
    "kernels": "images kernels --data mnist --other_data fashion-mnist --quick",
}


def take(names: list[str]) -> None:
    """Let the tests of a browser take their pictures."""
    chosen = [f"tests/browser/{test}" for test in dict.fromkeys(TESTS[name] for name in names)]
    environment = os.environ | {"DRIFT_SCREENSHOTS": str(FOLDER), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-m", "slow", *chosen], cwd=ROOT, env=environment, check=True)


def draw(name: str) -> None:
    """Run a command of the image laboratory, and keep the first picture of its page."""
    with TemporaryDirectory() as folder:
        line = [sys.executable, "-m", "drift", *COMMANDS[name].split(), "--html", "page.html"]
        subprocess.run(line, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)
        pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', (Path(folder) / "page.html").read_text())
    (FOLDER / f"{name}.png").write_bytes(base64.b64decode(pictures[0]))


def main(names: list[str]) -> None:
    """Draw the named pictures, or all."""
    unknown = set(names) - {*TESTS, *COMMANDS}
    if unknown:
        sys.exit(f"expected some of {', '.join((*TESTS, *COMMANDS))}; got {', '.join(sorted(unknown))}")
    chosen = names or [*TESTS, *COMMANDS]
    if pages := [name for name in chosen if name in TESTS]:
        take(pages)
    for name in chosen:
        if name in COMMANDS:
            draw(name)


if __name__ == "__main__":
    main(sys.argv[1:])
