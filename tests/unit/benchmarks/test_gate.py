"""The gate's benchmark decides a trade that passes, in a book that is not empty."""

from benchmarks.gate import busy_book, measure
from bot.risk.gate import evaluate
from bot.risk.limits import RiskLimits
from models.enums import Verdict


def test_the_measured_trade_passes_beside_other_positions_and_orders() -> None:
    limits = RiskLimits()
    case = busy_book(limits)
    assert evaluate(case.intent, case.snapshot, limits).verdict is Verdict.ALLOW
    portfolio, market = case.snapshot.portfolio, case.snapshot.market
    assert portfolio is not None and market is not None
    assert len(portfolio.positions) >= 2
    assert len(portfolio.working) == 1
    assert len(market.asks) == 10


def test_every_measured_call_is_made_and_quantiles_are_in_order() -> None:
    calls: list[int] = []
    figures = measure(lambda: calls.append(1), 100)
    assert len(calls) == 200
    assert figures["min"] <= figures["p50"] <= figures["p99"] <= figures["p99_9"]
