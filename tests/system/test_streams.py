"""Terminals that are not UTF-8, and readers that go away, end no command in an error."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.text import Text

from drift.system import streams
from drift.terminal.plain import PlainConsole
from tests.said import without_progress

ENCODINGS = [
    {"PYTHONIOENCODING": "latin-1"},
    pytest.param({"PYTHONIOENCODING": "ascii"}, marks=pytest.mark.slow),
    pytest.param({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, marks=pytest.mark.slow),
]


def run(*args: str, folder: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "drift", *args], cwd=folder, env={**os.environ, **(env or {})}, capture_output=True,
        timeout=120, check=False,
    )  # fmt: skip


def tables(folder: Path) -> list[str]:
    for name, shift in (("before.csv", 0), ("after.csv", 40)):
        rows = "".join(f"{row % 17 + shift},b{row % 3}\n" for row in range(200))
        (folder / name).write_text(f"größe,→ label\n{rows}", encoding="utf-8")
    return ["compare", "before.csv", "after.csv", "--permutations", "99"]


@pytest.mark.slow
@pytest.mark.parametrize("env", ENCODINGS, ids=str)
def test_characters_that_a_terminal_lacks_are_replaced(env: dict[str, str], tmp_path: Path) -> None:
    found = run(*tables(tmp_path), folder=tmp_path, env=env)
    assert found.returncode == 3, found.stderr
    assert b"median 8 ? 48" in found.stdout
    assert run("deploy", "--help", folder=tmp_path, env=env).returncode == 0
    failed = run("compare", "größe→.csv", "b.csv", folder=tmp_path, env=env)
    assert failed.returncode == 1
    assert without_progress(failed.stderr.decode(errors="replace")).startswith("error: ")
    assert b"Traceback" not in failed.stderr


@pytest.mark.parametrize("args", [["--help"], ["deploy", "--help"], ["compare"], ["monitor", "--help"]], ids=str)
def test_a_reader_that_has_gone_ends_a_command_with_141(args: list[str], tmp_path: Path) -> None:
    arguments = tables(tmp_path) if args == ["compare"] else args
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [sys.executable, "-m", "drift", *arguments], cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    _, errors = process.communicate(timeout=120)
    said = [line for line in errors.splitlines() if not line.startswith(b"progress: ")]  # on a busy machine
    assert (process.returncode, said) == (141, [])


def test_an_error_keeps_its_exit_code_in_a_pipe(tmp_path: Path) -> None:
    """A failure before anything is written is no broken pipe."""
    found = run("compare", "missing.csv", "missing.csv", folder=tmp_path)
    assert found.returncode == 1
    assert without_progress(found.stderr.decode(errors="replace")).startswith("error: ")


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_typed_characters_that_an_encoding_lacks_are_replaced(encoding: str) -> None:
    """They are an answer that is none of the letters asked for, not an error."""
    code = (
        "from drift.system import streams; from drift.terminal import Screen;"
        "streams.replace_unknown_characters(); print(Screen().confirm('Go on? [y]es, [n]o: '))"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code], input="ü\n".encode("latin-1") + "→\ny\n".encode(), capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding}, timeout=120, check=False,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.count(b"Go on?") == 3
    assert asked.stdout.endswith(b"True\n")


HOSTILE_TEXT = "\x1b]0;owned\x07\x1b[2J\rerror: fake\x9b31m\u202edrow"


def test_control_characters_are_written_out() -> None:
    assert streams.escaped("tab\tand line\n stay") == "tab\tand line\n stay"
    assert streams.escaped("größe → 💥") == "größe → 💥"
    found = streams.escaped(HOSTILE_TEXT)
    assert found == "\\x1b]0;owned\\x07\\x1b[2J\\rerror: fake\\x9b31m\\u202edrow"


@pytest.mark.slow
def test_a_column_a_class_and_a_file_name_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    """In results, in errors, and in what argument parsing says."""
    name = HOSTILE_TEXT.replace("\r", "")
    for file, shift in (("before.csv", 0), ("after.csv", 40)):
        rows = "".join(f"{row % 17 + shift},{name}{row % 3}\n" for row in range(200))
        (tmp_path / file).write_text(f"{name},label\n{rows}", encoding="utf-8")
    for words in (
        ["compare", "before.csv", "after.csv", "--permutations", "99"],
        ["compare", f"{name}.csv", "after.csv"],
        ["base", "--data", "before.csv", "--label", name],
        ["base", "--data", f"{name}.csv", "--label", "x"],
        ["monitor", "ingest", "before.csv", "--prediction", "label"],
        ["monitor", "ingest", "before.csv", "--prediction", "label", "--batch", name],
        ["monitor", "check", "--monitor", name],
    ):
        found = run(*words, folder=tmp_path)
        text = (found.stdout + found.stderr).decode()
        assert text, words
        for character in ("\x1b", "\x07", "\x9b", "\u202e"):
            assert character not in text, words


def test_rich_escapes_texts_and_keeps_its_own_colours() -> None:
    out = io.StringIO()
    console = PlainConsole(file=out, force_terminal=True, color_system="standard", width=100)
    console.print(Text(HOSTILE_TEXT, style="bold red"))
    shown = out.getvalue()
    assert "\x1b[1;31m" in shown
    assert "\x1b]0" not in shown and "\x1b[2J" not in shown and "\u202e" not in shown


def test_signs_without_a_width_are_written_out() -> None:
    """Two names that look alike on a terminal are not the same."""
    for sign in "\xad\u061c\u200b\u2060\ufeff\U000e0041":
        assert streams.escaped(f"UP{sign}") != f"UP{sign}"
    assert streams.escaped("naïve 家族 👨‍👩‍👧") == "naïve 家族 👨‍👩‍👧"
