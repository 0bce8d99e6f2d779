"""Counts of rows by their state, kept with every change instead of counted anew."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_COUNTED = (
    ("trade_request", "status"),
    ("decision", "verdict"),
    ("parent_order", "state"),
    ("child_order", "state"),
    ("fill", "source"),
)


def upgrade() -> None:
    op.create_table(
        "tally",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), primary_key=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "tally_change",
        sa.Column("change_id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
    )
    for table, column in _COUNTED:
        op.execute(
            f"INSERT INTO tally (name, value, count)"
            f" SELECT '{table}', {column}, count(*) FROM {table} GROUP BY {column}"
        )
        _count_changes(table, column)


def _count_changes(table: str, column: str) -> None:
    """New rows are counted once for each statement, a schedule's hundred children together."""
    op.execute(
        f"CREATE FUNCTION tally_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF TG_OP = 'INSERT' THEN"
        f" INSERT INTO tally_change (name, value, change)"
        f" SELECT '{table}', {column}, count(*) FROM added GROUP BY {column};"
        f" RETURN NULL;"
        f" END IF;"
        f" IF TG_OP = 'DELETE' THEN"
        f" INSERT INTO tally_change (name, value, change)"
        f" SELECT '{table}', {column}, -count(*) FROM removed GROUP BY {column};"
        f" RETURN NULL;"
        f" END IF;"
        f" INSERT INTO tally_change (name, value, change)"
        f" VALUES ('{table}', OLD.{column}, -1), ('{table}', NEW.{column}, 1);"
        f" RETURN NULL;"
        f" END $$"
    )
    op.execute(
        f"CREATE TRIGGER tally_added AFTER INSERT ON {table} REFERENCING NEW TABLE AS added"
        f" FOR EACH STATEMENT EXECUTE FUNCTION tally_{table}()"
    )
    op.execute(
        f"CREATE TRIGGER tally_removed AFTER DELETE ON {table} REFERENCING OLD TABLE AS removed"
        f" FOR EACH STATEMENT EXECUTE FUNCTION tally_{table}()"
    )
    op.execute(
        f"CREATE TRIGGER tally_changed AFTER UPDATE OF {column} ON {table} FOR EACH ROW"
        f" WHEN (OLD.{column} IS DISTINCT FROM NEW.{column})"
        f" EXECUTE FUNCTION tally_{table}()"
    )


def downgrade() -> None:
    for table, _ in _COUNTED:
        for trigger in ("tally_changed", "tally_removed", "tally_added"):
            op.execute(f"DROP TRIGGER {trigger} ON {table}")
        op.execute(f"DROP FUNCTION tally_{table}()")
    op.drop_table("tally_change")
    op.drop_table("tally")
