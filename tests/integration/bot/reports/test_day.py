"""A day's facts come from the rows of that day and of no other."""

from datetime import timedelta
from decimal import Decimal

import pytest

from bot.reports.day import Day, day_facts, is_empty, summary
from bot.risk.limits import RiskLimits
from bot.safety.halting.halt import TradingHalt
from models.repositories import portfolio
from tests.support.desk import ACCOUNT
from tests.support.operators import operator
from tests.support.scene import Scene

pytestmark = pytest.mark.services

D = Decimal


def read_wallet(scene: Scene, equity: str) -> None:
    money = D(equity)
    with scene.db.transaction() as session:
        portfolio.record_equity(
            session,
            ACCOUNT,
            scene.clock.now(),
            equity=money,
            wallet_balance=money,
            available=money,
            unrealised_pnl=D(0),
        )


def test_a_day_has_its_decisions_fills_money_acts_and_alerts_and_no_other_days(
    scene: Scene,
) -> None:
    read_wallet(scene, "100000")
    scene.trade("r-1")
    assert scene.decide("r-2", predictions={"confidence": 0.1})["verdict"] == "deny"
    scene.advance(60)
    read_wallet(scene, "99000")
    TradingHalt(scene.db, scene.clock).halt(reason="drill", actor=operator("ann"))
    today = scene.clock.now().date()
    with scene.db.reading() as session:
        facts = day_facts(session, Day(ACCOUNT, today, RiskLimits()))
        before = day_facts(session, Day(ACCOUNT, today - timedelta(days=1), RiskLimits()))
        after = day_facts(session, Day(ACCOUNT, today + timedelta(days=1), RiskLimits()))
    decisions = facts["decisions"]
    assert (decisions["total"], decisions["allowed"], decisions["denied"]) == (2, 1, 1)
    assert "insufficient_confidence" in decisions["by_reason"]
    assert facts["value_of_blocks"] == "Value of blocks: no block has been judged."
    assert facts["fills"]["count"] >= 1
    assert facts["fills"]["notional"] == sum(
        one["notional"] for one in facts["fills"]["by_symbol"].values()
    )
    assert [one["trades"] for one in facts["costs"]["by_algorithm"]] == [1]
    assert facts["money"]["end"] == D("99000")
    assert len(facts["money"]["equity"]) >= 1
    assert facts["money"]["comparable_since"] is None
    assert facts["newest"] == scene.clock.now()
    assert facts["states"]["entries"][0]["reason"] == "drill"
    assert facts["operators"]["entries"][0]["actor"] == "operator:ann"
    assert facts["alerts"]["by_level"] == {"critical": 1}
    assert summary(facts).startswith(f"day {today} of paper: 2 decisions, 1 denied, ")
    assert not is_empty(facts)
    for other in (before, after):
        assert is_empty(other)
        assert other["decisions"]["total"] == other["fills"]["count"] == 0
        assert other["costs"]["by_algorithm"] == []
        assert other["operators"]["count"] == other["alerts"]["count"] == 0
        assert other["lateness_ms"] == {"p50": None, "p99": None}
        assert other["newest"] is None
