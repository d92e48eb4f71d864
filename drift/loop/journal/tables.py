"""The tables of the scoring log and the audit trail, and what keeps the trail append-only. Used by `journal`."""

from __future__ import annotations

import sqlalchemy as sql

tables = sql.MetaData()
deployments = sql.Table(
    "deployments",
    tables,
    sql.Column("id", sql.String, primary_key=True),
    sql.Column("model", sql.String, nullable=False),
    sql.Column("run_id", sql.String, nullable=False),
    sql.Column("options", sql.JSON, nullable=False),
    sql.Column("first_champion", sql.Integer, nullable=False),
    sql.Column("start_row", sql.Integer, nullable=False),
    sql.Column("stop_row", sql.Integer, nullable=False),
    sql.Column("state", sql.String, nullable=False),  # running, interrupted, done or superseded
    sql.Column("tracked", sql.Integer, nullable=False),  # blocks whose metrics MLflow has
    sql.Column("began_at", sql.String, nullable=False),
)
blocks = sql.Table(
    "blocks",
    tables,
    sql.Column("deployment", sql.String, sql.ForeignKey("deployments.id"), primary_key=True),
    sql.Column("block", sql.Integer, primary_key=True),
    *(
        sql.Column(name, kind, nullable=optional)
        for name, kind, optional in (
            ("start", sql.Integer, False),
            ("stop", sql.Integer, False),
            ("first_time", sql.String, True),
            ("last_time", sql.String, True),
            ("version", sql.Integer, False),
            ("correct", sql.Integer, False),
            ("mean_confidence", sql.Float, False),
            ("seconds", sql.Float, False),
            ("flagged", sql.Boolean, False),
            ("scores", sql.JSON, False),
            ("first_champion_correct", sql.Integer, False),
            ("scored_at", sql.String, False),
        )
    ),
)
predictions = sql.Table(
    "predictions",
    tables,
    sql.Column("deployment", sql.String, primary_key=True),
    sql.Column("row", sql.Integer, primary_key=True),
    sql.Column("block", sql.Integer, nullable=False),
    sql.Column("time", sql.String),
    sql.Column("version", sql.Integer, nullable=False),
    sql.Column("prediction", sql.Integer, nullable=False),  # class code
    sql.Column("label", sql.Integer, nullable=False),  # class code
    sql.Column("confidence", sql.Float, nullable=False),  # probability of the predicted class
    sql.Column("first_champion_prediction", sql.Integer, nullable=False),  # class code, had nothing been promoted
    sql.ForeignKeyConstraint(["deployment", "block"], ["blocks.deployment", "blocks.block"]),
)
decisions = sql.Table(
    "decisions",
    tables,
    sql.Column("deployment", sql.String, sql.ForeignKey("deployments.id"), primary_key=True),
    sql.Column("block", sql.Integer, primary_key=True),
    sql.Column("at", sql.String, nullable=False),
    sql.Column("retrain", sql.Boolean, nullable=False),
    sql.Column("by", sql.String, nullable=False),
    sql.Column("reason", sql.String, nullable=False),
    sql.Column("evidence", sql.JSON, nullable=False),
    sql.Column("outcome", sql.String, nullable=False),  # see DecisionRecord
    sql.Column("challenger", sql.Integer),
    sql.Column("comparison", sql.JSON),
)
audit = sql.Table(
    "audit",
    tables,
    sql.Column("id", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column("at", sql.String, nullable=False),
    sql.Column("model", sql.String, nullable=False),
    sql.Column("action", sql.String, nullable=False),  # deploy, promote, refuse, rollback or repair
    sql.Column("from_version", sql.Integer),
    sql.Column("to_version", sql.Integer, nullable=False),
    sql.Column("by", sql.String, nullable=False),
    sql.Column("reason", sql.String, nullable=False),
    sql.Column("evidence", sql.JSON, nullable=False),
)
audit_proofs = sql.Table(
    "audit_proofs",  # of the lines of the trail; those of older versions of this package have none
    tables,
    sql.Column("id", sql.Integer, primary_key=True, autoincrement=False),  # of the line
    sql.Column("uid", sql.Integer, nullable=False),  # of the process that wrote the line
    sql.Column("chain", sql.String, nullable=False),  # SHA-256 of this line and the chain of the one before it
)
intents = sql.Table(
    "intents",
    tables,
    sql.Column("model", sql.String, primary_key=True),
    sql.Column("line", sql.JSON, nullable=False),  # the audit line to write once the champion has changed
)
releases = sql.Table(
    "releases",
    tables,
    sql.Column("digest", sql.String, primary_key=True),  # over model, card and reference
    sql.Column("model", sql.String, nullable=False),
    sql.Column("version", sql.Integer),
    sql.Column("how", sql.String, nullable=False),
    sql.Column("by", sql.String, nullable=False),
    sql.Column("at", sql.String, nullable=False),
)
SCHEMA = 1  # of the tables above; raise it when one of them changes
REFUSED = "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
APPEND_ONLY = [
    "CREATE TRIGGER IF NOT EXISTS audit_no_replace BEFORE INSERT ON audit WHEN NEW.id IN (SELECT id FROM audit)"
    " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
    "CREATE TRIGGER IF NOT EXISTS audit_proofs_no_replace BEFORE INSERT ON audit_proofs"
    " WHEN NEW.id IN (SELECT id FROM audit_proofs) BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
] + [
    f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} {REFUSED}"
    for table in ("audit", "audit_proofs")
    for verb in ("UPDATE", "DELETE")
]
