"""Whether a version that took over is as good as the first one was when it was accepted."""

from __future__ import annotations

from drift.data.blocks import Reference
from drift.detect.accuracy.block_tests import drop_p_value

LEVEL = 0.01  # of the test


def worse_than_accepted(now: Reference, first: Reference, *, level: float = LEVEL) -> str:
    """A finding for people, where accuracy on one reference is lower than on another beyond chance; else empty.

    Args:
        now: of the version that took over.
        first: of the version that a deployment began with.
        level: of the exact test of two rates (see `drop_p_value`), in (0, 1).
    """
    right, accepted = round(now.accuracy * len(now)), round(first.accuracy * len(first))
    if drop_p_value(right, len(now), accepted, len(first)) >= level:
        return ""
    return (
        f"not as good as the first version was when it was accepted: {now.accuracy:.3f} of {len(now):,} rows right,"
        f" against {first.accuracy:.3f} of {len(first):,}"
    )
