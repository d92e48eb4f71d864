"""Alarms beside the truth, on a stream whose concept is known: which were false, and how late the others came."""

from __future__ import annotations

from dataclasses import dataclass

from drift.replays.evaluation.concept import displacement, has_concept
from drift.replays.play import PolicyRun, Stream

TOLERATED = 0.05  # share of labels that may turn before one speaks of drift


@dataclass(frozen=True)
class KnownDrift:
    """Of one replay.

    Attributes:
        displacements: by block: share of labels turned since the serving version's window.
        false_alarms: at blocks whose displacement was within what is tolerated.
        delays: blocks from the first one beyond it to the alarm, of each version that was alarmed on.
        missed: versions that left the tolerance and were never alarmed on.
    """

    displacements: tuple[float, ...]
    false_alarms: int
    delays: tuple[int, ...]
    missed: int


def known_drift(stream: Stream, played: PolicyRun) -> KnownDrift | None:
    """What a policy's alarms were worth; None where the concept is not known.

    A version leaves the tolerance when the displacement exceeds that of its first block by more than `TOLERATED`.
    """
    if not has_concept(stream.table):
        return None
    windows = [range(stream.start), *(retrain.rows for retrain in played.retrains)]
    moved = [
        displacement(stream.table, range(block.start, block.stop), windows[block.version - 1])
        for block in played.blocks
    ]
    false_alarms, missed, delays = 0, 0, []
    for version in range(1, len(windows) + 1):
        own = [block for block in played.blocks if block.version == version]
        if not own:
            continue
        bound = moved[own[0].index] + TOLERATED
        left = next((block.index for block in own if moved[block.index] > bound), None)
        alarms = [block.index for block in own if block.flagged]
        false_alarms += sum(moved[alarm] <= bound for alarm in alarms)
        after = [alarm for alarm in alarms if left is not None and alarm >= left]
        if left is not None and after:
            delays.append(after[0] - left)
        elif left is not None:
            missed += 1
    return KnownDrift(tuple(moved), false_alarms, tuple(delays), missed)
