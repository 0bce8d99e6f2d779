"""Every prediction with its outcome, and the bets against each model's stated probabilities."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

_MONEY = sa.Numeric(38, 18)
_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "prediction",
        sa.Column("request_id", sa.Text(), primary_key=True),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("stated", sa.Double(), nullable=False),
        sa.Column("predicted_at", _UTC, nullable=False),
        sa.Column("starts_at", _UTC, nullable=False),
        sa.Column("known_at", _UTC, nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("stake", sa.Double(), nullable=False),
        sa.Column("start_price", _MONEY, nullable=True),
        sa.Column("end_price", _MONEY, nullable=True),
        sa.Column("outcome", sa.Double(), nullable=True),
        sa.Column("settled_at", _UTC, nullable=True),
    )
    op.create_index(
        "ix_prediction_open",
        "prediction",
        ["account", "known_at"],
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_index(
        "ix_prediction_stream",
        "prediction",
        ["account", "strategy", "model_version", "symbol", "predicted_at"],
    )
    op.create_table(
        "model_lane",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("strategy", sa.Text(), primary_key=True),
        sa.Column("model_version", sa.Text(), primary_key=True),
        sa.Column("symbol", sa.Text(), primary_key=True),
        sa.Column("lane", sa.Integer(), primary_key=True),
        sa.Column("free_at", _UTC, nullable=False),
        sa.Column("sums", ARRAY(sa.Double()), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("changed_at", _UTC, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("model_lane")
    op.drop_table("prediction")
