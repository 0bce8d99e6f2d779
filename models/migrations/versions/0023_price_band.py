"""What the venue's price band is made of, beside the other trading rules of an instrument."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("price_limit_x", "price_limit_y"):
        column = sa.Column(name, sa.Numeric(precision=38, scale=18), nullable=True)
        op.add_column("instrument", column)


def downgrade() -> None:
    op.drop_column("instrument", "price_limit_y")
    op.drop_column("instrument", "price_limit_x")
