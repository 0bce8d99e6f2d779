"""Looks in vain for an order that the exchange has acknowledged."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "child_order",
        sa.Column("absences", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("child_order", sa.Column("absent_since", _TIME, nullable=True))
    op.add_column("child_order", sa.Column("look_at", _TIME, nullable=True))


def downgrade() -> None:
    for name in ("look_at", "absent_since", "absences"):
        op.drop_column("child_order", name)
