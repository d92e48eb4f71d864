"""Truth that comes later, joined to its rows by key; and batches measured anew when what they are judged by changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.monitor.explain.conditions import parse_slice
from drift.monitor.gathering import among, hash_keys, truth_digest
from drift.monitor.measuring import Measuring
from drift.monitor.records import Monitor
from drift.monitor.reference import Calibration
from drift.monitor.rows import Rows, Texts, known, to_bytes
from drift.monitor.store import Store, batches, references

NO_LIMIT = 1_000_000_000_000


@dataclass(frozen=True)
class JoinedTruths:
    """What came of truths by key; numbers of rows."""

    joined: int = 0  # whose truth was not known
    changed: int = 0  # whose truth was another one
    same: int = 0
    waiting: int = 0  # that have not come yet; their truths are kept
    batches: int = 0  # that were measured anew


def join_truths(
    store: Store,
    monitor: Monitor,
    keys: Texts,
    truth: NDArray[Any],
    *,
    calibration: Calibration | None = None,
    tell: Callable[[str, int, int], None] = lambda words, done, total: None,
) -> JoinedTruths:
    """Give rows their truth; batch by batch, each in one transaction, so that it may be done again after a crash.

    Args:
        store: where the rows are.
        monitor: whose.
        keys: (n,); of a key that comes twice, the last one counts.
        truth: (n,), all known.
        calibration: of the reference in force, for the drift of labels.
        tell: of progress.
    """
    given = dict(zip(keys.tolist(), truth.tolist(), strict=True))
    left = set(given)
    hashes = np.sort(hash_keys(np.asarray(list(given), object))) if given else np.zeros(0, np.uint64)
    with store.read() as connection:
        where = {
            batch
            for batch, stored in batches.key_hashes(connection, monitor, most=NO_LIMIT)
            if among(stored, hashes).any()
        }
    joined = changed = same = 0
    for done, batch in enumerate(sorted(where)):
        with store.write() as connection:
            touched = False
            for number, rows in batches.rows_of(connection, batch):
                new, counts = _with_truth(rows, given, left)
                joined, changed, same = joined + counts[0], changed + counts[1], same + counts[2]
                if counts[0] or counts[1]:
                    batches.set_part(connection, batch, number, to_bytes(new))
                    touched = True
            if touched:
                measure_again(connection, monitor, batch, calibration)
        keep_limits(store, calibration)
        tell("truths", done + 1, len(where))
    if left:
        with store.write() as connection:
            batches.add_truths(connection, monitor, {key: str(given[key]) for key in left})
    return JoinedTruths(joined, changed, same, len(left), len(where))


def measure_again(connection: Any, monitor: Monitor, batch: int, calibration: Calibration | None) -> None:
    """Put a stored batch's measures and drift in the place of earlier ones."""
    reference = calibration.reference if calibration else None
    measuring = Measuring(reference=reference, slices=[parse_slice(text) for text in monitor.slices])
    digest = 0
    for _, rows in batches.rows_of(connection, batch):
        measuring.add(rows)
        digest = (digest + truth_digest(rows)) % 2**64
    there = batches.find_batch(connection, monitor, id=batch)
    quality = there.quality if there is not None else None
    measured = measuring.result(
        limits=calibration.limits if calibration else None,
        duplicates=quality.duplicates if quality else 0,
        repeated=quality.repeated if quality else 0,
    )
    batches.set_known(connection, batch, measured.known, f"{digest:016x}")
    batches.set_quality(connection, batch, measured.quality)
    batches.set_measures(connection, batch, measured.measures)
    if reference is not None and measured.drift is not None:
        references.set_drift(connection, batch, reference, measured.drift)


def measure_all(
    store: Store,
    monitor: Monitor,
    calibration: Calibration,
    *,
    tell: Callable[[str, int, int], None] = lambda words, done, total: None,
) -> int:
    """Measure the batches whose drift from a reference is not known yet; how many there were."""
    with store.read() as connection:
        known = references.measured_batches(connection, calibration.reference)
        left = [batch for batch in batches.all_batches(connection, monitor) if batch.id not in known]
    for done, batch in enumerate(left):
        with store.write() as connection:
            measure_again(connection, monitor, batch.id, calibration)
        keep_limits(store, calibration)
        tell("batches measured", done + 1, len(left))
    return len(left)


def in_force(store: Store, monitor: Monitor) -> Calibration | None:
    """The reference that batches are measured against, with the limits that are remembered of it."""
    with store.read() as connection:
        reference = references.current_reference(connection, monitor)
    if reference is None:
        return None
    agreed = reference

    def known(rows: int) -> Mapping[str, float]:
        with store.read() as connection:
            return references.known_limits(connection, agreed, rows)

    return Calibration(reference, known=known)


def keep_limits(store: Store, calibration: Calibration | None) -> None:
    """Remember what was calibrated since; not within a transaction, of which there is one at a time."""
    if calibration is None or not calibration.fresh:
        return
    with store.write() as connection:
        for rows, found in calibration.fresh.items():
            references.add_limits(connection, calibration.reference, rows, found)
    calibration.fresh.clear()


def _with_truth(rows: Rows, given: dict[str, Any], left: set[str]) -> tuple[Rows, tuple[int, int, int]]:
    """Rows with their truth, and how many have a new one, another one, and the same."""
    truth, had = rows.truth.copy(), known(rows.truth)
    joined = changed = same = 0
    for at, key in enumerate(rows.keys.tolist()):
        if key not in given:
            continue
        left.discard(key)
        if not had[at]:
            joined += 1
        elif truth[at] == given[key]:
            same += 1
            continue
        else:
            changed += 1
        truth[at] = given[key]
    return rows.with_truth(truth), (joined, changed, same)
