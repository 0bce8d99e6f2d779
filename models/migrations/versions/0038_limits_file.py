"""Which limits' file the workers run."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a value: the next worker that starts says which.
    op.add_column("account_binding", sa.Column("limits_file_sha256", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("account_binding", "limits_file_sha256")
