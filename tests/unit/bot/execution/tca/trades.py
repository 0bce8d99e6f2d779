"""Small trades around a price of 100, for the tests of their costs."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bot.market.bars import Bar
from bot.tca.shortfall import FillPart
from bot.tca.trade import Child, Expectation, Fill, Trade
from models.documents.orders import Arrival
from models.enums import TradeSide

D = Decimal
T0 = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def child(
    slot: int,
    *fills: FillPart,
    sent: float | None = 0.0,
    touch: tuple[str, str] | None = ("99", "101"),
    qty: str = "10",
) -> Child:
    return Child(
        order_link_id=f"c-{slot}",
        slot=slot,
        attempt=0,
        qty=D(qty),
        state="filled",
        planned_at=T0,
        sent_at=None if sent is None else at(sent),
        acked_at=None if sent is None else at(sent + 0.05),
        final_at=None,
        arrival=None if touch is None else Arrival(D(touch[0]), D(touch[1]), at((sent or 0) - 0.2)),
        fills=tuple(Fill(part, at((sent or 0) + 0.1)) for part in fills),
    )


def trade(
    *children: Child,
    side: TradeSide = TradeSide.BUY,
    qty: str = "10",
    decision: str = "100",
    finished: float | None = 60.0,
) -> Trade:
    return Trade(
        request_id="r-1",
        strategy="s",
        algorithm="twap",
        symbol="BTCUSDT",
        side=side,
        state="completed",
        is_final=True,
        approved_qty=D(qty),
        decided_at=T0,
        finished_at=None if finished is None else at(finished),
        decision_price=D(decision),
        decision_basis="mid at the decision",
        expected=Expectation(3.0, D(1_000_000), 0.02),
        children=children,
    )


def part(qty: str, price: str, fee: str = "0", *, maker: bool = False) -> FillPart:
    return FillPart(D(qty), D(price), D(fee), maker)


def minutes(*prices: str, volume: str = "60") -> list[Bar]:
    return [
        Bar(at(60 * i), D(p), D(p), D(p), D(p), D(volume), D(p) * D(volume))
        for i, p in enumerate(prices)
    ]
