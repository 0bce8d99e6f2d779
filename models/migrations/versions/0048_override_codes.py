"""Single-use override codes, and the count of an operator's refused ones."""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "operator",
        sa.Column("code_failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column(
        "operator", sa.Column("codes_locked_until", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_table(
        "override_code",
        sa.Column("code_id", sa.Text(), nullable=False),
        sa.Column("operator_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("kdf", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("derived", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("code_id"),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.operator_id"]),
        sa.CheckConstraint("action IN ('recover', 'confirm')", name="ck_override_code_action"),
    )


def downgrade() -> None:
    op.drop_table("override_code")
    op.drop_column("operator", "codes_locked_until")
    op.drop_column("operator", "code_failures")
