"""A ramp of drift: accuracy of a network and alarms of detectors, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from drift.data.blocks import Answer, Block, Floats, Reference, ScoredBlock
from drift.data.losses import predicted_classes
from drift.datasets.images.pixels import Pixels
from drift.detect import Harm, Score
from drift.detect.accuracy.block_tests import drop_p_value
from drift.images.detection.image_detectors import ImageDetector
from drift.images.detection.spaces import FeatureNetwork, FeatureSpaces
from drift.images.streams.evolution import Evolution, ImageBatch, ImagePool
from drift.metrics.classification.reliability import calibration_error, counted

LOST = 0.05  # of accuracy, that an alarm should come before
LOSS_LEVEL = 0.001  # the chance below which a loss is one


@dataclass(frozen=True)
class BatchResult:
    """What one batch showed.

    Attributes:
        index: of the batch, from 0.
        severity: in [0, 1].
        out_of_distribution: images that are of no known class, or of another data set.
        accuracy: in [0, 1].
        chance: of so few right answers or fewer, were the batch as easy as the reference (Fisher's exact test).
        by_class: accuracy on the images of each class; None where the batch has none.
        calibration_error: mean distance of confidence from accuracy, in [0, 1].
        confidence: mean probability of the answers, in (0, 1].
        scores: of the detectors that see images alone, then of the one that sees labels.
    """

    index: int
    severity: float
    out_of_distribution: int
    accuracy: float
    chance: float
    by_class: tuple[float | None, ...]
    calibration_error: float
    confidence: float
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class RampResult:
    """What came of a ramp.

    Attributes:
        accepted: accuracy on the reference, in [0, 1].
        reference_rows: number of images of the reference.
        classes: names of the network's classes.
        batches: in order.
        level: of any false alarm of one detector on the whole ramp.
    """

    accepted: float
    reference_rows: int
    classes: tuple[str, ...]
    batches: tuple[BatchResult, ...]
    level: float

    @property
    def detectors(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(score.detector for score in self.batches[0].scores)

    @property
    def drifts_at(self) -> int | None:
        """The first batch with a severity above 0."""
        return next((batch.index for batch in self.batches if batch.severity > 0), None)

    @property
    def lost_at(self) -> int | None:
        """The first batch whose accuracy is 5 points or more below the accepted one, beyond what chance explains."""
        lost = (
            batch.index
            for batch in self.batches
            if batch.accuracy <= self.accepted - LOST and batch.chance <= LOSS_LEVEL
        )
        return next(lost, None)

    def first_alarm(self, detector: str) -> int | None:
        """The first batch that a detector raised an alarm at."""
        alarms = (
            batch.index for batch in self.batches if any(s.detector == detector and s.alarm for s in batch.scores)
        )
        return next(alarms, None)


def simulate(
    network: FeatureNetwork,
    evolution: Evolution,
    reference: ImagePool,
    known: Pixels,
    detectors: Sequence[ImageDetector],
    *,
    classes: tuple[str, ...],
    level: float = 0.01,
    tolerated_loss: float = 0.02,
    seed: int = 0,
    tell: Callable[[int], None] = lambda batch: None,
) -> RampResult:
    """Show every batch to the network and to the detectors.

    Args:
        network: trained on other images.
        evolution: the batches.
        reference: images on which the network was accepted; ten batches or more.
        known: other images of that kind, for spaces that are learned; see `FeatureSpaces`.
        detectors: that see images; `Harm`, which sees labels, stands beside them.
        classes: names of the network's classes.
        level: of any false alarm of a detector of images on the whole ramp: each batch is tested at level / batches,
            which holds however the batches depend on each other through the reference (Bonferroni). `Harm`
            guarantees an average run length instead.
        tolerated_loss: of accuracy, to `Harm`.
        seed: of permutations and of the untrained encoder.
        tell: is called after every batch.
    """
    spaces = FeatureSpaces(network, reference.pixels, known, seed=seed)
    answer = network.predict(reference.pixels)
    accepted = Reference(spaces.reference("features"), reference.labels, answer.probabilities, (), classes)
    harm = Harm(accepted, tolerated_loss=tolerated_loss)
    results = []
    for batch in evolution.batches():
        answered = network.predict(batch.pixels)
        scores = [
            detector.score(spaces, batch.pixels, level=level / len(evolution), seed=seed + batch.index)
            for detector in detectors
        ]
        scored = _scored(batch, answered)
        scores.append(harm.score(scored))
        harm.update(scored)
        results.append(result_of(batch, answered.probabilities, len(classes), tuple(scores), accepted=accepted))
        tell(batch.index)
    return RampResult(accepted.accuracy, len(accepted), classes, tuple(results), level)


def result_of(
    batch: ImageBatch, probabilities: Floats, classes: int, scores: tuple[Score, ...], *, accepted: Reference
) -> BatchResult:
    """The measures of a batch that do not need detectors, with what these said."""
    predicted = predicted_classes(probabilities)
    right = predicted == batch.labels
    of_class = [right[batch.labels == code] for code in range(classes)]
    return BatchResult(
        batch.index,
        batch.severity,
        batch.out_of_distribution,
        float(right.mean()),
        drop_p_value(int(right.sum()), len(right), round(accepted.accuracy * len(accepted)), len(accepted)),
        tuple(float(part.mean()) if len(part) else None for part in of_class),
        calibration_error(counted(batch.labels, probabilities)),
        float(probabilities.max(axis=1).mean()),
        scores,
    )


def _scored(batch: ImageBatch, answer: Answer) -> ScoredBlock:
    rows = len(batch.labels)
    block = Block(batch.index, range(rows), np.empty((rows, 0), np.float32), batch.labels, None)
    return ScoredBlock(block, answer, 0.0)
