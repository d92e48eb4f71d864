"""The lock files: everything but torch has hashes, and what was changed on its way is not installed."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import lock  # type: ignore[import-not-found, unused-ignore]  # noqa: E402

LOCK = (ROOT / "requirements.lock").read_text()
PINS = {
    found[1].lower(): found[2].split()
    for found in re.finditer(r"^([\w.-]+)==[^\s\\]+((?: \\\n +--hash=sha256:[0-9a-f]{64})*)$", LOCK, re.MULTILINE)
}


def test_every_package_but_torch_has_hashes() -> None:
    lines = [line for line in LOCK.splitlines() if "==" in line and not line.startswith("#")]
    assert len(lines) == len(PINS) > 150, "one that is written otherwise has no hash"
    assert all(hashes for hashes in PINS.values()), [name for name, hashes in PINS.items() if not hashes]
    assert "torch" not in PINS and "setuptools" in PINS
    assert len([word for word in PINS["numpy"] if word.startswith("--hash")]) > 20, "of all platforms"
    assert "://" not in LOCK, "no index is named"
    apart = [line for line in (ROOT / "torch.lock").read_text().splitlines() if not line.startswith("#")]
    assert len(apart) == 1 and apart[0].startswith("torch==")


def installs() -> list[str]:
    """The lines of `make install` that install."""
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", "install"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [line for line in done.stdout.splitlines() if "pip_progress.py install" in line]


def test_make_installs_what_has_a_hash_and_builds_with_what_is_locked() -> None:
    build, everything, torch, own = installs()
    for line in (build, everything):
        assert "--require-hashes --no-deps" in line
    assert "-r .venv/build.lock" in build and "-r requirements.lock" in everything and "-r torch.lock" in torch
    assert "--no-build-isolation" in everything and "--no-deps --no-build-isolation -e ." in own


def test_the_lines_of_setuptools_are_the_first_to_be_installed() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (script,) = re.findall(r"sed -n '(/\^setuptools==.*?)' requirements\.lock", makefile)
    found = subprocess.run(
        ["sed", "-n", script.replace("$$", "$"), "requirements.lock"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, *hashes = found.stdout.splitlines()
    assert first.startswith("setuptools==") and hashes and all("--hash=sha256:" in line for line in hashes)


def test_a_file_with_another_hash_is_not_installed(tmp_path: Path) -> None:
    """With the options of `make install`, of a wheel on this disk."""
    wheel = tmp_path / "sample_of_a_lock-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("sample_of_a_lock.py", "")
        archive.writestr(
            "sample_of_a_lock-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: sample-of-a-lock\nVersion: 1.0\n"
        )
        archive.writestr(
            "sample_of_a_lock-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("sample_of_a_lock-1.0.dist-info/RECORD", "")
    options = [
        word for word in installs()[1].split() if word in ("--require-hashes", "--no-deps", "--no-build-isolation")
    ]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    for written, code in ((digest, 0), (hashlib.sha256(b"another").hexdigest(), 1)):
        (tmp_path / "one.lock").write_text(f"sample-of-a-lock==1.0 --hash=sha256:{written}\n")
        command = [sys.executable, "-m", "pip", "install", *options, "--no-index", "--find-links", str(tmp_path)]
        done = subprocess.run(
            [*command, "--target", str(tmp_path / written[:4]), "-r", str(tmp_path / "one.lock")],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert (tmp_path / written[:4] / "sample_of_a_lock.py").exists() == (code == 0)


def test_what_is_written_leaves_out_builds_and_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = "numpy==2.0\npip==26.0\nsetuptools==84.0\ntorch==2.13.0+cpu\ntriton==3.5\nnvidia-nccl-cu13==2.28\n"
    assert lock.pins(frozen) == ["numpy==2.0", "setuptools==84.0", "torch==2.13.0"]
    assert lock.apart(lock.pins(frozen)) == (["numpy==2.0", "setuptools==84.0"], ["torch==2.13.0"])
    for name in ("requirements.lock", "torch.lock"):
        (tmp_path / name).write_text("# why\n# and how\nold==1.0\n")
    done = subprocess.CompletedProcess([], 0, stdout=frozen)
    monkeypatch.setattr("lock.subprocess.run", lambda *_, **__: done)
    monkeypatch.setattr(lock, "hashed", lambda pins: "".join(f"{pin} \\\n    --hash=sha256:0\n" for pin in pins))
    lock.main(tmp_path / "requirements.lock", tmp_path / "torch.lock")
    written = (tmp_path / "requirements.lock").read_text()
    assert written.startswith("# why\n# and how\nnumpy==2.0 \\\n    --hash=sha256:0\n")
    assert (tmp_path / "torch.lock").read_text() == "# why\n# and how\ntorch==2.13.0\n"
