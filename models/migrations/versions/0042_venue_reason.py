"""Why the exchange ended a child, in mlrisk's words; Bybit's own two words stay in the note."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

# Bybit's words that decide about an order's rest, in both columns; the gravest reason first, as
# `bot.exchange.bybit.reasons` had it. Any other word is "other", none is "unstated".
_WORDS = {
    "account": ("CancelByAdmin", "CancelByAccountBlocking"),
    "liquidation": ("CancelByPrepareLiq", "CancelAllBeforeLiq"),
    "auto_deleveraging": ("CancelByPrepareAdl", "CancelAllBeforeAdl"),
    "symbol_settlement": ("CancelBySettle", "CancelByDelivery"),
    "symbol": ("EC_InvalidSymbolStatus", "EC_InCallAuctionStatus", "EC_SecurityStatusFail"),
    "margin": ("CancelByCannotAffordOrderCost",),
    "no_liquidity": (
        *("CancelByCrossReachMaxTradeNum", "EC_NoImmediateQtyToFill", "EC_NoEnoughQtyToFill"),
        *("EC_CancelForNoFullFill", "EC_ReachMaxTradeNum"),
    ),
    "price": (
        *("EC_LimitOrderInvalidPrice", "EC_InvalidPriceScale"),
        *("EC_ReachRiskPriceLimit", "EC_ReachMarketPriceLimit"),
    ),
    "would_take": ("EC_PostOnlyWillTakeLiquidity",),
    "disconnected": ("CancelByDCP",),
    "requested": ("CancelByUser", "EC_PerCancelRequest", "EC_CancelReplaceOrder"),
}
_ENDED = "final_at IS NULL AND exchange_status IN ('filled', 'cancelled', 'rejected')"


def upgrade() -> None:
    op.add_column("child_order", sa.Column("venue_reason", sa.Text(), nullable=True))
    whens = " ".join(
        f"WHEN cancel_type IN ({words}) OR reject_reason IN ({words}) THEN '{reason}'"
        for reason, known in _WORDS.items()
        if (words := ", ".join(f"'{word}'" for word in known))
    )
    # Only children whose end is known and whose fills are still missing are asked again.
    op.execute(
        sa.text(
            "UPDATE child_order SET venue_reason = CASE"
            f" WHEN cancel_type = 'CancelByReduceOnly' THEN 'nothing_to_reduce' {whens}"
            " WHEN coalesce(cancel_type, 'UNKNOWN') = 'UNKNOWN'"
            " AND coalesce(reject_reason, 'EC_NoError') = 'EC_NoError' THEN 'unstated'"
            f" ELSE 'other' END WHERE {_ENDED}"
        )
    )
    for name in ("cancel_type", "reject_reason"):
        op.drop_column("child_order", name)


def downgrade() -> None:
    for name in ("reject_reason", "cancel_type"):
        op.add_column("child_order", sa.Column(name, sa.Text(), nullable=True))
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
    op.drop_column("child_order", "venue_reason")
