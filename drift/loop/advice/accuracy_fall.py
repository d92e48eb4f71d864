"""Date the last fall of accuracy: which rows are from after it. For the retrain that is proposed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from drift.detect.accuracy.block_tests import change_point
from drift.loop.outlook import Fall
from drift.policies.history import BlockRecord

LEVEL = 0.01  # chance of dating a fall where accuracy did not change, if rows are independent


def fall_of(blocks: Sequence[BlockRecord], reference: tuple[int, int], *, level: float = LEVEL) -> Fall | None:
    """The last fall of a version's accuracy since it was made; None where chance explains the counts.

    The series of right answers, with those on the reference as its first element, is cut where two rates make it the
    most likely (Hinkley 1970), then its newer part again, as long as the likelihood ratio test of two rates against
    one rejects at `level`, divided by the number of possible cuts (Bonferroni). Rises are cuts, too: they would hide a
    fall that follows. The last cut at a fall is returned.

    Args:
        blocks: scored by that version, one or more, in the order of their rows.
        reference: right answers and rows of its reference.
        level: in (0, 1).
    """
    from scipy.stats import chi2

    right = np.array([reference[0], *(block.correct for block in blocks)], np.float64)
    rows = np.array([reference[1], *(block.rows for block in blocks)], np.float64)
    begin, fall = 0, None
    while len(rows) - begin >= 2:
        at, ratio = change_point(right[begin:], rows[begin:])
        if chi2.sf(2 * ratio, 1) > level / (len(rows) - begin - 1):
            break
        cut = begin + at
        before, after = right[begin:cut].sum() / rows[begin:cut].sum(), right[cut:].sum() / rows[cut:].sum()
        if after < before:
            first = blocks[cut - 1]
            fall = Fall(first.version, first.start, first.index, float(before), float(after))
        begin = cut
    return fall


def last_fall(
    deployments: Iterable[Sequence[BlockRecord]], reference_of: Callable[[int], tuple[int, int] | None]
) -> Fall | None:
    """The fall that happened at the latest row, of all versions; None if there is none.

    A version that was made after a fall may not fall itself, but the rows before are still of the old kind. Rows that a
    version answered in several deployments count as in the last of them.

    Args:
        deployments: the scored blocks of each deployment of a model's table, oldest deployment first.
        reference_of: right answers and rows of a version's reference; None where it cannot be had.
    """
    by_version: dict[int, list[BlockRecord]] = {}
    for blocks in deployments:
        for version in {block.version for block in blocks}:
            new = [block for block in blocks if block.version == version]
            begin, end = min(block.start for block in new), max(block.stop for block in new)
            before = (block for block in by_version.get(version, []) if block.stop <= begin or block.start >= end)
            by_version[version] = sorted([*before, *new], key=lambda block: block.start)
    known = ((blocks, reference_of(version)) for version, blocks in by_version.items())
    falls = (fall_of(blocks, reference) for blocks, reference in known if reference is not None)
    return max((fall for fall in falls if fall is not None), key=lambda fall: fall.row, default=None)
