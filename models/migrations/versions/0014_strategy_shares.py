"""Each strategy's share of a position, beside the account's net."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "strategy_share",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("filled_qty", sa.Numeric(38, 18), nullable=False),
        sa.Column("taken_qty", sa.Numeric(38, 18), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", "symbol", "strategy", name="pk_strategy_share"),
    )
    # Fills of before; what foreign orders have moved is nobody's.
    op.execute(
        """
        INSERT INTO strategy_share
        SELECT fill.account, fill.symbol, coalesce(parent_order.strategy, ''),
               sum(CASE fill.side WHEN 'buy' THEN fill.qty ELSE -fill.qty END), 0,
               max(fill.recorded_at)
          FROM fill
          LEFT JOIN child_order USING (child_id)
          LEFT JOIN parent_order ON parent_order.request_id = child_order.request_id
         WHERE fill.exec_type <> 'Funding'
         GROUP BY 1, 2, 3
        """
    )
    # What they closed was taken from the largest shares, as it is from now on.
    op.execute(
        """
        WITH opposed AS (
          SELECT held.account, held.symbol, held.strategy, sign(held.filled_qty) AS way,
                 abs(held.filled_qty) AS qty, abs(nobody.filled_qty) AS closed,
                 sum(abs(held.filled_qty)) OVER (
                   PARTITION BY held.account, held.symbol
                   ORDER BY abs(held.filled_qty) DESC, held.strategy
                 ) AS up_to
            FROM strategy_share AS held
            JOIN strategy_share AS nobody USING (account, symbol)
           WHERE nobody.strategy = '' AND held.filled_qty * nobody.filled_qty < 0
        ), taken AS (
          SELECT account, symbol, strategy,
                 -way * greatest(0, least(qty, closed - (up_to - qty))) AS qty
            FROM opposed
        ), moves AS (
          SELECT * FROM taken
           UNION ALL
          SELECT account, symbol, '', -sum(qty) FROM taken GROUP BY account, symbol
        )
        UPDATE strategy_share AS share SET taken_qty = moves.qty
          FROM moves
         WHERE (share.account, share.symbol, share.strategy)
             = (moves.account, moves.symbol, moves.strategy)
        """
    )


def downgrade() -> None:
    op.drop_table("strategy_share")
