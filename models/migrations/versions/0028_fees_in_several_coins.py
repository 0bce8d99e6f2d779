"""A fill may have cost something in several coins."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint("other_fee_pkey", "other_fee")
    op.create_primary_key("other_fee_pkey", "other_fee", ["account", "exec_id", "coin"])


def downgrade() -> None:
    op.execute(
        "DELETE FROM other_fee a USING other_fee b WHERE a.account = b.account"
        " AND a.exec_id = b.exec_id AND a.coin > b.coin"
    )
    op.drop_constraint("other_fee_pkey", "other_fee")
    op.create_primary_key("other_fee_pkey", "other_fee", ["account", "exec_id"])
