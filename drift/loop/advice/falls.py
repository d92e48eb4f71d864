"""Falls of accuracy: dated in a version's blocks, and in all that the scoring log knows of a model's table.

They tell which rows are from after the last fall, for the retrain that is proposed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from drift.data.blocks import Reference
from drift.detect.accuracy.block_tests import change_point
from drift.errors import DriftError
from drift.loop.card import Card
from drift.loop.journal.journal import Journal
from drift.loop.outlook import Fall
from drift.loop.retraining.challenge import deployments_of
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


@dataclass
class ScoredFalls:
    """Dates falls for one deployment; the blocks of others are read once, and so are references.

    Attributes:
        journal: the scoring log.
        deployment: the one that is under way, whose blocks are read anew each time.
        reference_of: the reference of a version; one that raises `DriftError` dates no fall of that version.
    """

    journal: Journal
    deployment: str
    reference_of: Callable[[int], Reference]
    _blocks: dict[str, Sequence[BlockRecord]] = field(default_factory=dict)
    _references: dict[int, tuple[int, int] | None] = field(default_factory=dict)

    def last(self, model: str, card: Card, stop: int) -> Fall | None:
        """The last fall in the rows before `stop`; later ones are still to come for whoever asks.

        Args:
            model: name in the registry.
            card: of its champion, which tells the table.
            stop: one past the last row that counts.
        """
        deployments = [deployment.id for deployment in deployments_of(self.journal, model, card)]
        every = {deployment: self._blocks_of(deployment) for deployment in deployments}
        fall = last_fall([[block for block in blocks if block.stop <= stop] for blocks in every.values()], self._counts)
        if fall is None:
            return None
        dated_in = [
            deployment
            for deployment, blocks in every.items()
            if any((block.version, block.start) == (fall.version, fall.row) for block in blocks)
        ]
        return fall if dated_in[-1] == self.deployment else replace(fall, elsewhere=dated_in[-1])

    def _blocks_of(self, deployment: str) -> Sequence[BlockRecord]:
        if deployment == self.deployment:
            return self.journal.blocks(deployment)
        if deployment not in self._blocks:
            self._blocks[deployment] = self.journal.blocks(deployment)
        return self._blocks[deployment]

    def _counts(self, version: int) -> tuple[int, int] | None:
        if version not in self._references:
            self._references[version] = None  # deleted, or MLflow is away: not asked for again in this deployment
            with suppress(DriftError):
                reference = self.reference_of(version)
                self._references[version] = round(reference.accuracy * len(reference)), len(reference)
        return self._references[version]
