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
    """A deployed model's batches, followed over time."""

    id: int
    name: str
    columns: Columns
    slices: tuple[str, ...]  # "night: period < 0.25"
    began_at: str


@dataclass(frozen=True)
class Quality:
    """What is wrong with a batch's rows whatever the model says; numbers of rows."""

    duplicates: int = 0  # left out: their key is in the batch already
    repeated: int = 0  # kept: their key is in an earlier batch
    missing: Mapping[str, int] = field(default_factory=dict)  # by feature, where there are any
    out_of_range: Mapping[str, int] = field(default_factory=dict)  # outside the reference's smallest and largest
    new_categories: Mapping[str, int] = field(default_factory=dict)  # that the reference does not have


@dataclass(frozen=True)
class Batch:
    """A batch as it is stored."""

    id: int
    name: str
    at: float  # what batches are ordered by: the median of its rows' times, else that of the ingest; seconds since 1970
    first_time: str | None
    last_time: str | None
    rows: int
    known: int  # rows whose truth has come
    digest: str  # of everything but the truth
    truth_digest: str
    source: str
    versions: Mapping[str, int]  # of the model: rows of each
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
    """A measure of a batch, or of a slice of it."""

    measure: Measure
    of_slice: str = ""  # of all


@dataclass(frozen=True)
class Drift:
    """How far a batch is from a reference."""

    inputs: Profile
    labels: Profile | None
    signals: tuple[SignalDrift, ...]
    joint: JointDrift | None = None


@dataclass(frozen=True, eq=False)
class MonitorReference:
    """Rows that later batches are judged against, agreed by a person."""

    id: int  # 0: not stored yet
    version: int
    name: str  # may be empty
    chosen: str  # how, in words
    rows: int
    inputs: Profile
    labels: Profile | None
    groups: Mapping[str, Counted]  # rows of its batches in each cell, by signal: at most 64 of them
    measures: tuple[SliceMeasure, ...]
    losses: Losses  # of each row in the order of time
    large_error: float | None  # regression: absolute errors above it count as losses
    sample: PredictionRows  # the newest of its rows
    agreed_by: str
    agreed_at: str
    why: str
    promise: AlarmSpec  # when batches count as bad, and how rarely by chance

    @property
    def title(self) -> str:
        """Its version and its name."""
        return f"{self.version}, {self.name}" if self.name else str(self.version)


@dataclass(frozen=True)
class Alert:
    """Something that is consistently bad."""

    id: int
    signal: str
    state: AlertState
    batch: str  # at which it alarmed
    batch_at: float
    seen: tuple[int, ...]  # numbers of the batches that were looked at for it, and will not be again
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
    """What a person made of a row."""

    id: int
    batch: str
    key: str
    verdict: Verdict
    reason: str
    note: str
    tags: tuple[str, ...]
    row: Mapping[str, Any]  # features, prediction and truth
    by: str
    at: str
