"""What CONTRIBUTING.md says of adding a part, done as it says: one file and one line in a copy of the package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("detector", "metric", "policy", "source of tables", "channel for alerts", "page of the monitor")
CHECK = """
import json
from pathlib import Path

import numpy as np

from drift.data.blocks import Reference, ScoredBlock
from drift.data.readers import open_source, read_frame
from drift.detect import DETECTORS
from drift.metrics import metrics_by_name
from drift.policies import POLICIES
from drift.policies.parser import parse_policy
from drift.policies.protocol import PolicySettings

assert "confidence" in DETECTORS
reference = Reference.of_features(np.zeros((100, 2)))
assert DETECTORS["confidence"](reference).score(ScoredBlock.of_features(np.zeros((20, 2)))).p_value == 1
assert "confidence" in POLICIES  # every detector is a policy
assert parse_policy("once:3").policy(PolicySettings(blocks=9)).name == "once:3"
assert metrics_by_name()["error_rate"].help == "share of wrong answers"
rows = [{"x": 1, "y": "a"}, {"x": None, "y": "b"}, {"x": 3, "y": None}]
Path("rows.jsonl").write_text("\\n".join(map(json.dumps, rows)))
assert read_frame(Path("rows.jsonl"))["x"].dropna().tolist() == [1, 3]
[first, second] = open_source("rows.jsonl", columns=("y",), chunk_rows=2)
assert first["y"].tolist() == ["a", "b"]

from drift.monitor.alerts.channels import AllChannels, channels_of
from drift.monitor.alerts.channels.spool import SpoolOptions
from drift.monitor.web.sections import SECTIONS

[channel] = channels_of(AllChannels(SpoolOptions=SpoolOptions(spool=Path("messages"))))
assert channel.kind == "spool"
assert SECTIONS["sizes"].title == "Sizes"
"""


@dataclass(frozen=True)
class Addition:
    """What a section says to write."""

    file: Path
    content: str
    line: str
    registry: Path
    template: str


def addition(part: str) -> Addition:
    """Of the section `To add a PART`: the file, its content, the line, and the module that the line goes to."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.split(f"## To add a {part}\n")[1].split("\n## ")[0]
    content, line = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    first, _, rest = content.partition("\n")
    file = Path(first.removeprefix("# "))
    registry = re.search(r"^2\. One line in (?:`(.*?)`|the `(.*?)` beside it)", section, re.MULTILINE)
    assert registry is not None
    template = "".join(re.findall(r"```jinja\n(.*?)```", section, re.DOTALL))
    return Addition(file, rest, line.strip(), Path(registry[1] or file.parent / registry[2]), template)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package and its tests, with all additions."""
    folder = tmp_path_factory.mktemp("extended")
    left_out = shutil.ignore_patterns("__pycache__")
    for name in ("drift", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    for name in ("data", "docs"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for part in PARTS:
        new = addition(part)
        (folder / new.file).write_text(new.content)
        if new.template:
            template = folder / "drift" / "monitor" / "web" / "templates" / f"{new.file.stem}.html.j2"
            template.write_text(new.template)
        registry = folder / new.registry
        lines = registry.read_text().splitlines()
        at = max(number for number, line in enumerate(lines) if line.startswith("from drift."))
        registry.write_text("\n".join([*lines[: at + 1], new.line, *lines[at + 1 :]]) + "\n")
    return folder


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A Python process on the copy."""
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=500, check=False
    )


@pytest.mark.parametrize("part", PARTS)
def test_each_section_names_a_file_a_line_and_a_line_for_the_changelog(part: str) -> None:
    new = addition(part)
    assert not (ROOT / new.file).exists()
    assert (ROOT / new.registry).is_file()
    assert new.line.count("\n") == 0
    section = (ROOT / "CONTRIBUTING.md").read_text().split(f"## To add a {part}\n")[1].split("\n## ")[0]
    assert re.search(r"^3\. One line in `CHANGELOG.md`: ``- .*``$", section, re.MULTILINE)


def test_what_was_added_is_found_by_name(extended: Path) -> None:
    done = run(extended, "-c", CHECK)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_what_was_added_is_typed_and_formatted(extended: Path) -> None:
    files = [str(addition(part).file) for part in PARTS]
    for words in (("ruff", "check", *files), ("ruff", "format", "--check", *files)):
        done = run(extended, "-m", *words)
        assert done.returncode == 0, done.stdout
    done = run(extended, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), *files)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_conformance_tests_find_what_was_added(extended: Path) -> None:
    """The tests of detectors, policies and metrics run on the new ones, too, without a change to them."""
    files = ("detect/detectors/test_conformance.py", "policies/test_conformance.py", "metrics/test_new_metric.py",
             "monitor/alerts/test_channels.py", "monitor/web/test_sections.py")  # fmt: skip
    words = (
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "confidence or once or every_declaration or sweep or sizes or registry",
    )
    done = run(extended, *words, "--basetemp", str(extended / "base"), *(f"tests/{file}" for file in files))
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) >= 10
