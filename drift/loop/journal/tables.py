"""The tables of the scoring log and the audit trail, and what keeps the trail append-only. Used by `journal`.

A table of records has a column for each field of the record, as in the monitor's store.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Any, get_args, get_type_hints

import sqlalchemy as sql

from drift.loop.journal.records import AuditLine, DecisionRecord, Deployment, KnownRelease
from drift.policies.history import BlockRecord

KINDS = {str: sql.String, int: sql.Integer, float: sql.Float, bool: sql.Boolean}  # others are kept as JSON


def _columns(
    record: type, *, key: str = "", first: tuple[str, ...] = (), without: str = ""
) -> Iterator[sql.Column[Any]]:
    """A column for each field of a record, of its type; a field that may be None is optional.

    Args:
        record: a dataclass.
        key: the field that is the table's key, if one is.
        first: fields whose columns come before the others.
        without: a field that is kept elsewhere.
    """
    hints = get_type_hints(record)
    for name in (*first, *(name for name in hints if name not in (*first, without))):
        optional = isinstance(hints[name], UnionType)
        kind = get_args(hints[name])[0] if optional else hints[name]
        yield sql.Column(name, KINDS.get(kind, sql.JSON), primary_key=name == key, nullable=optional)


def _block() -> Iterator[sql.Column[Any]]:
    """The key of a table with one row for each block of a deployment."""
    yield sql.Column("deployment", sql.String, sql.ForeignKey("deployments.id"), primary_key=True)
    yield sql.Column("block", sql.Integer, primary_key=True)


tables = sql.MetaData()
deployments = sql.Table("deployments", tables, *_columns(Deployment, key="id"))
blocks = sql.Table("blocks", tables, *_block(), *_columns(BlockRecord, without="index"))
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
decisions = sql.Table("decisions", tables, *_block(), *_columns(DecisionRecord, first=("at",), without="block"))
audit = sql.Table(
    "audit",
    tables,
    sql.Column("id", sql.Integer, primary_key=True, autoincrement=True),
    *_columns(AuditLine, first=("at", "model"), without="uid"),
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
releases = sql.Table("releases", tables, *_columns(KnownRelease, key="digest"))
SCHEMA = 1  # of the tables above; raise it when one of them changes
REFUSED = "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
APPEND_ONLY = [
    f"CREATE TRIGGER IF NOT EXISTS {table}_no_{name} BEFORE {event} {REFUSED}"
    for table in ("audit", "audit_proofs")
    for name, event in (
        ("replace", f"INSERT ON {table} WHEN NEW.id IN (SELECT id FROM {table})"),  # noqa: S608  # names of our own
        ("update", f"UPDATE ON {table}"),
        ("delete", f"DELETE ON {table}"),
    )
]
