"""When is a signal consistently bad? Pure: a history of batches in, openings and closings of alerts out.

One bad batch alarms nobody. Distances and the losses of slices follow a run rule with calibrated limits
(`drift.monitor.reference.limits`). Accuracy follows bets against "the loss is tolerable" (`drift.detect.sequential`),
whose evidence grows with every batch, also a slightly bad one; however bad a batch is, it multiplies the evidence by
no more than the square root of what alarms. Truncating an e-value keeps its expectation at most 1, so that the
guarantee holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from drift.detect.sequential.dependence import effective_rows
from drift.detect.sequential.evidence import after, alternatives, log_bets, nothing
from drift.monitor.drift.signals import Losses
from drift.monitor.reference.limits import RunRule
from drift.monitor.store.records import Alert, Batch

FRESHNESS = "freshness"  # signal of the alert that no rows come
HIGHEST_RISK = 0.999  # an accepted loss beyond this cannot become worse
LEAST_BATCHES = 2  # whose evidence alarms, unless there was some before
OfBatch = TypeVar("OfBatch", bound="DistancePoint | LossPoint")


@dataclass(frozen=True)
class Change:
    """An alert is to be opened or closed.

    Attributes:
        signal: of the alert.
        what: whether it is opened or closed.
        batch: at which.
        reason: in words.
        seen: numbers of the batches that were looked at.
    """

    signal: str
    what: Literal["open", "close"]
    batch: Batch
    reason: str
    seen: tuple[int, ...]


@dataclass(frozen=True)
class DistancePoint:
    """One batch of a signal under the run rule.

    Attributes:
        batch: that was measured.
        bad: whether it is beyond its limit.
        words: what was measured, for the reason of an alert.
    """

    batch: Batch
    bad: bool
    words: str


def _unseen(history: Sequence[OfBatch], last: Alert | None) -> list[OfBatch]:
    """What a signal's last alert has not looked at: batches that came since, late ones too."""
    seen = set(last.seen) if last is not None else set()
    return [point for point in history if point.batch.id not in seen]


def follow_runs(
    signal: str, history: Sequence[DistancePoint], *, rule: RunRule, last: Alert | None, cooldown: int = 0
) -> list[Change]:
    """Openings and closings since a signal was looked at last.

    An alert closes by itself when as many batches as the rule looks at were good. Batches that an earlier alert of the
    signal has seen count no more once it is closed.

    Args:
        signal: which.
        history: of it, oldest batch first.
        rule: what alarms.
        last: the newest alert of the signal.
        cooldown: batches after a closing in which none opens.
    """
    changes: list[Change] = []
    active = last is not None and last.state != "closed"
    seen = list(last.seen) if last is not None else []
    new = {point.batch.id for point in _unseen(history, last)}
    quiet = cooldown if last is not None and not active else 0
    # Of an alert, only what came after it in time says that it is over; batches that fill gaps before it do not.
    first = sum(point.batch.at <= last.batch_at for point in history) if last is not None and active else 0
    for at, point in enumerate(history):
        if point.batch.id not in new:
            continue
        seen.append(point.batch.id)
        if at < first:
            continue
        neighbours = history[max(first, at - rule.window + 1) : at + 1]
        recent = [other.bad for other in neighbours if other.batch.id in new]
        if active:
            if len(recent) == rule.window and not any(recent):
                reason = f"the last {rule.window} batches are within limits"
                changes.append(Change(signal, "close", point.batch, reason, tuple(seen)))
                active, first, quiet = False, at + 1, cooldown
            continue
        quiet -= 1
        if point.bad and sum(recent) >= rule.bad and quiet < 0:
            reason = f"{point.words}; bad in {sum(recent)} of the last {len(recent)} batches"
            changes.append(Change(signal, "open", point.batch, reason, tuple(seen)))
            active, first = True, at + 1
    return changes


