"""What the monitor remembers: monitors, batches, references, alerts and findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from drift.detect.profiles.profiles import Profile
from drift.metrics.protocol import Measure
from drift.monitor.drift.distances import JointDrift, SignalDrift
from drift.monitor.drift.signals import Losses
from drift.monitor.reference.batch_variation import Counted
from drift.monitor.reference.limits import AlarmSpec
from drift.monitor.sources.column_roles import Columns
from drift.monitor.sources.rows import PredictionRows

AlertState: TypeAlias = Literal["open", "acknowledged", "closed"]
Verdict: TypeAlias = Literal["anomaly", "real"]


def now() -> str:
    """The time in UTC, ISO 8601 to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class MonitorRecord:
    """A deployed model's batches, followed over time.

    Attributes:
        id: its number; 0: not stored yet.
        name: unique in the store.
        columns: which column is what.
        slices: texts such as `night: period < 0.25`.
        began_at: UTC, ISO 8601.
    """

    id: int
    name: str
    columns: Columns
    slices: tuple[str, ...]
    began_at: str


@dataclass(frozen=True)
class Quality:
    """Counts of rows that are wrong whatever the model says.

    Attributes:
        duplicates: left out, since their key is in the batch already.
        repeated: kept, though their key is in an earlier batch.
        missing: values, by feature, where there are any.
        out_of_range: beyond the smallest and largest value of the reference, by feature.
        new_categories: that the reference does not have, by feature.
    """

    duplicates: int = 0
    repeated: int = 0
    missing: Mapping[str, int] = field(default_factory=dict)
    out_of_range: Mapping[str, int] = field(default_factory=dict)
    new_categories: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """A batch as it is stored.

    Attributes:
        id: its number; 0: not stored yet.
        name: unique in the monitor.
        at: what batches are ordered by: the median of its rows' times, else the time of the ingest; seconds since 1970.
        first_time: of its rows, UTC; None without times.
        last_time: of its rows, UTC.
        rows: how many.
        known: rows that have a label.
        digest: of everything but the labels.
        truth_digest: of keys and labels.
        source: what it was read from, without a password.
        versions: rows by version of the model.
        quality: counts of wrong rows.
        ingested_at: UTC, ISO 8601.
    """

    id: int
    name: str
    at: float
    first_time: str | None
    last_time: str | None
    rows: int
    known: int
    digest: str
    truth_digest: str
    source: str
    versions: Mapping[str, int]
    quality: Quality
    ingested_at: str

    @property
    def fresh_at(self) -> float:
        """The time of its newest row, but not after it came; seconds since 1970 UTC."""
        came = datetime.fromisoformat(self.ingested_at).timestamp()
        if self.last_time is None:
            return came
        return min(came, datetime.fromisoformat(self.last_time).replace(tzinfo=UTC).timestamp())

    @property
    def version(self) -> str:
        """The model's version that answered most rows; empty if there is none."""
        return max(self.versions, key=lambda name: self.versions[name], default="")


@dataclass(frozen=True)
class SliceMeasure:
    """A measure of a batch, or of a slice of it.

    Attributes:
        measure: with its interval.
        of_slice: name of the slice; empty: of all rows.
    """

    measure: Measure
    of_slice: str = ""


@dataclass(frozen=True)
class Drift:
    """How far a batch is from a reference.

    Attributes:
        inputs: profile of features and predictions.
        labels: profile of the labels; None without any.
        signals: distances of each signal.
        joint: test of all features together; None where it was not possible.
    """

    inputs: Profile
    labels: Profile | None
    signals: tuple[SignalDrift, ...]
    joint: JointDrift | None = None


@dataclass(frozen=True, eq=False)
class MonitorReference:
    """Rows that later batches are judged against, approved by a person.

    Attributes:
        id: its number; 0: not stored yet.
        version: from 1; the newest is in force.
        name: for people; may be empty.
        chosen: how its rows were chosen, in words.
        rows: how many.
        inputs: profile of features and predictions.
        labels: profile of the labels; None without any.
        groups: rows of its batches in each cell, by signal, (batches, cells); at most 64 batches.
        measures: of its rows.
        losses: of each row that has a label, in the order of time, 0 or 1.
        large_error: regression: absolute errors above it count as losses.
        sample: the newest of its rows.
        agreed_by: who approved it.
        agreed_at: UTC, ISO 8601.
        why: on what grounds.
        promise: when batches count as bad, and how rarely by chance.
    """

    id: int
    version: int
    name: str
    chosen: str
    rows: int
    inputs: Profile
    labels: Profile | None
    groups: Mapping[str, Counted]
    measures: tuple[SliceMeasure, ...]
    losses: Losses
    large_error: float | None
    sample: PredictionRows
    agreed_by: str
    agreed_at: str
    why: str
    promise: AlarmSpec

    @property
    def title(self) -> str:
        """Its version and its name."""
        return f"{self.version}, {self.name}" if self.name else str(self.version)


@dataclass(frozen=True)
class Alert:
    """A signal that is consistently bad.

    Attributes:
        id: its number; 0: not stored yet.
        signal: a feature, the prediction, its confidence, the label, a measure, or `freshness`.
        state: open, acknowledged or closed.
        batch: name of the batch at which it was opened.
        batch_at: time of that batch, seconds since 1970.
        seen: numbers of the batches that were looked at for it, and will not be again.
        reason: why it was opened.
        opened_at: UTC, ISO 8601.
        acknowledged_at: UTC, ISO 8601; None if it was not.
        acknowledged_by: who looks after it.
        acknowledged_why: in words.
        closed_at: UTC, ISO 8601; None if it is not.
        closed_by: who closed it; `drift` where a rule did.
        closed_why: in words.
    """

    id: int
    signal: str
    state: AlertState
    batch: str
    batch_at: float
    seen: tuple[int, ...]
    reason: str
    opened_at: str
    acknowledged_at: str | None = None
    acknowledged_by: str | None = None
    acknowledged_why: str | None = None
    closed_at: str | None = None
    closed_by: str | None = None
    closed_why: str | None = None


@dataclass(frozen=True)
class Delivery:
    """A message that is to go out, or has gone.

    Attributes:
        id: of the message, the same however often it is tried.
        alert: number of the alert that it is about.
        kind: of the channel.
        target: of the channel, without secrets.
        message: its parts, as they are sent.
        state: pending, done or given up.
        attempts: how often it was tried.
        not_before: when it may be tried, seconds since 1970.
        error: of the last attempt; empty if there was none.
        done_at: when it was delivered, UTC.
    """

    id: str
    alert: int
    kind: str
    target: str
    message: Mapping[str, Any]
    state: str
    attempts: int
    not_before: float
    error: str
    done_at: str | None = None


@dataclass(frozen=True)
class Finding:
    """What a person found out about a row.

    Attributes:
        id: its number; 0: not stored yet.
        batch: name of the row's batch.
        key: of the row.
        verdict: anomaly or real.
        reason: why it was answered wrongly.
        note: free text.
        tags: at most 10.
        row: its features, prediction, label (`truth`), confidence and time.
        by: who.
        at: UTC, ISO 8601.
    """

    id: int
    batch: str
    key: str
    verdict: Verdict
    reason: str
    note: str
    tags: tuple[str, ...]
    row: Mapping[str, Any]
    by: str
    at: str
