"""What the benchmarks promise: limits on a call, checkouts of peers, and a plain line where there is no figure."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import twosample
from benchmarks.environments import SCRIPTS, NotInstalledError, sources
from benchmarks.measuring import Limits, Record, call, repeated, write_json

POINT = {"n": 30, "permutations": 25, "shift": 0.0, "seed": 0}
LIMITS = Limits(seconds=60)
FAKE = """
def mmdagg(x, y, kernel, B1, B2):
    assert x.shape == y.shape and B1 == B2
    return int(len(x) == 30 and kernel == "laplace_gaussian")
"""


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers run in this process' environment, so that nothing is installed."""
    monkeypatch.setattr(twosample, "environment", lambda name, peer: Path(sys.executable))


def peer_records(
    name: str, folder: Path | None = None, tried: twosample.Tried | None = None, took: twosample.Took | None = None
) -> list[Record]:
    return list(twosample.peer_records(name, POINT, 2, LIMITS, folder, tried or {}, took or {}))


@pytest.mark.usefixtures("here")
def test_a_checkout_is_measured(tmp_path: Path) -> None:
    (tmp_path / "mmdagg").mkdir()
    (tmp_path / "mmdagg" / "__init__.py").touch()
    (tmp_path / "mmdagg" / "np.py").write_text(FAKE)
    found = peer_records("mmdagg", sources([f"mmdagg={tmp_path}"])["mmdagg"])
    assert [record.test for record in found] == ["mmdagg, gaussian", "mmdagg, 20 kernels"]
    assert [record.found for record in found] == [{"rejected": 0.0}, {"rejected": 1.0}]
    assert all(record.runs == 2 and record.cpu_seconds is not None for record in found), found


def test_without_a_checkout_a_line_says_so() -> None:
    (found,) = peer_records("mmdfuse")
    assert found.failure == "not run: on no package index; give a checkout, --source mmdfuse=FOLDER"
    assert found.failure in "\n".join(twosample.table([found], 2))
    for wrong in ("mmdfuse", "mmdfuse=/no/folder"):
        with pytest.raises(ValueError, match="expected NAME=FOLDER"):
            sources([wrong])


@pytest.mark.usefixtures("here")
def test_what_took_too_long_is_not_tried_with_more() -> None:
    (found,) = peer_records("hyppo", tried={"hyppo": (30, 20, "over 60 s")})
    assert found.failure == "not run: over 60 s at n = 30, B = 20"
    (found,) = peer_records("hyppo", tried={"hyppo": (20, 100, "over 60 s")})
    assert "hyppo" in found.failure  # tried, and not installed here
    (found,) = peer_records("hyppo", took={("hyppo", 25): (10, 7.0)})
    assert found.failure == "not run: about 63 s by the square of its 7 s before"
    (found,) = peer_records("hyppo", took={("hyppo", 25): (10, 6.0), ("hyppo", 100): (10, 50.0)})
    assert "hyppo" in found.failure


def test_a_peer_that_cannot_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise NotInstalledError("no such package")

    monkeypatch.setattr(twosample, "environment", fail)
    assert peer_records("frouros")[0].failure == "not installed: no such package"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("import time; time.sleep(60)", "over 1 s"),
        ("timing.np.ones(1 << 30)", "out of memory (1 GB)"),
        ("raise OSError('of a kind')", "OSError: of a kind"),
    ],
)
def test_limits_of_a_call(tmp_path: Path, line: str, reason: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"import timing\ntiming.options()\n{line}\n")
    limits = Limits(seconds=1 if "over" in reason else 60, memory_gb=1)
    assert call(sys.executable, script, {}, limits=limits, path=[SCRIPTS]) == reason


def test_long_calls_run_once_and_medians_are_told(tmp_path: Path) -> None:
    def answer(seconds: float) -> dict[str, Any]:
        costs = {"cpu_seconds": seconds, "wall_seconds": seconds, "peak_mb": 1.0}
        return costs | {"found": {"p_value": 0.5}, "versions": {"it": "1"}}

    answers = iter([1.0, 3.0, 2.0, 9.0])
    short, long = (
        repeated("test", lambda: answer(next(answers)), runs=3, limits=Limits(once_over=5)) for _ in range(2)
    )
    assert (short.cpu_seconds, short.runs) == (2.0, 3)
    assert (long.cpu_seconds, long.runs) == (9.0, 1)
    assert "| one run |" in "\n".join(twosample.table([long], 3))
    write_json(tmp_path / "found.json", {"runs": 3}, [short, long])
    written = json.loads((tmp_path / "found.json").read_text())
    assert written["records"][0]["found"] == {"p_value": 0.5}
    assert {"options", "seed", "versions", "records"} == set(written)
