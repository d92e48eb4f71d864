"""Times one call; only the standard library and NumPy, so that every peer's environment can run it."""

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

FEATURES = 32
SMALL = 64  # rows of the call before the one that is timed


def rows(n: int, seed: tuple[int, ...], shift: float = 0) -> Any:
    """Normal rows with mean `shift` in every column, (n, 32) float32."""
    return np.random.default_rng(seed).normal(shift, size=(n, FEATURES)).astype(np.float32)


def two_samples(given: dict[str, Any]) -> tuple[Any, Any]:
    """As the options say: n rows each, the second sample moved by the shift."""
    return rows(given["n"], (given["seed"], 1)), rows(given["n"], (given["seed"], 2), given["shift"])


def peak_megabytes() -> float:
    """The most memory that this process ever held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def cpu_seconds() -> float:
    """Of this process and of those that it started and that ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """Of what is installed; a checkout has none."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "a checkout"
    return found


def options() -> dict[str, Any]:
    """Those that the process was given, with its memory limited as they say."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    if sys.platform == "linux":
        limit = int(given["memory_gb"] * 1e9)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    return given


def timed(call: Callable[[], dict[str, float]]) -> dict[str, Any]:
    """What a call answers and costs."""
    before = peak_megabytes()
    cpu, wall = cpu_seconds(), time.perf_counter()
    found = call()
    spent = {"cpu_seconds": cpu_seconds() - cpu, "wall_seconds": time.perf_counter() - wall}
    return spent | {"peak_mb": peak_megabytes() - before, "found": found}


def run(
    call: Callable[[str, Any, Any, int], dict[str, float]], packages: tuple[str, ...], *, compiles: bool = False
) -> None:
    """Call once with few rows, then once with those asked for, and print what that took.

    Args:
        call: gets what to do, both samples and the number of permutations; answers with plain numbers.
        packages: whose versions to tell.
        compiles: for every shape anew: then a first call of the shape that is timed is not.
    """
    given = options()
    what, permutations = given["what"], given["permutations"]
    call(what, rows(SMALL, (3,)), rows(SMALL, (4,)), 20)
    x, y = two_samples(given)
    before = peak_megabytes()
    if compiles:
        call(what, x, y, permutations)
    found = timed(lambda: call(what, x, y, permutations))
    tell(found | {"peak_mb": peak_megabytes() - before}, packages)


def run_columns(call: Callable[[str, Any, Any], dict[str, float]], packages: tuple[str, ...]) -> None:
    """The same for a call on many columns, (n, features) float64, without permutations."""
    given = options()
    rng = np.random.default_rng(given["seed"])
    x, y = (rng.normal(size=(given["n"], given["features"])) for _ in range(2))
    call(given["what"], x[:SMALL], y[:SMALL])
    tell(timed(lambda: call(given["what"], x, y)), packages)


def tell(found: dict[str, Any], packages: tuple[str, ...]) -> None:
    """Print what was found, with versions, as the line that the benchmark reads."""
    print(json.dumps(found | {"versions": versions(packages)}))
