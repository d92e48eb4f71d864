"""What detectors share that keep evidence over blocks: a state, and a step that one block of losses makes.

They satisfy `Detector` of `drift.detect.detectors.protocol`. Here no block is judged alone, so that scores are evidence
beside a threshold, and `update` matters. `RowwiseDetector` is for detectors that test after every row and change in
place, as those of other libraries do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Reference, ScoredBlock
from drift.data.losses import checked_losses, each_checked
from drift.detect.detectors.protocol import Score
from drift.errors import BlockError

Losses = NDArray[np.float64]


def in_range(losses: Iterable[float]) -> Iterable[float]:
    """Losses that are checked: all at once if they have a length, else as they are read."""
    if hasattr(losses, "__len__"):
        plain: list[float] = checked_losses(losses).tolist()  # type: ignore[arg-type]  # NumPy's own numbers are slow
        return plain
    return each_checked(losses)


@dataclass(eq=False)
class ErrorDetector(ABC):
    """A detector that keeps evidence over blocks, from the losses of their rows in row order.

    A subclass says how it begins and what a block's losses do to its state. The state may be of any type; a step leaves
    the one that it is given as it was. Every field but the reference is an option: a plain value with a default.
    """

    name: ClassVar[str]
    reference: Reference = field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.reference, Reference):
            raise BlockError(
                f"expected a Reference, got {type(self.reference).__name__}: make one with Reference.of_losses"
            )
        self._state: Any = self._begin(self.reference)

    @abstractmethod
    def _begin(self, reference: Reference) -> Any:
        """The state before the first block."""

    @abstractmethod
    def _step(self, state: Any, losses: Losses) -> tuple[Any, Score]:
        """The state after a block, and its score; losses are (n,) in [0, 1], and `state` stays as it was."""

    def score(self, scored: ScoredBlock) -> Score:
        """The verdict as if the block were taken into account now.

        Raises:
            BlockError: the block has no labels.
        """
        return self._step(self._state, scored.losses)[1]

    def update(self, scored: ScoredBlock) -> None:
        """Take a block into account.

        Raises:
            BlockError: the block has no labels.
        """
        self._state = self._step(self._state, scored.losses)[0]

    def reset(self, reference: Reference) -> None:
        """Forget every block, and judge later ones against another reference."""
        self.reference = reference
        self._state = self._begin(reference)

    def alarms(self, losses: Iterable[float], *, block_size: int = 1) -> Iterator[int]:
        """The rows, from 0, at which it would alarm, had it begun anew on `losses`; changes nothing.

        Rows are read as alarms are asked for: `next(detector.alarms(losses), None)` goes no further than the first, and
        `losses` may be endless. A detector that judges whole blocks alarms at a block's last row; whether it goes on
        alarming is its own affair.

        Args:
            losses: of each row, in [0, 1].
            block_size: rows, of detectors that judge whole blocks; the last block may be shorter.

        Raises:
            BlockError: a loss that is missing or out of range, with its row: at once if `losses` has a length, else
                when it is read.
        """
        return self._alarms(in_range(losses), block_size)

    def _alarms(self, losses: Iterable[float], block_size: int) -> Iterator[int]:
        state, rows, seen = self._begin(self.reference), iter(losses), 0
        while block := list(islice(rows, block_size)):
            state, score = self._step(state, np.asarray(block, dtype=np.float64))
            seen += len(block)
            if score.alarm:
                yield seen - 1


@dataclass(eq=False)
class RowwiseDetector(ErrorDetector):
    """A detector that judges every row; the statistic of a block is the number of alarms in it, the threshold 1.

    The object behind it changes in place: `update(loss)` takes a row, `drift_detected` says whether it alarmed there,
    and it restarts itself after an alarm. Alarms at which the error fell are named in the detail and restart it all the
    same, but count only if `only_worse` is false.

    Attributes:
        only_worse: count only alarms at which the mean error rose.
    """

    only_worse: bool = True

    @abstractmethod
    def _made(self) -> Any:
        """A new object with these options."""

    def _given(self, losses: Iterable[float]) -> Iterable[float]:
        """What the object is to be given for these losses."""
        return losses

    def _before(self, detector: Any) -> Any:
        """What `_rose` has to know of the rows before one that may alarm."""

    def _rose(self, detector: Any, before: Any, loss: float) -> bool:
        """Whether the mean error rose, at an alarm; most detectors look for nothing else."""
        return True

    def _begin(self, reference: Reference) -> Any:
        return self._made()

    def _step(self, state: Any, losses: Losses) -> tuple[Any, Score]:
        after = deepcopy(state)  # it changes in place
        details, count = [], 0.0
        for row, rose in self._follow(after, losses.tolist()):
            counts = rose or not self.only_worse
            count += counts
            counted = "" if counts else " (not counted)"
            details.append(f"error {'rose' if rose else 'fell'} at row {row} of the block{counted}")
        return after, Score(self.name, count, threshold=1.0, detail=", ".join(details))

    def _follow(self, detector: Any, losses: Iterable[float]) -> Iterator[tuple[int, bool]]:
        """Row of every alarm of `detector`, which changes, and whether the error rose."""
        for row, loss in enumerate(self._given(losses)):
            before = self._before(detector)
            detector.update(loss)
            if detector.drift_detected:
                yield row, self._rose(detector, before, loss)

    def _alarms(self, losses: Iterable[float], block_size: int) -> Iterator[int]:
        """The rows at which it would alarm; they are the same whatever the block size."""
        return (row for row, rose in self._follow(self._made(), losses) if rose or not self.only_worse)
