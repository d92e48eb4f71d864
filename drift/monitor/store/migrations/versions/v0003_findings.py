"""What people found out."""

import sqlalchemy as sql
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "findings",
        sql.Column("id", sql.Integer(), primary_key=True, autoincrement=True),
        sql.Column("monitor", sql.Integer(), sql.ForeignKey("monitors.id", ondelete="CASCADE"), nullable=False),
        sql.Column("batch", sql.String(), nullable=False),
        sql.Column("key", sql.String(), nullable=False),
        sql.Column("verdict", sql.String(), nullable=False),
        sql.Column("reason", sql.String(), nullable=False),
        sql.Column("note", sql.String(), nullable=False),
        sql.Column("tags", sql.JSON(), nullable=False),
        sql.Column("row", sql.JSON(), nullable=False),
        sql.Column("by", sql.String(), nullable=False),
        sql.Column("at", sql.String(), nullable=False),
        sql.UniqueConstraint("monitor", "batch", "key"),
    )
