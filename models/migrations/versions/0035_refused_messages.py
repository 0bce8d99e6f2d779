"""How many messages were refused, by sender, reason and minute."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "refused_messages",
        sa.Column("minute", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("sender", sa.Text(), primary_key=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_summed", sa.Boolean(), nullable=False),
    )
    op.create_index(
        "ix_refused_messages_open",
        "refused_messages",
        ["minute"],
        postgresql_where=sa.text("NOT is_summed"),
    )
    # Until now each had an audit entry of its own; nobody asks further back than some days.
    op.execute(
        "INSERT INTO refused_messages (minute, kind, sender, count, last_at, is_summed)"
        " SELECT date_trunc('minute', at), kind, 'unknown', count(*), max(at), true"
        " FROM audit_entry WHERE at > now() - interval '7 days' AND kind IN"
        " ('bad_message', 'request_id_taken', 'signature_missing', 'signature_invalid',"
        " 'signature_expired', 'signature_outdated') GROUP BY 1, 2"
    )


def downgrade() -> None:
    op.drop_table("refused_messages")
