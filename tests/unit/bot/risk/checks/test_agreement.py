"""The market view against what the exchange told the account itself: fills and positions' marks."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from bot.risk.codec import from_json, to_json
from bot.risk.decision import CheckResult, Decision
from bot.risk.gate import evaluate
from bot.risk.snapshot import PositionView, RiskSnapshot, SeenPrice, TradeIntent
from models.enums import CheckStatus, ExecutionPriority, TradeBlockReason, TradeSide, Verdict
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import NOW, D

LIMITS = cases.limits(max_disagreement_bps=300.0, fill_witness_seconds=60.0)
MID = D("30000")


def seen(price: str, seconds_ago: float = 1) -> SeenPrice:
    return SeenPrice(D(price), NOW - timedelta(seconds=seconds_ago))


def decided(snapshot: RiskSnapshot, intent: TradeIntent | None = None) -> Decision:
    market = cases.market(bid=MID - D("0.05"), ask=MID + D("0.05"), mark=MID, index=MID)
    return evaluate(intent or cases.intent(), replace(snapshot, market=market), LIMITS)


def agreement(snapshot: RiskSnapshot) -> CheckResult:
    return decided(snapshot).check("market_agrees")


def marked(symbol: str, mark: str, said: SeenPrice | None, qty: str = "0.01") -> RiskSnapshot:
    position = PositionView(symbol, D(qty), D(mark), exchange_mark=said)
    return cases.snapshot(
        portfolio=cases.portfolio(positions=(position,)), correlations={"ETHUSDT": 0.1}
    )


@pytest.mark.parametrize("price", [MID * 100 / 103, MID / D("0.97")])
def test_the_bound_itself_still_agrees_with_the_newest_fill(price: Decimal) -> None:
    inside = price + (MID - price) / 1000
    outside = price - (MID - price) / 1000
    assert agreement(cases.snapshot(newest_fill=seen(str(inside)))).status is CheckStatus.PASS
    assert agreement(cases.snapshot(newest_fill=seen(str(outside)))).status is CheckStatus.UNKNOWN


def test_a_view_that_was_made_up_is_unknown_and_both_numbers_are_named() -> None:
    """Seen: at a fiftieth of the price, 5,000 USDT bought what was worth 250,000."""
    decision = decided(cases.snapshot(newest_fill=seen("1500000")))
    assert decision.verdict is Verdict.DENY
    assert decision.reasons == (TradeBlockReason.DATA_MISSING,)
    check = decision.check("market_agrees")
    assert (
        "the mid of BTCUSDT is 30000 by the market view, 9800 bps from the newest fill at 1500000"
        in check.sentence
    )
    assert check.needed is not None
    assert "at most 300 bps" in check.needed


def test_where_nothing_is_known_otherwise_the_view_stands() -> None:
    check = agreement(cases.snapshot())
    assert (check.status, check.value) == (CheckStatus.PASS, "nothing to compare with")


@pytest.mark.parametrize(
    ("seconds", "status"), [(60, "unknown"), (60.001, "pass"), (-5, "unknown")]
)
def test_an_old_fill_says_nothing_of_now(seconds: float, status: str) -> None:
    assert agreement(cases.snapshot(newest_fill=seen("20000", seconds))).status == status


def test_a_time_that_can_not_be_read_is_no_excuse() -> None:
    naive = SeenPrice(D("20000"), datetime(2020, 1, 1))  # noqa: DTZ001 - that is the point
    assert agreement(cases.snapshot(newest_fill=naive)).status is CheckStatus.UNKNOWN


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_what_is_no_price_is_no_agreement(price: str) -> None:
    check = agreement(cases.snapshot(newest_fill=seen(price)))
    assert check.status is CheckStatus.UNKNOWN
    assert "is no price" in check.sentence


def test_the_exchanges_mark_of_what_is_held_speaks_against_the_mid() -> None:
    assert agreement(marked("BTCUSDT", "30000", seen("30100"))).status is CheckStatus.PASS
    check = agreement(marked("BTCUSDT", "30000", seen("31000")))
    assert (
        "the mid of BTCUSDT is 30000 by the market view, 323 bps from the exchange's mark at 31000"
        in check.sentence
    )
    assert agreement(marked("BTCUSDT", "30000", seen("31000", 61))).status is CheckStatus.PASS


def test_marks_that_value_other_positions_are_held_against_the_exchanges() -> None:
    """Who makes one position small makes room for another."""
    assert agreement(marked("ETHUSDT", "2000", seen("2010"))).status is CheckStatus.PASS
    check = agreement(marked("ETHUSDT", "2000", seen("4000")))
    assert "the mark of ETHUSDT is 2000 by the market view, 5000 bps" in check.sentence
    assert agreement(marked("ETHUSDT", "2000", None)).status is CheckStatus.PASS


@pytest.mark.parametrize("said", [None, seen("2000", 61)])
def test_what_is_held_without_a_young_mark_of_the_exchange_is_named(said: SeenPrice | None) -> None:
    """It is no reason to deny, for the market view may be right; but it was not compared."""
    check = agreement(marked("ETHUSDT", "2000", said))
    assert check.status is CheckStatus.PASS
    assert "(without the exchange's mark: ETHUSDT)" in check.sentence
    assert "without" not in agreement(marked("ETHUSDT", "2000", seen("2000"))).sentence
    assert "without" not in agreement(marked("ETHUSDT", "2000", said, qty="0")).sentence


def test_every_disagreement_is_named() -> None:
    snapshot = replace(marked("ETHUSDT", "2000", seen("4000")), newest_fill=seen("40000"))
    sentence = agreement(snapshot).sentence
    assert "the newest fill at 40000" in sentence
    assert "the exchange's mark at 4000" in sentence


@pytest.mark.parametrize("priority", [ExecutionPriority.NORMAL, ExecutionPriority.EMERGENCY])
@pytest.mark.parametrize("reduce_only", [False, True])
def test_no_exit_is_asked(priority: ExecutionPriority, reduce_only: bool) -> None:
    snapshot = marked("BTCUSDT", "30000", seen("1500000"), qty="1")
    intent = cases.intent(side=TradeSide.SELL, reduce_only=reduce_only, priority=priority)
    decision = decided(snapshot, intent)
    assert decision.verdict is Verdict.ALLOW
    assert decision.check("market_agrees").status is CheckStatus.SKIPPED


def test_a_snapshot_of_before_is_read_and_decided_as_if_nothing_were_known() -> None:
    stored = to_json(marked("BTCUSDT", "30000", seen("30000")))
    del stored["newest_fill"]
    for position in stored["portfolio"]["positions"]:
        del position["exchange_mark"]
    assert from_json(RiskSnapshot, stored) == marked("BTCUSDT", "30000", None)


def test_what_was_seen_is_kept_in_the_snapshot() -> None:
    snapshot = marked("BTCUSDT", "30000", seen("30000.5"))
    assert from_json(RiskSnapshot, to_json(snapshot)) == snapshot
