"""How often a parent's steps have failed in a row, and why the last one did."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "parent_order",
        sa.Column("step_failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("parent_order", sa.Column("failure", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("parent_order", "failure")
    op.drop_column("parent_order", "step_failures")
