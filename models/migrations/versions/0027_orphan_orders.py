"""Orders of others remember the id that they have when it is in our form."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("foreign_order", sa.Column("orphan_link_id", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("foreign_order", "orphan_link_id")
