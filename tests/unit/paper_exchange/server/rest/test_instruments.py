from dataclasses import replace
from decimal import Decimal

from paper_exchange.engine.settings import EngineSettings
from paper_exchange.server.rest.instruments import instrument_record, risk_limit_rows
from tests.unit.paper_exchange.server.market_script import SPEC


def test_rules_in_force_win_over_the_sources_own_reply() -> None:
    raw = {
        "symbolId": 5,
        "status": "Trading",
        "lotSizeFilter": {"qtyStep": "9", "postOnlyMaxOrderQty": "7", "extra": "kept"},
    }
    changed = replace(SPEC, raw=raw, status="Delivering", min_qty=Decimal("0.10"))
    record = instrument_record(changed)
    assert record["symbolId"] == 5
    assert record["status"] == "Delivering"
    assert record["lotSizeFilter"]["minOrderQty"] == "0.10"
    assert record["lotSizeFilter"]["qtyStep"] == "0.01"
    assert record["lotSizeFilter"]["extra"] == "kept"
    assert record["fundingInterval"] == 480


def test_a_spot_instrument_has_a_precision_and_no_step() -> None:
    record = instrument_record(replace(SPEC, category="spot"))
    assert record["lotSizeFilter"]["basePrecision"] == "0.01"
    assert "qtyStep" not in record["lotSizeFilter"]
    assert "leverageFilter" not in record


def test_risk_tiers_rise_and_the_first_is_marked() -> None:
    rows = risk_limit_rows(SPEC, EngineSettings())
    assert [row["isLowestRisk"] for row in rows[:2]] == [1, 0]
    limits = [Decimal(row["riskLimitValue"]) for row in rows]
    assert limits == sorted(limits)
    assert not any("E" in str(value) for row in rows for value in row.values() if value != "")
