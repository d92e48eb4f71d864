"""Times one call; only the standard library and NumPy, so that every peer's environment can run it."""

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

FEATURES = 32


def rows(n: int, seed: int) -> Any:
    """Standard normal rows, (n, 32) float32."""
    return np.random.default_rng(seed).normal(size=(n, FEATURES)).astype(np.float32)


def peak_megabytes() -> float:
    """The most memory that this process ever held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def cpu_seconds() -> float:
    """Of this process and of those that it started and that ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def run(call: Callable[[str, Any, Any, int], object]) -> None:
    """Call once with few rows, then once with those asked for, and print what that took."""
    what, n, permutations = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    call(what, rows(64, 1), rows(64, 2), 20)
    x, y, before = rows(n, 3), rows(n, 4), peak_megabytes()
    cpu, wall = cpu_seconds(), time.perf_counter()
    call(what, x, y, permutations)
    spent = {"cpu_seconds": cpu_seconds() - cpu, "wall_seconds": time.perf_counter() - wall}
    print(json.dumps(spent | {"peak_mb": peak_megabytes() - before}))