@dataclass(frozen=True)
class LossPoint:
    """The losses of one batch.

    Attributes:
        batch: that was measured.
        loss: mean, in [0, 1].
        rows: that have a label.
    """

    batch: Batch
    loss: float
    rows: int


@dataclass(frozen=True)
class LossEvidence:
    """Bets against "the mean loss is at most the accepted one plus a tolerance", batch by batch.

    Attributes:
        losses: of the reference, in the order of time.
        tolerated_loss: that may be lost beyond the accepted mean.
        expected_run_length: batches between false alarms, in the mean and at least.
    """

    losses: Losses
    tolerated_loss: float = 0.02
    expected_run_length: float = 2000.0

    @property
    def highest_risk(self) -> float:
        """The tolerated mean loss; at least that of one wrong row more than the reference has."""
        return max(float(self.losses.mean()) + self.tolerated_loss, 1 / (len(self.losses) + 1))

    def evidence(self, history: Sequence[LossPoint]) -> list[float]:
        """After each batch; it alarms at `expected_run_length`."""
        risk = self.highest_risk
        if risk >= HIGHEST_RISK:
            return [0.0] * len(history)
        against = alternatives(risk)
        wealth, values = nothing(len(against)), []
        effective = effective_rows(self.losses, [point.rows for point in history])
        for point, rows in zip(history, effective, strict=True):
            most = np.logaddexp(0.0, wealth.log_value) + np.log(self.expected_run_length) / LEAST_BATCHES
            wealth = after(wealth, log_bets(point.loss, risk, against, rows))
            wealth = replace(wealth, logs=wealth.logs - max(0.0, float(wealth.log_value - most)))
            values.append(float(np.exp(min(float(wealth.log_value), 690.0))))
        return values


def follow_harm(
    signal: str,
    history: Sequence[LossPoint],
    *,
    harm: LossEvidence,
    last: Alert | None,
    cooldown: int = 0,
    words: str = "error rate",
) -> list[Change]:
    """The opening of an alert since the signal was looked at last.

    A person closes it: few good batches are no evidence that what was lost has come back. Evidence then begins anew.
    """
    if last is not None and last.state != "closed":
        return []
    since = _unseen(history, last)
    quiet = cooldown if last is not None else 0
    for at, (point, evidence) in enumerate(zip(since, harm.evidence(since), strict=True)):
        if evidence >= harm.expected_run_length and at >= quiet:
            shown = "more than a million" if evidence > 1e6 else f"{evidence:,.0f}"
            reason = (
                f"{words} {point.loss:.3f} on {point.rows:,} rows of this batch, tolerated {harm.highest_risk:.3f}:"
                f" by chance as much evidence comes once in {shown} batches"
            )
            return [Change(signal, "open", point.batch, reason, tuple(every.batch.id for every in history))]
    return []


def follow_freshness(newest: Batch | None, *, seconds: float, now: float, last: Alert | None) -> list[Change]:
    """Whether the newest batch is too old.

    Args:
        newest: batch, by its newest row.
        seconds: that may pass after it.
        now: since 1970.
        last: the newest alert about it.
    """
    if newest is None:
        return []
    old = now - newest.fresh_at
    late, active = old > seconds, last is not None and last.state != "closed"
    if late and not active and (last is None or newest.at > last.batch_at):
        reason = f"the newest rows are {duration(old)} old, expected at most {duration(seconds)}"
        return [Change(FRESHNESS, "open", newest, reason, ())]
    if active and not late:
        return [Change(FRESHNESS, "close", newest, f"rows have come that are {duration(old)} old", ())]
    return []


def duration(seconds: float) -> str:
    """A number of seconds as people say it.

    >>> duration(5400), duration(200_000), duration(2e7)
    ('90 minutes', '2.3 days', '231 days')
    """
    for unit, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit or (unit == 60 and seconds >= 60):
            return f"{seconds / unit:.{0 if seconds >= 10 * unit else 1}f} {name}"
    return f"{seconds:.0f} seconds"
