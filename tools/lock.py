"""Write requirements.lock from what is installed, with the hashes of every file of every package; used by the Makefile.

    python tools/lock.py requirements.lock torch.lock

Hashes are asked of the index that pip is configured to use, by uv: of wheels and source distributions of all platforms.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

UNHASHED = ("torch",)  # its build is the user's choice, and so is what comes with a build for GPUs
OF_A_BUILD = ("cuda-", "nvidia-", "triton")
LEFT_OUT = ("pip",)  # comes with Python


def pins(frozen: str) -> list[str]:
    r"""What `pip freeze --all` prints, as requirements: no build tags, no pip, nothing that a build of torch brings.

    >>> pins("numpy==2.0\npip==26.0\ntorch==2.13.0+cpu\nnvidia-nccl-cu13==2.28\n")
    ['numpy==2.0', 'torch==2.13.0']
    """
    lines = [line.partition("+")[0].strip() for line in frozen.splitlines() if "==" in line]
    return [
        line for line in lines if line.partition("==")[0] not in LEFT_OUT and not line.lower().startswith(OF_A_BUILD)
    ]


def apart(requirements: list[str]) -> tuple[list[str], list[str]]:
    """Those with hashes, and those without.

    >>> apart(["numpy==2.0", "torch==2.13.0"])
    (['numpy==2.0'], ['torch==2.13.0'])
    """
    without = [line for line in requirements if line.partition("==")[0].lower() in UNHASHED]
    return [line for line in requirements if line not in without], without


def _index() -> list[str]:
    """The options of uv for pip's index; none where pip is at its default."""
    configured = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    ).stdout.strip()
    index = os.environ.get("PIP_INDEX_URL") or configured
    return ["--default-index", index] if index else []


def hashed(requirements: list[str]) -> str:
    """The same requirements, each with the hashes of all of its files.

    Args:
        requirements: pins, of which none is resolved any further.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    options = ("--quiet", "--no-deps", "--generate-hashes", "--no-header", "--no-annotate", "--python-version", version)
    return subprocess.run(
        [sys.executable, "-m", "uv", "pip", "compile", *options, *_index(), "-"],
        input="\n".join(requirements), stdout=subprocess.PIPE, text=True, check=True,
    ).stdout  # fmt: skip


def main(lock: Path, torch_lock: Path) -> None:
    """Write both files; the comments at the beginning of each stay."""
    frozen = subprocess.run(
        [sys.executable, "-m", "pip", "freeze", "--all", "--exclude-editable"],
        stdout=subprocess.PIPE, text=True, check=True,
    ).stdout  # fmt: skip
    with_hashes, without = apart(pins(frozen))
    for path, text in ((lock, hashed(with_hashes)), (torch_lock, "".join(f"{line}\n" for line in without))):
        comments = re.match(r"(#.*\n)*", path.read_text(encoding="utf-8"))
        path.write_text((comments[0] if comments else "") + text, encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
