"""Each sizing factor follows its curve; one that can't be measured leaves no size."""

from typing import Any

import pytest

from bot.risk.gate import evaluate
from models.enums import (
    Verdict,
)
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D, held

FACTORS = [
    ("confidence", {"model": cases.model(confidence=0.7)}, {}, "0.617"),
    ("uncertainty", {"model": cases.model(uncertainty=0.4)}, {}, "0.75"),
    ("volatility", {}, {"market": cases.market(volatility=0.06)}, "0.75"),
    (
        "liquidity",
        {},
        {"market": cases.market(bid=D("29985"), ask=D("30015"))},
        "0.5",
    ),
    ("drawdown", {}, {"portfolio": cases.portfolio(equity=D("94000"))}, "0.5"),
    (
        "correlation",
        {},
        {
            "portfolio": cases.portfolio(positions=(held("0.75", "ETHUSDT"),)),
            "correlations": {"ETHUSDT": 0.9},
        },
        "0.5",
    ),
    ("recovery", {}, {"recovery_share": 0.25}, "0.25"),
]


@pytest.mark.parametrize(("name", "terms", "seen", "value"), FACTORS, ids=lambda x: str(x)[:20])
def test_each_factor_follows_its_curve(
    name: str, terms: dict[str, Any], seen: dict[str, Any], value: str
) -> None:
    decision = evaluate(cases.intent(**terms), cases.snapshot(**seen), cases.LIMITS)
    factors = {factor.name: factor for factor in decision.factors}
    assert round(factors[name].value, 3) == D(value)
    assert [other for other, f in factors.items() if f.value < 1] == [name]
    assert name in factors[name].sentence


@pytest.mark.parametrize(
    ("name", "terms", "seen"),
    [
        ("confidence", {"model": cases.model(confidence=None)}, {}),
        ("confidence", {"model": cases.model(confidence=1.5)}, {}),
        ("uncertainty", {"model": cases.model(uncertainty=-0.5)}, {}),
        ("volatility", {}, {"market": cases.market(volatility=None)}),
        ("liquidity", {}, {"market": cases.market(bid=None)}),
        ("drawdown", {}, {"portfolio": cases.portfolio(equity_peak=None)}),
        ("drawdown", {}, {"portfolio": cases.portfolio(equity=None)}),
        (
            "correlation",
            {},
            {"portfolio": cases.portfolio(equity=None, positions=(held("1", "ETHUSDT"),))},
        ),
        ("recovery", {}, {"recovery_share": 1.5}),
        ("recovery", {}, {"recovery_share": -0.5}),
    ],
    ids=lambda x: str(x)[:20],
)
def test_a_factor_that_cant_be_measured_leaves_no_size(
    name: str, terms: dict[str, Any], seen: dict[str, Any]
) -> None:
    decision = evaluate(cases.intent(**terms), cases.snapshot(**seen), cases.LIMITS)
    (factor,) = (f for f in decision.factors if f.name == name)
    assert factor.value == 0
    assert "could not be measured" in factor.sentence
    assert decision.verdict is Verdict.DENY
