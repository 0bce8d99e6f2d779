"""An evaluator of breakers on a desk, and trades that lose."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from bot.safety.breakers.evaluator import BreakerEvaluator, BreakerReport
from bot.safety.breakers.markets import BarFigures
from models.enums import ScopeKind
from models.tables import BreakerRow, BreakerTripRow
from tests.support.desk import ACCOUNT, Desk

D = Decimal


@dataclass
class Watch:
    """An evaluator and its wallet; every look is three seconds after the one before."""

    desk: Desk
    production: bool = False
    stops: list[tuple[str, bool]] = field(default_factory=list)

    def evaluator(self) -> BreakerEvaluator:
        """A new one each time, as after a restart."""
        return BreakerEvaluator(
            db=self.desk.db,
            account=ACCOUNT,
            symbols=("BTCUSDT",),
            market=self.desk.market,
            limits=self.desk.limits,
            clock=self.desk.clock,
            production=self.production,
            follow=lambda report: self.stops.append((str(report.stopped), report.flatten)),
        )

    def look(self, times: int = 1, seconds: float = 3) -> BreakerReport:
        for _ in range(times):
            self.desk.pass_time(seconds)
            report = self.evaluator().evaluate()
            assert report is not None
        return report

    def equity(self, equity: str, times: int = 3) -> BreakerReport:
        found = replace(self.desk.exchange.wallet(), equity=D(equity))
        self.desk.exchange.wallet = lambda: found  # type: ignore[method-assign]
        return self.look(times)

    def rules(self, **changes: Any) -> None:
        self.desk.limits.change(breakers=replace(self.desk.limits.value.breakers, **changes))

    def row(
        self, kind: str, scope: tuple[ScopeKind, str] = (ScopeKind.ACCOUNT, ACCOUNT)
    ) -> BreakerRow:
        with self.desk.db.reading() as session:
            return session.get_one(BreakerRow, (*scope, kind))

    def trips(self) -> list[BreakerTripRow]:
        with self.desk.db.reading() as session:
            return list(session.scalars(select(BreakerTripRow).order_by(BreakerTripRow.trip_id)))

    def tripped(self) -> set[str]:
        with self.desk.db.reading() as session:
            return set(session.scalars(select(BreakerRow.kind).where(BreakerRow.tripped)))


def trade(desk: Desk, request_id: str, side: str, price: str) -> None:
    desk.pass_time(1)
    desk.approve(request_id, side=side, signal_data={"position_size": "1000"})
    desk.send_due()
    fills = desk.exchange.fills
    fills[-1] = replace(fills[-1], price=D(price))
    desk.stream()


def lose_in_a_row(desk: Desk, count: int, name: str = "x") -> None:
    for number in range(count):
        trade(desk, f"buy-{name}-{number}", "buy", "65000")
        trade(desk, f"sell-{name}-{number}", "sell", "64950")


def trip_correlation(watch: Watch) -> None:
    watch.evaluator().note_figures(BarFigures(watch.desk.clock.now(), {}, 0.5))
    watch.look()
    watch.evaluator().note_figures(BarFigures(watch.desk.clock.now(), {}, 0.1))
