"""Alerts, and their deliveries."""

import sqlalchemy as sql
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "alerts",
        sql.Column("id", sql.Integer(), primary_key=True, autoincrement=True),
        sql.Column("monitor", sql.Integer(), sql.ForeignKey("monitors.id", ondelete="CASCADE"), nullable=False),
        sql.Column("signal", sql.String(), nullable=False),
        sql.Column("state", sql.String(), nullable=False),
        sql.Column("batch", sql.String(), nullable=False),
        sql.Column("batch_at", sql.Float(), nullable=False),
        sql.Column("seen", sql.JSON(), nullable=False),
        sql.Column("reason", sql.String(), nullable=False),
        sql.Column("opened_at", sql.String(), nullable=False),
        sql.Column("acknowledged_at", sql.String(), nullable=True),
        sql.Column("acknowledged_by", sql.String(), nullable=True),
        sql.Column("acknowledged_why", sql.String(), nullable=True),
        sql.Column("closed_at", sql.String(), nullable=True),
        sql.Column("closed_by", sql.String(), nullable=True),
        sql.Column("closed_why", sql.String(), nullable=True),
    )
    op.create_table(
        "deliveries",
        sql.Column("id", sql.String(), primary_key=True),
        sql.Column("alert", sql.Integer(), sql.ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False),
        sql.Column("kind", sql.String(), nullable=False),
        sql.Column("target", sql.String(), nullable=False),
        sql.Column("message", sql.JSON(), nullable=False),
        sql.Column("state", sql.String(), nullable=False),
        sql.Column("attempts", sql.Integer(), nullable=False),
        sql.Column("not_before", sql.Float(), nullable=False),
        sql.Column("error", sql.String(), nullable=False),
        sql.Column("done_at", sql.String(), nullable=True),
    )
