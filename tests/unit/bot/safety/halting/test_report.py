"""A halt's report is plain JSON, and names what it can't prove."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from bot.safety.halting.report import HaltReport, facts_of
from models.enums import TradingState

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
REPORT = HaltReport(
    scope="global:*",
    state=TradingState.HALTED,
    already_halted=False,
    latched_at=AT,
    sealed_at=None,
    parents_stopped=2,
    children_cancelled=3,
    exits_under_way=1,
    unresolved=("mr-1",),
    orders_cancelled=4,
    tasks_revoked=0,
    problems=("working orders may remain",),
)


def test_a_report_survives_json_with_every_field() -> None:
    facts = json.loads(json.dumps(facts_of(REPORT)))
    assert facts.keys() == set(HaltReport.__slots__)
    assert facts["latched_at"] == "2026-11-30T12:00:00+00:00"
    assert facts["state"] == "halted"
    assert facts["unresolved"] == ["mr-1"]


def test_what_is_not_proven_is_null_and_no_time() -> None:
    facts = facts_of(REPORT)
    assert facts["sealed_at"] is None and facts["clean_at"] is None
    assert facts_of(replace(REPORT, sealed_at=AT))["sealed_at"] == AT.isoformat()
