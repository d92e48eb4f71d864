"""E-detector of a risk above the accepted one, with a guaranteed average run length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from drift.data.blocks import Reference
from drift.detect.detectors.protocol import Score
from drift.detect.sequential.dependence import Dependence, measure_dependence
from drift.detect.sequential.evidence import Evidence, Form, after, alternatives, log_bets, nothing
from drift.detect.streaming.protocol import ErrorDetector, Losses
from drift.errors import BlockError

MOST_SHOWN = 1e300  # evidence beyond this is shown as this
HIGHEST = 0.999  # risk; a model that is accepted with more cannot become worse, and never alarms


@dataclass(eq=False)
class Harm(ErrorDetector):
    """Alarms when bets against "the risk is at most the accepted one plus a tolerance" have grown enough.

    The risk is the conditional mean loss. As long as it stays within the tolerance, whatever it does there, the mean
    number of blocks to an alarm is at least `expected_run_length`, counted from the last reset (Shin, Ramdas and
    Rinaldo 2024). With `block_means`, that takes the mean of whole blocks. Without, a block counts as so many groups of
    rows as the reference shows for blocks of its size (`sequential.dependence`; its rows are to be in the order of
    time), and the risk of each group must be within the tolerance: a world in which one whole block goes wrong now and
    then, more rarely than the reference can tell, breaks the guarantee, and so do errors in runs longer than blocks.

    The accepted risk is the reference's mean loss, taken as agreed: choose a tolerance of about two of its standard
    errors or more if it is only an estimate.

    The statistic is the evidence, in blocks: how long one would expect to wait for as much of it by chance.

    Attributes:
        tolerated_loss: of accuracy, in [0, 1).
        expected_run_length: blocks between false alarms, at least; more than 1.
        form: or "cusum", which alarms later.
        block_means: bet on block means alone: safe whatever happens within a block, and much slower.
    """

    name: ClassVar[str] = "harm"
    tolerated_loss: float = 0.02
    expected_run_length: float = 200.0
    form: Form = "shiryaev-roberts"
    block_means: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.tolerated_loss < 1 or not self.expected_run_length > 1:
            raise BlockError(
                "expected a tolerated loss in [0, 1) and an expected run length of more than 1 block,"
                f" got {self.tolerated_loss:g} and {self.expected_run_length:g}"
            )
        super().__post_init__()

    @property
    def highest_risk(self) -> float:
        """What is tolerated: the accepted risk plus the tolerance."""
        return float(np.mean(self.reference.losses)) + self.tolerated_loss

    def _begin(self, reference: Reference) -> Evidence:
        self._dependence = dict[int, Dependence]()
        return nothing(len(alternatives(min(HIGHEST, self.highest_risk))), form=self.form)

    def _measured(self, rows: int) -> Dependence:
        """Dependence in blocks of so many rows, measured on the reference once: no other size's factor serves."""
        if rows not in self._dependence:
            self._dependence[rows] = measure_dependence(self.reference.losses, rows)
        return self._dependence[rows]

    def _step(self, state: Evidence, losses: Losses) -> tuple[Evidence, Score]:
        dependence = self._measured(len(losses))
        risk, mean = self.highest_risk, float(losses.mean())
        if risk < HIGHEST:
            rows = 1.0 if self.block_means else dependence.effective_rows
            state = after(state, log_bets(mean, risk, alternatives(risk), rows))
        value = float(np.exp(min(float(state.log_value), np.log(MOST_SHOWN))))
        believed = "bets on block means" if self.block_means else dependence.words
        detail = f"risk {mean:.3f}, tolerated {risk:.3f}; {believed}"
        return state, Score(self.name, value, detail=detail, threshold=self.expected_run_length)
