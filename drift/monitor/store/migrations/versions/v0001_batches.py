"""Batches, references, and how far one is from the other."""

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "monitors",
        sql.Column("id", sql.Integer(), primary_key=True, autoincrement=True),
        sql.Column("name", sql.String(), nullable=False, unique=True),
        sql.Column("columns", sql.JSON(), nullable=False),
        sql.Column("slices", sql.JSON(), nullable=False),
        sql.Column("began_at", sql.String(), nullable=False),
    )
    op.create_table(
        "batches",
        sql.Column("id", sql.Integer(), primary_key=True, autoincrement=True),
        sql.Column("monitor", sql.Integer(), sql.ForeignKey("monitors.id", ondelete="CASCADE"), nullable=False),
        sql.Column("name", sql.String(), nullable=False),
        sql.Column("at", sql.Float(), nullable=False),
        sql.Column("first_time", sql.String(), nullable=True),
        sql.Column("last_time", sql.String(), nullable=True),
        sql.Column("rows", sql.Integer(), nullable=False),
        sql.Column("known", sql.Integer(), nullable=False),
        sql.Column("digest", sql.String(), nullable=False),
        sql.Column("truth_digest", sql.String(), nullable=False),
        sql.Column("source", sql.String(), nullable=False),
        sql.Column("versions", sql.JSON(), nullable=False),
        sql.Column("quality", sql.JSON(), nullable=False),
        sql.Column("ingested_at", sql.String(), nullable=False),
        sql.UniqueConstraint("monitor", "name"),
    )
    op.create_index("batches_in_order", "batches", ["monitor", "at", "id"])
    op.create_table(
        "parts",
        sql.Column("batch", sql.Integer(), sql.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
        sql.Column("part", sql.Integer(), primary_key=True),
        sql.Column("rows", sql.Integer(), nullable=False),
        sql.Column("hashes", sql.LargeBinary(), nullable=False),
        sql.Column("body", sql.LargeBinary(), nullable=False),
    )
    op.create_table(
        "measures",
        sql.Column("batch", sql.Integer(), sql.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
        sql.Column("name", sql.String(), primary_key=True),
        sql.Column("of_class", sql.String(), primary_key=True),
        sql.Column("of_slice", sql.String(), primary_key=True),
        sql.Column("value", sql.Float(), nullable=False),
        sql.Column("low", sql.Float(), nullable=True),
        sql.Column("high", sql.Float(), nullable=True),
        sql.Column("rows", sql.Integer(), nullable=False),
    )
    op.create_table(
        "references",
        sql.Column("id", sql.Integer(), primary_key=True, autoincrement=True),
        sql.Column("monitor", sql.Integer(), sql.ForeignKey("monitors.id", ondelete="CASCADE"), nullable=False),
        sql.Column("version", sql.Integer(), nullable=False),
        sql.Column("name", sql.String(), nullable=False),
        sql.Column("chosen", sql.String(), nullable=False),
        sql.Column("rows", sql.Integer(), nullable=False),
        sql.Column("inputs", sql.JSON(), nullable=False),
        sql.Column("labels", sql.JSON(), nullable=True),
        sql.Column("groups", sql.JSON(), nullable=False),
        sql.Column("measures", sql.JSON(), nullable=False),
        sql.Column("losses", sql.LargeBinary(), nullable=False),
        sql.Column("large_error", sql.Float(), nullable=True),
        sql.Column("sample", sql.LargeBinary(), nullable=False),
        sql.Column("agreed_by", sql.String(), nullable=False),
        sql.Column("agreed_at", sql.String(), nullable=False),
        sql.Column("why", sql.String(), nullable=False),
        sql.Column("promise", sql.JSON(), nullable=False),
        sql.UniqueConstraint("monitor", "version"),
    )
    op.create_table(
        "drifts",
        sql.Column("batch", sql.Integer(), sql.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
        sql.Column("reference", sql.Integer(), sql.ForeignKey("references.id", ondelete="CASCADE"), primary_key=True),
        sql.Column("inputs", sql.JSON(), nullable=False),
        sql.Column("labels", sql.JSON(), nullable=True),
        sql.Column("joint_p_value", sql.Float(), nullable=True),
        sql.Column("joint_rows", sql.Integer(), nullable=True),
    )
    op.create_table(
        "distances",
        sql.Column("batch", sql.Integer(), sql.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
        sql.Column("reference", sql.Integer(), sql.ForeignKey("references.id", ondelete="CASCADE"), primary_key=True),
        sql.Column("signal", sql.String(), primary_key=True),
        sql.Column("kl", sql.Float(), nullable=False),
        sql.Column("kl_threshold", sql.Float(), nullable=False),
        sql.Column("jensen_shannon", sql.Float(), nullable=False),
        sql.Column("js_threshold", sql.Float(), nullable=False),
        sql.Column("psi", sql.Float(), nullable=False),
        sql.Column("hellinger", sql.Float(), nullable=False),
        sql.Column("wasserstein", sql.Float(), nullable=True),
        sql.Column("p_value", sql.Float(), nullable=False),
        sql.Column("test", sql.String(), nullable=False),
        sql.Column("statistic", sql.Float(), nullable=False),
        sql.Column("test_p_value", sql.Float(), nullable=False),
        sql.Column("limit", sql.Float(), nullable=False),
        sql.Column("bad", sql.Boolean(), nullable=False),
    )
    op.create_index("distances_of_signal", "distances", ["reference", "signal"])
    op.create_table(
        "limits",
        sql.Column("reference", sql.Integer(), sql.ForeignKey("references.id", ondelete="CASCADE"), primary_key=True),
        sql.Column("signal", sql.String(), primary_key=True),
        sql.Column("rows", sql.Integer(), primary_key=True),
        sql.Column("value", sql.Float(), nullable=False),
    )
    op.create_table(
        "truths",
        sql.Column("monitor", sql.Integer(), sql.ForeignKey("monitors.id", ondelete="CASCADE"), primary_key=True),
        sql.Column("key", sql.String(), primary_key=True),
        sql.Column("truth", sql.String(), nullable=False),
        sql.Column("came_at", sql.String(), nullable=False),
    )
