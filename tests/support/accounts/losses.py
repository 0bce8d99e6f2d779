"""Wallets that lose money, and what the monitor makes of them."""

from dataclasses import replace
from decimal import Decimal

from bot.safety.breakers.evaluator import BreakerEvaluator
from bot.safety.monitor import Monitor
from models.enums import ScopeKind, TradingState
from models.repositories.safety import bases, states
from models.tables import EquityDayRow
from tests.support.desk import ACCOUNT, Desk


def account_state(desk: Desk) -> TradingState:
    with desk.db.reading() as session:
        rows = states.applicable_states(session, ACCOUNT, "test", "BTCUSDT")
    return next(
        (TradingState(r.state) for r in rows if r.scope_kind == ScopeKind.ACCOUNT),
        TradingState.ACTIVE,
    )


def judge(desk: Desk) -> None:
    """One look of the evaluator at the account's breakers, as after a reading of the wallet."""
    BreakerEvaluator(
        db=desk.db,
        account=ACCOUNT,
        symbols=(),
        market=desk.market,
        limits=desk.limits,
        clock=desk.clock,
        production=True,
        follow=lambda _report: None,
    ).evaluate()


def lose(desk: Desk, _monitor: Monitor, equity: str, times: int) -> None:
    wallet = desk.exchange.wallet()
    desk.exchange.wallet = lambda: replace(wallet, equity=Decimal(equity))  # type: ignore[method-assign]
    for _ in range(times):
        desk.pass_time(3)
        judge(desk)


def read(desk: Desk, _monitor: Monitor, *equities: str) -> None:
    """One wallet after the other, each judged, three seconds apart."""
    wallet = desk.exchange.wallet()
    for equity in equities:
        found = replace(wallet, equity=Decimal(equity))
        desk.exchange.wallet = lambda found=found: found  # type: ignore[method-assign,misc]
        desk.pass_time(3)
        judge(desk)


def day(desk: Desk) -> EquityDayRow:
    with desk.db.reading() as session:
        found = bases.newest_day(session, ACCOUNT)
    assert found is not None
    return found
