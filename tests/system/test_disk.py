"""Files that take their place whole: by a name that nobody can guess, following no link, with the mode they had."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from drift.system.disk import at_once, private_folder, write_at_once


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_no_link_is_followed(tmp_path: Path) -> None:
    """Its name was once `.report.html.PID`: a link of that name led to any file of the user."""
    victim, target = tmp_path / "victim", tmp_path / "report.html"
    victim.write_text("precious")
    for pid in (os.getpid(), os.getpid() + 1):
        (tmp_path / f".report.html.{pid}").symlink_to(victim)
    write_at_once(target, b"report")
    assert target.read_bytes() == b"report"
    assert victim.read_text() == "precious"


def test_the_name_cannot_be_guessed(tmp_path: Path) -> None:
    names = set()
    for _ in range(50):
        with at_once(tmp_path / "x") as beside:
            names.add(beside.name)
    assert len(names) == 50


def test_a_link_in_the_place_of_the_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim, target = tmp_path / "victim", tmp_path / "x"
    victim.write_text("precious")
    target.symlink_to(victim)
    write_at_once(target, b"new")
    assert not target.is_symlink()
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("before", [0o600, 0o640, 0o664, 0o400])
def test_a_file_keeps_its_mode(tmp_path: Path, before: int) -> None:
    target = tmp_path / "x"
    target.write_text("old")
    target.chmod(before)
    write_at_once(target, b"new")
    assert (target.read_bytes(), mode(target)) == (b"new", before)


def test_a_new_file_has_the_mode_of_the_process_and_a_private_one_its_own(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_at_once(tmp_path / "x", b"")
        write_at_once(tmp_path / "y", b"", private=True)
    finally:
        os.umask(before)
    assert (mode(tmp_path / "x"), mode(tmp_path / "y")) == (0o640, 0o600)


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), at_once(tmp_path / "x") as beside:
        beside.write_text("half")
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []


def test_private_folders(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    private_folder(deep)
    assert (mode(tmp_path / "a"), mode(deep)) == (0o700, 0o700)
    deep.chmod(0o755)
    private_folder(deep)
    assert mode(deep) == 0o700


def test_the_mode_of_somebody_elses_file_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may write to the folder could put a file there that everybody may read, for what is written next."""
    path = tmp_path / "out.json"
    path.touch()
    path.chmod(0o666)
    before = os.umask(0o077)
    try:
        user = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: user + 1)
        write_at_once(path, b"{}")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)
