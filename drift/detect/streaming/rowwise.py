"""Base class of detectors that test after every row and change in place, as those of other libraries do."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from drift.data.blocks import Reference
from drift.detect.detectors.protocol import Score
from drift.detect.streaming.protocol import ErrorDetector, Losses


@dataclass(frozen=True)
class RowAlarm:
    """An alarm of a detector that judges every row.

    Attributes:
        row: from 0, of the rows it was given: those of one block where an alarm is told.
        rose: whether the mean error rose; else it fell.
    """

    row: int
    rose: bool

    def __str__(self) -> str:
        return f"error {'rose' if self.rose else 'fell'} at row {self.row} of the block"


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
        alarms = list(self._follow(after, losses.tolist()))
        details = [str(alarm) + ("" if self._counts(alarm) else " (not counted)") for alarm in alarms]
        return after, Score(self.name, float(sum(map(self._counts, alarms))), threshold=1.0, detail=", ".join(details))

    def _counts(self, alarm: RowAlarm) -> bool:
        return alarm.rose or not self.only_worse

    def _follow(self, detector: Any, losses: Iterable[float]) -> Iterator[RowAlarm]:
        """Every alarm of `detector`, which changes."""
        for row, loss in enumerate(self._given(losses)):
            before = self._before(detector)
            detector.update(loss)
            if detector.drift_detected:
                yield RowAlarm(row, self._rose(detector, before, loss))

    def _alarms(self, losses: Iterable[float], block_size: int) -> Iterator[int]:
        """The rows at which it would alarm; they are the same whatever the block size."""
        return (alarm.row for alarm in self._follow(self._made(), losses) if self._counts(alarm))
