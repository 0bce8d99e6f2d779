"""What is written is read back, and anything else is refused by place."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from bot.risk.codec import Unreadable, canonical_bytes, from_json, to_json
from bot.risk.decision import Decision
from bot.risk.gate import evaluate
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import (
    AlgorithmOptions,
    PortfolioView,
    RiskSnapshot,
    TradeIntent,
    WorkingView,
)
from models.enums import Algorithm, TradeSide
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import NOW, D


def rich_snapshot() -> RiskSnapshot:
    return cases.snapshot(
        portfolio=cases.portfolio(
            positions=(cases.held("0.1"),),
            working=(WorkingView("ETHUSDT", TradeSide.SELL, D("1E+3"), D("0E-8"), True),),
        ),
        correlations={"ETHUSDT": 0.1, "SOLUSDT": math.nan},
    )


@pytest.mark.parametrize("record", [cases.intent(), cases.LIMITS, rich_snapshot()])
def test_a_record_survives_the_way_through_text(record: Any) -> None:
    text = canonical_bytes(to_json(record))
    again = from_json(type(record), json.loads(text))
    assert canonical_bytes(to_json(again)) == text


def test_decimals_keep_every_digit_and_no_exponent() -> None:
    intent = cases.intent(notional=D("1E+3"), limit_price=D("0.00000000000000000010"))
    data = to_json(intent)
    assert data["notional"] == "1000"
    assert data["limit_price"] == "0.00000000000000000010"
    assert from_json(TradeIntent, data) == intent


def test_how_a_strategy_wants_its_trade_worked_is_read_back() -> None:
    options = AlgorithmOptions(
        display_notional=D("500.0"),
        backup_ladders={"price": ("retry", "reduce_size")},
        fallback_algorithm=Algorithm.TWAP,
    )
    intent = cases.intent(options=options)
    assert from_json(TradeIntent, json.loads(canonical_bytes(to_json(intent)))) == intent


def test_numbers_that_json_lacks_are_words() -> None:
    data = to_json(rich_snapshot())
    assert data["correlations"]["SOLUSDT"] == "nan"
    assert math.isnan(from_json(RiskSnapshot, data).correlations["SOLUSDT"])


def test_floats_are_read_from_integers_too() -> None:
    """JSON stores turn 1.0 into 1."""
    data = to_json(cases.snapshot()) | {"recovery_share": 1}
    again = from_json(RiskSnapshot, data)
    assert isinstance(again.recovery_share, float)
    assert canonical_bytes(to_json(again)) == canonical_bytes(to_json(cases.snapshot()))


def test_a_naive_time_stays_naive_so_that_replay_refuses_it_again() -> None:
    snapshot = cases.snapshot(market=cases.market(as_of=NOW.replace(tzinfo=None)))
    again = from_json(RiskSnapshot, to_json(snapshot))
    assert again == snapshot
    before = evaluate(cases.intent(), snapshot, cases.LIMITS)
    assert not before.approved
    assert to_json(evaluate(cases.intent(), again, cases.LIMITS)) == to_json(before)


def test_a_stored_decision_shows_the_texts_of_then() -> None:
    decision = evaluate(cases.intent(notional=D("30000")), rich_snapshot(), cases.LIMITS)
    data = to_json(decision)
    data["checks"][1]["sentence"] = "What was said last year."
    again = from_json(Decision, data)
    assert again.checks[1].sentence == "What was said last year."
    assert to_json(again) == data
    assert again.verdict is decision.verdict
    assert again.factors[0].sentence == decision.factors[0].sentence


def test_every_check_is_written_with_its_numbers_and_words() -> None:
    decision = evaluate(cases.intent(), cases.snapshot(), cases.LIMITS)
    for check in to_json(decision)["checks"]:
        assert check.keys() == {
            "name",
            "status",
            "reason",
            "value",
            "limit",
            "margin",
            "unit",
            "needed",
            "sentence",
            "data_age_seconds",
            "cap",
        }
        assert check["sentence"].endswith(".")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ({"surprise": 1}, "unknown surprise"),
        ({"equity": 100000}, "a decimal is written as a string"),
        ({"equity": "much"}, "'much' is not readable"),
        ({"positions": {}}, "a list is expected"),
        ({"as_of": "yesterday"}, "'yesterday' is not readable"),
        ({"consecutive_losses": "2"}, "is not int"),
        ({"consecutive_losses": True}, "is not int"),
        ({"positions": [[]]}, "an object is expected"),
        ({"working": [{"symbol": "X"}]}, "notional, qty, side missing"),
    ],
)
def test_what_was_not_written_by_us_is_refused_by_place(spoil: Any, message: str) -> None:
    data = to_json(cases.portfolio()) | spoil
    with pytest.raises(Unreadable, match=message):
        from_json(PortfolioView, data)


def test_wrong_words_numbers_and_lengths_are_refused() -> None:
    data = to_json(cases.snapshot())
    with pytest.raises(Unreadable, match="side"):
        from_json(TradeIntent, to_json(cases.intent()) | {"side": "hold"})
    with pytest.raises(Unreadable, match="not a number"):
        from_json(RiskSnapshot, data | {"recovery_share": True})
    with pytest.raises(Unreadable, match="2 values expected, 1 found"):
        from_json(RiskSnapshot, data | {"market": data["market"] | {"bids": [["1"]]}})
    with pytest.raises(TypeError, match="is not one of the gate's records"):
        to_json([cases.LIMITS])
    with pytest.raises(TypeError, match="no canonical JSON for object"):
        to_json(replace(cases.intent(), request_id=object()))


def test_limits_are_written_in_one_order() -> None:
    one = cases.limits(hard_caps=frozenset(["b", "a", "c"]))
    other = cases.limits(hard_caps=frozenset(["c", "b", "a"]))
    assert canonical_bytes(to_json(one)) == canonical_bytes(to_json(other))
    assert from_json(RiskLimits, to_json(one)) == one
