"""What people found out."""

import sqlalchemy as sql
from alembic import op

from drift.monitor.store.migrations.versions import columns

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "findings",
        sql.Column("id", sql.Integer(), primary_key=True, autoincrement=True),
        sql.Column("monitor", sql.Integer(), sql.ForeignKey("monitors.id", ondelete="CASCADE"), nullable=False),
        *columns(sql.String, "batch", "key", "verdict", "reason", "note"),
        *columns(sql.JSON, "tags", "row"),
        *columns(sql.String, "by", "at"),
        sql.UniqueConstraint("monitor", "batch", "key"),
    )
