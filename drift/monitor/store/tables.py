"""The tables of a monitor's store, as the newest migration leaves them. SQLite and PostgreSQL alike."""

from __future__ import annotations

import sqlalchemy as sql

metadata = sql.MetaData()


def _id() -> sql.Column[int]:
    return sql.Column("id", sql.Integer, primary_key=True, autoincrement=True)


def _of(table: str) -> sql.Column[int]:
    """A column that names a row of another table, and goes with it."""
    return sql.Column(
        table, sql.Integer, sql.ForeignKey(f"{table}s.id" if table != "batch" else "batches.id", ondelete="CASCADE"),
        nullable=False,
    )  # fmt: skip


monitors = sql.Table(
    "monitors",
    metadata,
    _id(),
    sql.Column("name", sql.String, nullable=False, unique=True),
    sql.Column("columns", sql.JSON, nullable=False),  # `Columns`
    sql.Column("slices", sql.JSON, nullable=False),  # their texts
    sql.Column("began_at", sql.String, nullable=False),
)
batches = sql.Table(
    "batches",
    metadata,
    _id(),
    _of("monitor"),
    sql.Column("name", sql.String, nullable=False),
    sql.Column("at", sql.Float, nullable=False),  # what batches are ordered by, seconds since 1970 UTC
    sql.Column("first_time", sql.String),
    sql.Column("last_time", sql.String),
    sql.Column("rows", sql.Integer, nullable=False),
    sql.Column("known", sql.Integer, nullable=False),  # rows whose truth has come
    sql.Column("digest", sql.String, nullable=False),  # of everything but the truth
    sql.Column("truth_digest", sql.String, nullable=False),  # of keys and truths that are known
    sql.Column("source", sql.String, nullable=False),  # without a password
    sql.Column("versions", sql.JSON, nullable=False),  # of the model: rows of each
    sql.Column("quality", sql.JSON, nullable=False),  # `Quality`
    sql.Column("ingested_at", sql.String, nullable=False),
    sql.UniqueConstraint("monitor", "name"),
)
sql.Index("batches_in_order", batches.c.monitor, batches.c.at, batches.c.id)
parts = sql.Table(
    "parts",  # of a batch's rows, each a Parquet file
    metadata,
    sql.Column("batch", sql.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    sql.Column("part", sql.Integer, primary_key=True),
    sql.Column("rows", sql.Integer, nullable=False),
    sql.Column("hashes", sql.LargeBinary, nullable=False),  # of its keys, uint64 in row order
    sql.Column("body", sql.LargeBinary, nullable=False),
)
measures = sql.Table(
    "measures",
    metadata,
    sql.Column("batch", sql.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    sql.Column("name", sql.String, primary_key=True),
    sql.Column("of_class", sql.String, primary_key=True),  # empty: of all
    sql.Column("of_slice", sql.String, primary_key=True),  # empty: of all
    sql.Column("value", sql.Float, nullable=False),
    sql.Column("low", sql.Float),
    sql.Column("high", sql.Float),
    sql.Column("rows", sql.Integer, nullable=False),
)
references = sql.Table(
    "references",
    metadata,
    _id(),
    _of("monitor"),
    sql.Column("version", sql.Integer, nullable=False),  # the newest is in force
    sql.Column("name", sql.String, nullable=False),
    sql.Column("chosen", sql.String, nullable=False),  # how, in words
    sql.Column("rows", sql.Integer, nullable=False),
    sql.Column("inputs", sql.JSON, nullable=False),  # binning and profile of features and predictions
    sql.Column("labels", sql.JSON),  # binning and profile of the truth
    sql.Column("groups", sql.JSON, nullable=False),  # rows of its batches in each cell, by signal
    sql.Column("measures", sql.JSON, nullable=False),
    sql.Column("losses", sql.LargeBinary, nullable=False),  # of each row in the order of time, uint8
    sql.Column("large_error", sql.Float),  # regression: absolute errors above it count as losses
    sql.Column("sample", sql.LargeBinary, nullable=False),  # some of its rows, a Parquet file
    sql.Column("agreed_by", sql.String, nullable=False),
    sql.Column("agreed_at", sql.String, nullable=False),
    sql.Column("why", sql.String, nullable=False),
    sql.Column("promise", sql.JSON, nullable=False),  # `Promise`
    sql.UniqueConstraint("monitor", "version"),
)
drifts = sql.Table(
    "drifts",  # of a batch from a reference, as a whole
    metadata,
    sql.Column("batch", sql.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    sql.Column("reference", sql.ForeignKey("references.id", ondelete="CASCADE"), primary_key=True),
    sql.Column("inputs", sql.JSON, nullable=False),  # profile
    sql.Column("labels", sql.JSON),
    sql.Column("joint_p_value", sql.Float),  # MMD, of samples
    sql.Column("joint_rows", sql.Integer),
)
distances = sql.Table(
    "distances",  # of one signal of a batch from a reference
    metadata,
    sql.Column("batch", sql.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    sql.Column("reference", sql.ForeignKey("references.id", ondelete="CASCADE"), primary_key=True),
    sql.Column("signal", sql.String, primary_key=True),
    sql.Column("kl", sql.Float, nullable=False),
    sql.Column("kl_threshold", sql.Float, nullable=False),
    sql.Column("jensen_shannon", sql.Float, nullable=False),
    sql.Column("js_threshold", sql.Float, nullable=False),
    sql.Column("psi", sql.Float, nullable=False),
    sql.Column("hellinger", sql.Float, nullable=False),
    sql.Column("wasserstein", sql.Float),
    sql.Column("p_value", sql.Float, nullable=False),  # of Jensen-Shannon, corrected for the number of signals
    sql.Column("test", sql.String, nullable=False),  # KS or chi-squared
    sql.Column("statistic", sql.Float, nullable=False),
    sql.Column("test_p_value", sql.Float, nullable=False),  # corrected, too
    sql.Column("limit", sql.Float, nullable=False),  # of Jensen-Shannon, that the run rule is calibrated for
    sql.Column("bad", sql.Boolean, nullable=False),  # Jensen-Shannon is above it
)
sql.Index("distances_of_signal", distances.c.reference, distances.c.signal)
limits = sql.Table(
    "limits",  # that were calibrated
    metadata,
    sql.Column("reference", sql.ForeignKey("references.id", ondelete="CASCADE"), primary_key=True),
    sql.Column("signal", sql.String, primary_key=True),
    sql.Column("rows", sql.Integer, primary_key=True),  # of a batch, at least
    sql.Column("value", sql.Float, nullable=False),
)
truths = sql.Table(
    "truths",  # that came before their rows
    metadata,
    sql.Column("monitor", sql.ForeignKey("monitors.id", ondelete="CASCADE"), primary_key=True),
    sql.Column("key", sql.String, primary_key=True),
    sql.Column("truth", sql.String, nullable=False),
    sql.Column("came_at", sql.String, nullable=False),
)
alerts = sql.Table(
    "alerts",
    metadata,
    _id(),
    _of("monitor"),
    sql.Column("signal", sql.String, nullable=False),
    sql.Column("state", sql.String, nullable=False),  # open, acknowledged or closed
    sql.Column("batch", sql.String, nullable=False),  # at which it alarmed
    sql.Column("batch_at", sql.Float, nullable=False),
    sql.Column("seen", sql.JSON, nullable=False),  # numbers of the batches that were looked at for it
    sql.Column("reason", sql.String, nullable=False),
    sql.Column("opened_at", sql.String, nullable=False),
    sql.Column("acknowledged_at", sql.String),
    sql.Column("acknowledged_by", sql.String),
    sql.Column("acknowledged_why", sql.String),
    sql.Column("closed_at", sql.String),
    sql.Column("closed_by", sql.String),
    sql.Column("closed_why", sql.String),
)
deliveries = sql.Table(
    "deliveries",
    metadata,
    sql.Column("id", sql.String, primary_key=True),
    sql.Column("alert", sql.ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False),
    sql.Column("kind", sql.String, nullable=False),  # of the channel
    sql.Column("target", sql.String, nullable=False),  # without secrets
    sql.Column("message", sql.JSON, nullable=False),
    sql.Column("state", sql.String, nullable=False),  # pending, done or given up
    sql.Column("attempts", sql.Integer, nullable=False),
    sql.Column("not_before", sql.Float, nullable=False),  # seconds since 1970
    sql.Column("error", sql.String, nullable=False),
    sql.Column("done_at", sql.String),
)
findings = sql.Table(
    "findings",
    metadata,
    _id(),
    _of("monitor"),
    sql.Column("batch", sql.String, nullable=False),
    sql.Column("key", sql.String, nullable=False),
    sql.Column("verdict", sql.String, nullable=False),  # anomaly or real
    sql.Column("reason", sql.String, nullable=False),
    sql.Column("note", sql.String, nullable=False),
    sql.Column("tags", sql.JSON, nullable=False),
    sql.Column("row", sql.JSON, nullable=False),  # its features, prediction and truth
    sql.Column("by", sql.String, nullable=False),
    sql.Column("at", sql.String, nullable=False),
    sql.UniqueConstraint("monitor", "batch", "key"),
)
