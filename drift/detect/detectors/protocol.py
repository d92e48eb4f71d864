"""What a detector is, and what those with a fixed reference share."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Reference, ScoredBlock
from drift.detect.permutation.p_values import p_text
from drift.errors import BlockError, SmallReferenceWarning

if TYPE_CHECKING:
    from drift.detect.two_sample.samples import TwoSamples

BLOCKS_IN_REFERENCE = 10  # with fewer, the reference's sampling error shows in every score


@dataclass(frozen=True)
class Score:
    """A detector's verdict on one block: by a test of that block alone, or by evidence kept over blocks.

    Attributes:
        detector: its name.
        statistic: in the detector's own units.
        p_value: in (0, 1]; of such a block if nothing changed and rows were independent.
        level: the alarm of a test is p_value <= level.
        detail: what moved most, in a few words.
        threshold: the alarm of a detector that keeps evidence is statistic >= threshold.
    """

    detector: str
    statistic: float
    p_value: float | None = None
    level: float | None = None
    detail: str = ""
    threshold: float | None = None

    @property
    def alarm(self) -> bool:
        """Whether the score is past its threshold."""
        if self.p_value is not None and self.level is not None:
            return self.p_value <= self.level
        return self.threshold is not None and self.statistic >= self.threshold

    @property
    def words(self) -> str:
        """The p-value, or the statistic beside its threshold."""
        if self.p_value is not None:
            return f"p {p_text(self.p_value)}"
        return f"{self.statistic:.3g} of {self.threshold:.3g}"


class Detector(Protocol):
    """Compares blocks with a reference. A question changes nothing, a command answers nothing."""

    name: ClassVar[str]

    def score(self, scored: ScoredBlock) -> Score:
        """Judge one block; changes nothing, so the same block gets the same score twice."""
        ...

    def update(self, scored: ScoredBlock) -> None:
        """Take one block into account for later scores (nothing to do for a fixed reference)."""
        ...

    def reset(self, reference: Reference) -> None:
        """Forget every block and compare with another reference from now on."""
        ...


@dataclass(eq=False)
class FixedReference(ABC):
    """A detector that judges every block alone, against one reference.

    Every field but the reference is an option: a plain value with a default, which `saved` writes as JSON.

    Attributes:
        reference: the rows that blocks are compared with.
        level: of an alarm, in (0, 1).
    """

    name: ClassVar[str]
    reference: Reference = field(repr=False)
    level: float = 0.01

    def __post_init__(self) -> None:
        if not isinstance(self.reference, Reference):
            raise BlockError(
                f"expected a Reference, got {type(self.reference).__name__}: make one with Reference.of_features"
            )
        if not 0 < self.level < 1:
            raise BlockError(f"expected a level between 0 and 1, got {self.level}")

    @abstractmethod
    def score(self, scored: ScoredBlock) -> Score:
        """Judge one block."""

    def update(self, scored: ScoredBlock) -> None:  # noqa: B027  # nothing to do is the usual case, not a gap
        """Nothing to learn: the reference is fixed."""

    def reset(self, reference: Reference) -> None:
        """Compare with another reference from now on."""
        self.reference = reference

    def scored(self, scored: ScoredBlock, statistic: float, p_value: float, detail: str = "") -> Score:
        """The score of a block, in plain numbers that JSON takes; warns if the reference is small beside it.

        Args:
            scored: the block.
            statistic: of the test.
            p_value: in (0, 1].
            detail: what to know of it, in a few words.
        """
        sentence = small_reference(len(self.reference), len(scored.block))
        if sentence is not None:
            warnings.warn(sentence, SmallReferenceWarning, stacklevel=3)
        return Score(self.name, float(statistic), float(p_value), self.level, detail)


def require_width(features: NDArray[Any], width: int) -> None:
    """Raise if features are not (n, width)."""
    if features.ndim != 2 or features.shape[1] != width:
        raise BlockError(
            f"expected {width} features, as in the reference; got shape {features.shape}."
            " Was the model retrained on other columns?"
        )


def require_finite(rows: NDArray[Any], names: Sequence[str]) -> None:
    """Raise if a value of rows (n, d) is NaN or infinite.

    Raises:
        BlockError: it names the first such column.
    """
    finite = np.isfinite(rows)
    if finite.all():
        return
    column = int((~finite).any(axis=0).argmax())
    bad = ~finite[:, column]
    raise BlockError(
        f"expected finite values, got {int(bad.sum())} that are NaN or infinite in column {names[column]!r}, the first"
        f" in row {int(bad.argmax())}: fill them, drop the rows, or ignore the column"
    )


@dataclass(eq=False)
class FeatureDetector(FixedReference):
    """A detector of features, some of which it may ignore.

    Attributes:
        ignore: features to leave out (the calendar differs between any two blocks).
    """

    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ignore = tuple(self.ignore)  # JSON has lists

    @property
    def watched(self) -> tuple[str, ...]:
        """Names of the features that are compared."""
        return tuple(name for name in self.reference.names if name not in self.ignore)

    def columns(self, features: NDArray[Any], *, missing: bool = False) -> NDArray[Any]:
        """Of features (n, d), those that are compared.

        Args:
            features: of the reference or of a block.
            missing: whether values may be missing or infinite.

        Raises:
            BlockError: another width than the reference's, or values that are missing or infinite: the first column of
                them is named.
        """
        require_width(features, len(self.reference.names))
        kept = features[:, [at for at, name in enumerate(self.reference.names) if name not in self.ignore]]
        if not missing:
            require_finite(kept, self.watched)
        return kept


@dataclass(eq=False)
class RowSampleDetector(FeatureDetector):
    """A detector of whole rows, which takes some of the reference's: pairs of rows grow with their square.

    Attributes:
        most_reference_rows: drawn at random, or ten blocks if those are more.
        seed: of the rows that are drawn.
    """

    most_reference_rows: int = 1_000
    seed: int = 0

    def samples(self, scored: ScoredBlock) -> TwoSamples:
        """Rows of the reference and the block's, standardised together."""
        from drift.detect.two_sample.samples import two_samples

        rows = max(self.most_reference_rows, BLOCKS_IN_REFERENCE * len(scored.block))
        chosen = np.random.default_rng(self.seed).permutation(len(self.reference))[:rows]
        current = self.columns(scored.block.features)
        return two_samples(self.columns(self.reference.features)[np.sort(chosen)], current).standardised()


def small_reference(reference_rows: int, block_rows: int) -> str | None:
    """What a reference smaller than ten blocks does to false alarms; None if it is large enough.

    `tests/detect/detectors/test_small_reference.py` sees the figures that it gives.
    """
    if reference_rows >= BLOCKS_IN_REFERENCE * block_rows:
        return None
    return (
        f"the reference has {reference_rows:,} rows, fewer than {BLOCKS_IN_REFERENCE} blocks of {block_rows:,}: the"
        " share of blocks without drift that alarm may be well above or below the level, since all blocks are compared"
        " with the same few rows (with 200 rows, blocks of 200 and level 0.05, it is between 0.00 and 0.20)."
        " Take a larger reference, or smaller blocks"
    )
