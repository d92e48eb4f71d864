"""Events of the loop, reported as they happen. The terminal, MLflow and tests listen to the same events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drift.detect import PairedTest, ThresholdForecast
from drift.policies.history import BlockRecord

if TYPE_CHECKING:
    from drift.loop.outlook import Outlook
    from drift.models.fit import Epoch  # brings torch along, which half of the commands do without


class Event:
    """A step of the loop."""


@dataclass(frozen=True)
class SearchBegan(Event):
    """A search over parameters is about to run its trials."""

    trials: int
    epochs: int  # at most, in each trial
    done: int  # trials already known from an interrupted search


@dataclass(frozen=True)
class EpochFinished(Event):
    """A trial has seen the training rows once more."""

    trial: int  # from 0
    epoch: Epoch


@dataclass(frozen=True)
class TrialFinished(Event):
    """A trial has ended, in whatever way."""

    trial: int  # from 0
    run_id: str
    parameters: Mapping[str, float | int]
    accuracy: float  # validation accuracy in [0, 1]; nan if it failed
    status: str
    seconds: float


@dataclass(frozen=True)
class BlockScored(Event):
    """A block was answered, judged and committed to the scoring log.

    Attributes:
        record: the block.
        total: blocks in this deployment.
        forecast: when accuracy will fall below the threshold, from the blocks so far; None without a threshold.
    """

    record: BlockRecord
    total: int
    forecast: ThresholdForecast | None = None


@dataclass(frozen=True)
class DriftFlagged(Event):
    """A policy wants the model retrained: by an alarm, for which the record is flagged, or by its schedule."""

    record: BlockRecord
    reason: str
    evidence: Mapping[str, float]
    window_rows: int | None = None  # that the policy wants learnt from; None leaves it to the options
    outlook: Outlook | None = None  # what a retrain now would learn from, where a person is asked

    @property
    def block(self) -> int:
        """Under which the decision is kept."""
        return self.record.index


@dataclass(frozen=True)
class Ending:
    """All blocks are scored: the moment of the last question, which is put whether a block was flagged or not.

    Attributes:
        record: the last block.
        lowest: the block with the lowest accuracy.
        threshold: that its accuracy is compared with; None for policies without one.
        flagged: number of flagged blocks.
        evidence: as that of a flag, on the last block.
        outlook: what a retrain now would learn from; None where nobody is asked.
    """

    record: BlockRecord
    lowest: BlockRecord
    threshold: float | None
    flagged: int
    evidence: Mapping[str, float]
    outlook: Outlook | None = None
    window_rows: int | None = None

    @property
    def block(self) -> int:
        """Under which the decision is kept: one past the last block."""
        return self.record.index + 1

    @property
    def distance(self) -> float | None:
        """Of the lowest accuracy from the threshold, negative below it."""
        return None if self.threshold is None else self.lowest.accuracy - self.threshold

    @property
    def reason(self) -> str:
        """What came of the blocks, in words."""
        blocks = "no block was flagged" if not self.flagged else f"{self.flagged} of {self.block} blocks were flagged"
        text = f"{blocks}; the lowest accuracy is {self.lowest.accuracy:.3f}, of block {self.lowest.index}"
        if self.distance is None:
            return text
        if self.distance == 0:
            return f"{text}, which is the threshold"
        size = f"{abs(self.distance):.3f}"
        size = "less than 0.001" if size == "0.000" else size
        return f"{text}, {size} {'above' if self.distance > 0 else 'below'} the threshold of {self.threshold:.3f}"


@dataclass(frozen=True)
class RetrainDeclined(Event):
    """Nobody agreed to retrain."""

    block: int
    by: str
    reason: str


@dataclass(frozen=True)
class ChallengerCompared(Event):
    """Champion and challenger answered the same held-out rows."""

    champion: int
    challenger: int
    test: PairedTest
    rows: tuple[int, int]  # held-out rows, half open


@dataclass(frozen=True)
class ChallengerRefused(Event):
    """The challenger stays a challenger."""

    champion: int
    challenger: int
    test: PairedTest
    reason: str


@dataclass(frozen=True)
class Promoted(Event):
    """Another version is champion now."""

    champion: int
    previous: int | None
    by: str
    reason: str


@dataclass(frozen=True)
class RolledBack(Event):
    """The previous version is champion again."""

    champion: int
    previous: int | None  # None if the version that was champion is not in the registry any more
    by: str
    served_by: str  # the server that was rolled back with it, or why none was


@dataclass(frozen=True)
class Notice(Event):
    """A step worth a line."""

    text: str


Tell = Callable[[Event], None]


def nobody(event: Event) -> None:
    """A listener that does not listen."""
