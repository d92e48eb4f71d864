"""Alerts, and their deliveries."""

import sqlalchemy as sql
from alembic import op

from drift.monitor.store.migrations.versions import columns

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "alerts",
        sql.Column("id", sql.Integer(), primary_key=True, autoincrement=True),
        sql.Column("monitor", sql.Integer(), sql.ForeignKey("monitors.id", ondelete="CASCADE"), nullable=False),
        *columns(sql.String, "signal", "state", "batch"),
        sql.Column("batch_at", sql.Float(), nullable=False),
        sql.Column("seen", sql.JSON(), nullable=False),
        *columns(sql.String, "reason", "opened_at"),
        *columns(
            sql.String,
            "acknowledged_at",
            "acknowledged_by",
            "acknowledged_why",
            "closed_at",
            "closed_by",
            "closed_why",
            nullable=True,
        ),
    )
    op.create_table(
        "deliveries",
        sql.Column("id", sql.String(), primary_key=True),
        sql.Column("alert", sql.Integer(), sql.ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False),
        *columns(sql.String, "kind", "target"),
        sql.Column("message", sql.JSON(), nullable=False),
        sql.Column("state", sql.String(), nullable=False),
        sql.Column("attempts", sql.Integer(), nullable=False),
        sql.Column("not_before", sql.Float(), nullable=False),
        sql.Column("error", sql.String(), nullable=False),
        sql.Column("done_at", sql.String(), nullable=True),
    )
