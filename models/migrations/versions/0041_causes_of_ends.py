"""Why orders end, in columns: until now the code read it out of the words for people."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

_CAUSE = """
    CASE
        WHEN {words} IS NULL THEN NULL
        WHEN {words} LIKE 'halt%' THEN 'halted'
        WHEN {words} LIKE 'cancelled by the operator%' THEN 'cancelled_by_operator'
        WHEN {words} LIKE 'cancelled\\_at\\_exchange%' THEN 'cancelled_at_exchange'
        WHEN {words} LIKE 'replaced by exit%' THEN 'replaced_by_exit'
        WHEN {words} = 'no position is left to reduce' THEN 'nothing_to_reduce'
        ELSE 'other'
    END
"""


def upgrade() -> None:
    for name in ("stop_cause", "end_cause"):
        op.add_column("parent_order", sa.Column(name, sa.Text(), nullable=True))
    for name in ("reject_reason", "cancel_type"):
        op.add_column("child_order", sa.Column(name, sa.Text(), nullable=True))
    stop, end = _CAUSE.format(words="stop_reason"), _CAUSE.format(words="end_reason")
    op.execute(
        sa.text(
            f"UPDATE parent_order SET stop_cause = {stop}, end_cause = {end} "
            "WHERE stop_reason IS NOT NULL OR end_reason IS NOT NULL"
        )
    )
    # Of children that are over nobody asks again.
    op.execute(
        sa.text(
            r"""
            UPDATE child_order SET
                reject_reason = substring(note FROM '(?:^|, )(EC_[^,]*)'),
                cancel_type = substring(note FROM '(?:^|, )(?!EC_)([^,]+)')
            WHERE final_at IS NULL AND exchange_status IS NOT NULL AND note IS NOT NULL
            """
        )
    )


def downgrade() -> None:
    for name in ("cancel_type", "reject_reason"):
        op.drop_column("child_order", name)
    for name in ("end_cause", "stop_cause"):
        op.drop_column("parent_order", name)
