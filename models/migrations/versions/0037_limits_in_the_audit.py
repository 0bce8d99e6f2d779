"""The audit entry that put a version of the limits in force is found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_audit_config",
        "audit_entry",
        ["seq"],
        postgresql_where=sa.text("kind = 'config_changed'"),
    )


def downgrade() -> None:
    op.drop_index("ix_audit_config", "audit_entry")
