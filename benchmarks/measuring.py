"""One call in a process of its own, repeated, with what it cost; and records of that for a file."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.machine import machine

COSTS = ("cpu_seconds", "wall_seconds", "peak_mb")
LONGEST_REASON = 80  # characters of a failure that a table shows


@dataclass(frozen=True)
class Limits:
    """What a call may take."""

    seconds: float = 3_600  # then it is ended, and larger ones are not tried
    once_over: float = 120  # a call that took more seconds than this is not repeated
    memory_gb: float = 16  # that a call may ask for


@dataclass(frozen=True)
class Record:
    """What some runs of one call cost: medians."""

    test: str
    cpu_seconds: float | None = None  # of all threads and child processes
    wall_seconds: float | None = None
    peak_mb: float | None = None  # over what the imports and a small call took
    runs: int = 0  # that ended well
    failure: str = ""  # why there are no costs
    found: dict[str, Any] = field(default_factory=dict)  # what the call answered
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def timed_out(self) -> bool:
        """Whether a larger call of the same kind would be in vain."""
        return self.failure.startswith(("over ", "out of memory"))


def call(
    python: Path | str,
    script: Path,
    options: dict[str, Any],
    *,
    limits: Limits,
    path: Sequence[Path] = (),
) -> dict[str, Any] | str:
    """Run `script` with `options`; its answer, or why there is none.

    Args:
        python: the interpreter.
        script: prints one object as its last line; see `peers/timing.py`.
        options: of the call.
        limits: on time and memory.
        path: folders from which it may import.
    """
    words = [str(python), str(script), json.dumps(options | {"memory_gb": limits.memory_gb})]
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=limits.seconds, check=False, env=found)
    except subprocess.TimeoutExpired:
        return f"over {limits.seconds:,.0f} s"
    lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
    if done.returncode != 0:
        memory = any(word in lines[-1] for word in ("MemoryError", "not enough memory", "out of memory"))
        return f"out of memory ({limits.memory_gb:g} GB)" if memory else lines[-1][:LONGEST_REASON]
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def repeated(test: str, once: Callable[[], dict[str, Any] | str], *, runs: int, limits: Limits) -> Record:
    """Medians over runs of `once`; over one run if that took long."""
    answers: list[dict[str, Any]] = []
    for _ in range(runs):
        answer = once()
        if isinstance(answer, str):
            return Record(test, failure=answer)
        answers.append(answer)
        if answer["wall_seconds"] > limits.once_over:
            break
    costs = {key: statistics.median(answer[key] for answer in answers) for key in COSTS}
    return Record(test, **costs, runs=len(answers), found=answers[0]["found"], versions=answers[0]["versions"])


def write_json(path: Path, options: dict[str, Any], records: Sequence[Record | dict[str, Any]]) -> None:
    """One object: the options, the seed, the machine's versions, and a list of records with plain field names."""
    plain = [asdict(record) if isinstance(record, Record) else record for record in records]
    shown = {key: str(value) if isinstance(value, Path) else value for key, value in options.items()}
    whole = {"options": shown, "seed": options.get("seed"), "versions": machine(), "records": plain}
    path.write_text(json.dumps(whole, indent=1) + "\n")
