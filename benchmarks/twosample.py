"""Two-sample tests by CPU seconds and peak memory, beside their limit, a plain baseline and peers.

    python -m benchmarks.twosample [--rows 500 2000 5000] [--permutations 100 1000] [--runs 5] [--peers NAME ...]

Every figure is the median over runs of one call in a process of its own (imports and one small call come before), on
standard normal float32 rows with d = 32. `one pass` is what nothing can undercut: every tile of the kernel matrix on
and above the diagonal made, summed and dropped. `plain` holds the whole matrix and multiplies it with the memberships
of all permutations. Peers are installed into environments of their own, in the user's cache, when first asked for.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.machine import machine_line

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "drift-benchmarks"
OURS = ("one pass", "gaussian, bins", "gaussian, rows", "fused, bins", "plain")
PEERS = {  # script in peers/, what pip installs
    "alibi-detect": ("alibi_detect_mmd.py", ("alibi-detect[torch]",)),
    "torchdrift": ("torchdrift_mmd.py", ("torchdrift", "tqdm", "scikit-learn", "matplotlib", "pandas")),
    "hyppo": ("hyppo_mmd.py", ("hyppo",)),
    "frouros": ("frouros_mmd.py", ("frouros",)),
}
SECONDS = 3_600  # for one call of a peer


def environment(peer: str) -> Path:
    """The Python of a peer's own environment; made and filled if it is not there."""
    python = CACHE / peer / "bin" / "python"
    done = CACHE / peer / "installed"
    if not done.exists():
        venv.create(CACHE / peer, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS[peer][1]], check=True, timeout=SECONDS)
        done.touch()
    return python


def measure(python: Path | str, script: Path, what: str, n: int, permutations: int) -> dict[str, float] | str:
    """CPU seconds and peak megabytes over the imports of one call, or why there is none."""
    command = [str(python), str(script), what, str(n), str(permutations)]
    path = {"PYTHONPATH": str(HERE.parent)} if python == sys.executable else {}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=False, env={**os.environ, **path}
        )
    except subprocess.TimeoutExpired:
        return f"over {SECONDS} s"
    if done.returncode != 0:
        return (done.stderr.strip().splitlines() or ["failed"])[-1][:60]
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def cell(results: list[dict[str, float] | str]) -> str:
    """The median of some runs."""
    good = [result for result in results if isinstance(result, dict)]
    if not good:
        return str(results[0])
    cpu, memory = (statistics.median(result[key] for result in good) for key in ("cpu_seconds", "peak_mb"))
    return f"{cpu:.3g} s, {memory:,.0f} MB"


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 2_000, 5_000], help="n = m")
    parser.add_argument("--permutations", type=int, nargs="+", default=[100, 1_000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peers", nargs="*", choices=sorted(PEERS), default=[])
    arguments = parser.parse_args()
    grid = [(n, permutations) for n in arguments.rows for permutations in arguments.permutations]
    print(f"CPU seconds and peak memory, median of {arguments.runs}; {machine_line()}\n")
    print("| | " + " | ".join(f"n = m = {n:,}, B = {permutations:,}" for n, permutations in grid) + " |")
    print("|---" * (1 + len(grid)) + "|")
    for what in OURS:
        row = [
            cell([measure(sys.executable, HERE / "peers" / "ours.py", what, *point) for _ in range(arguments.runs)])
            for point in grid
        ]
        print("| " + " | ".join([what, *row]) + " |", flush=True)
    for peer in arguments.peers:
        python, script = environment(peer), HERE / "peers" / PEERS[peer][0]
        row = [cell([measure(python, script, "-", *point) for _ in range(arguments.runs)]) for point in grid]
        print("| " + " | ".join([peer, *row]) + " |", flush=True)


if __name__ == "__main__":
    main()
