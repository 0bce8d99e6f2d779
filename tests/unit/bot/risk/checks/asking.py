"""Asks one check of the gate about a case."""

from datetime import timedelta
from typing import Any

from bot.risk.decision import CheckResult
from bot.risk.gate import evaluate
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import RiskSnapshot, TradeIntent, WorkingView
from models.enums import Algorithm, CheckStatus, TradeSide
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import NOW, D

BUY, SELL = TradeSide.BUY, TradeSide.SELL


PASS, FAIL, UNKNOWN = CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.UNKNOWN


SKIPPED = CheckStatus.SKIPPED


def asked(
    name: str,
    intent: TradeIntent | None = None,
    snapshot: RiskSnapshot | None = None,
    limits: RiskLimits = cases.LIMITS,
) -> CheckResult:
    return evaluate(intent or cases.intent(), snapshot or cases.snapshot(), limits).check(name)


def ago(seconds: float) -> Any:
    return NOW - timedelta(seconds=seconds)


def trading(**changes: Any) -> RiskSnapshot:
    return cases.snapshot(market=cases.market(**changes))


def owning(**changes: Any) -> RiskSnapshot:
    correlations = changes.pop("correlations", {})
    return cases.snapshot(portfolio=cases.portfolio(**changes), correlations=correlations)


def ruled(**changes: Any) -> RiskSnapshot:
    return cases.snapshot(instrument=cases.instrument(**changes))


def works(
    symbol: str, side: TradeSide, qty: str, notional: str, *, only_reduces: bool = False
) -> WorkingView:
    return WorkingView(symbol, side, D(qty), D(notional), only_reduces)


def twap(horizon: float, interval: float, **changes: Any) -> TradeIntent:
    return cases.intent(
        algorithm=Algorithm.TWAP,
        horizon_seconds=horizon,
        interval_seconds=interval,
        expires_at=changes.pop("expires_at", None),
        **changes,
    )
