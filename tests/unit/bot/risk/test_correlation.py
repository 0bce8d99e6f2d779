"""The part of the book that moves with a trade."""

from dataclasses import replace
from typing import Any

from bot.risk.gate import evaluate
from bot.risk.snapshot import PositionView, RiskSnapshot
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import held


def holding(*positions: PositionView, **changes: Any) -> RiskSnapshot:
    return cases.snapshot(
        portfolio=cases.portfolio(positions=positions, **changes),
        correlations={"ETHUSDT": 0.0},
    )


def test_an_unknown_correlation_counts_as_full() -> None:
    snapshot = replace(holding(held("1", "ETHUSDT", "29000")), correlations={})
    decision = evaluate(cases.intent(), snapshot, cases.LIMITS)
    assert decision.check("correlated_exposure").value == "32000"
    assert "ETHUSDT" in decision.check("correlated_exposure").sentence
    hedged = replace(snapshot, correlations={"ETHUSDT": -1.0})
    assert (
        evaluate(cases.intent(), hedged, cases.LIMITS).check("correlated_exposure").value == "3000"
    )
