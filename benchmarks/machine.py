"""What a benchmark ran on, so that its numbers can be read."""

import os
import platform
from importlib.metadata import version
from pathlib import Path


def plain_version(full: str) -> str:
    """A version without its local part: 2.13.0 for 2.13.0+cpu."""
    return full.partition("+")[0]


def machine() -> dict[str, str | int]:
    """Processor, cores and versions."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        "torch": version("torch"),
        "torchserve": version("torchserve"),
    }


def machine_line() -> str:
    """The same as one line."""
    return ", ".join(f"{key} {value}" for key, value in machine().items())
