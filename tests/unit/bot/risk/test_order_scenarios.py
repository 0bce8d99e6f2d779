"""Every row of `tests/scenarios/risk_orders.yaml`, by its id."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.risk.batch import evaluate_batch
from bot.risk.breakers.equity import DrawdownBreaker, EquityGuard
from bot.risk.breakers.throttle import SlidingWindow
from bot.risk.codec import canonical_bytes, to_json
from bot.risk.decision import Decision
from bot.risk.gate import evaluate
from bot.risk.snapshot import PositionView, RiskSnapshot, ScopeState, TradeIntent, WorkingView
from bot.risk.transitions import change, emergency_stop
from config.loading import ConfigError
from config.thresholds import MLRiskConfigManager
from models.enums import CheckStatus, TradeSide, TradingState, Verdict
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import NOW, D

ROOT = Path(__file__).parents[4]
ROWS: list[dict[str, Any]] = yaml.safe_load(
    (ROOT / "tests" / "scenarios" / "risk_orders.yaml").read_text()
)

# Room for any row: what a row does not speak of must not decide it.
WIDE = cases.limits(
    max_position_share=D("1000"),
    max_gross_exposure_share=D("1000"),
    max_net_exposure_share=D("1000"),
    max_correlated_share=D("1000"),
    concentration_free_share=D("1000"),
    max_leverage=D("1000"),
    margin_buffer_share=D("0"),
    min_liquidation_distance=0.0,
    maintenance_margin_rate=0.0,
    max_impact_bps=1e6,
    max_slippage_bps=1e6,
    max_spread_bps=1e6,
    full_size_spread_bps=1e6,
    max_depth_share=D("1000000"),
)

# Rows that only a running system can show, with the test that shows each, by file and name.
NEEDS_A_SYSTEM = {
    "restart-keeps-halt": (
        "chaos/test_whole_system.py",
        "test_halt_from_the_shell_stops_everything_and_survives_a_restart",
    ),
    "two-workers-last-10-percent": (
        "integration/bot/decision/test_service.py",
        "test_two_workers_reserve_the_last_ten_percent_and_one_wins",
    ),
    "trip-between-check-and-send": (
        "integration/bot/state/test_breakers.py",
        "test_a_breaker_that_trips_after_the_approval_stops_the_send",
    ),
    "store-lost-mid-check": (
        "integration/bot/decision/test_service.py",
        "test_a_store_that_is_lost_during_the_check_lets_nothing_through",
    ),
    "halted-passes-cancel": (
        "integration/bot/execution/sending/test_sender.py",
        "test_a_cancel_goes_out_while_everything_is_halted",
    ),
}


def quoted(price: str, bid: str | None = None, **changes: Any) -> Any:
    """A market whose touch on both sides is near one price (buys at it, sells at `bid`)."""
    ask, low = D(price), D(bid) if bid is not None else D(price) - D("0.00001")
    deep = D("1e12")
    return cases.market(
        bid=low,
        ask=ask,
        mark=ask,
        index=ask,
        last=ask,
        bids=((low, deep),),
        asks=((ask, deep),),
        bid_depth=deep,
        ask_depth=deep,
        volume_24h=D("1e15"),
        **changes,
    )


def lots(**changes: Any) -> Any:
    fine = {
        "tick_size": D("0.00001"),
        "qty_step": D("0.00001"),
        "min_qty": D("0.00001"),
        "max_qty": D("1e12"),
        "min_notional": D("0"),
        "max_leverage": D("1000"),
    }
    return cases.instrument(**(fine | changes))


def book(price: str = "3000", **changes: Any) -> RiskSnapshot:
    values: dict[str, Any] = {
        "instrument": lots(),
        "market": quoted(price),
        "portfolio": cases.portfolio(
            equity=D("1e9"),
            available_margin=D("1e9"),
            equity_day_start=D("1e9"),
            equity_peak=D("1e9"),
        ),
    }
    return cases.snapshot(**(values | changes))


def owning(snapshot: RiskSnapshot, **changes: Any) -> RiskSnapshot:
    assert snapshot.portfolio is not None
    return replace(snapshot, portfolio=replace(snapshot.portfolio, **changes))


def in_state(snapshot: RiskSnapshot, state: str) -> RiskSnapshot:
    return replace(snapshot, states=(ScopeState("global", TradingState(state.lower())),))


def order(qty: str, price: str = "3000", side: str = "buy", **changes: Any) -> TradeIntent:
    """A row's quantity as the notional that a strategy asks for."""
    return cases.intent(notional=D(qty) * D(price), side=TradeSide(side), **changes)


def position(snapshot: RiskSnapshot, qty: str, price: str = "3000") -> RiskSnapshot:
    return owning(snapshot, positions=(PositionView("BTCUSDT", D(qty), D(price)),))


def denied_by(decision: Decision, check: str) -> Any:
    """The check's result, after making sure that it said no and the trade was denied."""
    assert decision.verdict is Verdict.DENY
    assert decision.approved_qty == 0
    result = decision.check(check)
    assert result.status in (CheckStatus.FAIL, CheckStatus.UNKNOWN)
    return result


def bid_of(snapshot: RiskSnapshot) -> Decimal:
    assert snapshot.market is not None and snapshot.market.bid is not None
    return snapshot.market.bid


HANDLERS: dict[str, Callable[[dict[str, Any]], None]] = {}


def row(
    *ids: str,
) -> Callable[[Callable[[dict[str, Any]], None]], Callable[[dict[str, Any]], None]]:
    def register(handler: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
        HANDLERS.update(dict.fromkeys(ids, handler))
        return handler

    return register


@row("min-notional-1")
def _min_notional(it: dict[str, Any]) -> None:
    snapshot = book("0.70", instrument=lots(qty_step=D("1"), min_notional=D("1000")))
    result = denied_by(evaluate(order("1000", "0.70"), snapshot, WIDE), "min_notional")
    assert (result.value, result.limit, result.margin) == ("700", "1000", "-300")


@row("max-notional-1")
def _max_notional(it: dict[str, Any]) -> None:
    limit, asked = it["instrument"]["max_notional"], it["order"]["notional"]
    snapshot = book(instrument=lots(max_notional=D(limit)))
    result = denied_by(evaluate(cases.intent(notional=D(asked)), snapshot, WIDE), "max_notional")
    assert (result.value, result.limit) == (asked, limit)


@row("cap-buy-uses-ask", "cap-sell-uses-bid")
def _cap_at_the_touch(it: dict[str, Any]) -> None:
    limits = replace(WIDE, max_order_notional=D(it["cap_notional_per_order"]))
    snapshot = book(market=quoted(it["book"]["ask"], it["book"]["bid"]))
    side = it["order"]["side"]
    price = it["book"]["ask"] if side == "buy" else it["book"]["bid"]
    decision = evaluate(order(it["order"]["qty"], price, side), snapshot, limits)
    assert decision.reference_price == D(price)
    assert denied_by(decision, "order_notional").value == it["value"]


@row("free-balance")
def _free_balance(it: dict[str, Any]) -> None:
    snapshot = owning(book("101"), available_margin=D(it["free"]))
    result = denied_by(evaluate(order("100000", "101"), snapshot, WIDE), "free_margin")
    assert result.value == it["value"]


@row("list-cumulative")
def _list_cumulative(it: dict[str, Any]) -> None:
    snapshot = owning(book("101"), available_margin=D(it["free"]))
    legs = [
        order(leg["qty"], leg["price"], request_id=f"leg-{i}") for i, leg in enumerate(it["orders"])
    ]
    decisions = evaluate_batch(legs, snapshot, WIDE)
    assert [d.verdict for d in decisions] == [Verdict.DENY, Verdict.DENY]
    assert {d.check("batch").value for d in decisions} == {it["value"]}


@row("margin-pass", "margin-deny")
def _margin(it: dict[str, Any]) -> None:
    snapshot = owning(book(), available_margin=D(it["free"]), leverage=D(it["leverage"]))
    decision = evaluate(order(it["order"]["qty"]), snapshot, WIDE)
    assert decision.check("free_margin").value == it["margin"]
    assert decision.verdict == Verdict(it["expect"])


@row("reducing-skips-margin")
def _reducing_skips_margin(it: dict[str, Any]) -> None:
    snapshot = position(
        owning(book(), available_margin=D(it["free"]), leverage=D(it["leverage"])), it["position"]
    )
    decision = evaluate(order(it["order"]["qty"], str(bid_of(snapshot)), "sell"), snapshot, WIDE)
    assert decision.verdict is Verdict.ALLOW
    assert decision.reduce_only
    assert decision.approved_qty == D("5")


@row("halted-denies-entry", "reducing-denies-adding", "reducing-allows-reducing")
def _states(it: dict[str, Any]) -> None:
    snapshot = in_state(book(), it["state"])
    side = it["order"]["side"]
    price = "3000" if side == "buy" else str(bid_of(snapshot))
    if "position" in it:
        snapshot = position(snapshot, it["position"])
    decision = evaluate(order(it["order"]["qty"], price, side), snapshot, WIDE)
    assert decision.verdict == Verdict(it["expect"])
    expected = CheckStatus.PASS if it["expect"] == "allow" else CheckStatus.FAIL
    assert decision.check("trading_state").status is expected


@row("reducing-must-not-flip")
def _must_not_flip(it: dict[str, Any]) -> None:
    snapshot = position(in_state(book(), it["state"]), it["position"])
    decision = evaluate(order(it["order"]["qty"], str(bid_of(snapshot)), "sell"), snapshot, WIDE)
    assert decision.verdict is Verdict.SHRINK
    assert decision.approved_qty == D(it["position"])
    assert decision.reduce_only
    assert decision.check("flip").status is CheckStatus.FAIL


@row("rate-10")
def _rate(it: dict[str, Any]) -> None:
    throttle = SlidingWindow(it["throttle"]["limit"], timedelta(seconds=it["throttle"]["per_s"]))
    answers = [throttle.take(NOW) for _ in range(it["burst"])]
    assert [a.allowed for a in answers] == [True] * 10 + [False]
    assert answers[-1].used == 1.0
    # The gate itself says the same of the orders that were counted for it.
    for sent, verdict in ((9, Verdict.ALLOW), (10, Verdict.DENY)):
        decision = evaluate(order("1"), owning(book(), orders_last_second=sent), WIDE)
        assert decision.verdict is verdict


@row("rate-batch-counts-each", "batch-larger-than-limit")
def _rate_batch(it: dict[str, Any]) -> None:
    throttle = SlidingWindow(it["throttle"]["limit"], timedelta(seconds=it["throttle"]["per_s"]))
    taken = throttle.take(NOW, it["batch"])
    if it["id"] == "rate-batch-counts-each":
        assert taken == (True, 0.4)
    else:
        assert taken == (False, 0.0)
        assert throttle.take(NOW, it["throttle"]["limit"]).allowed


@row("batch-one-bad")
def _batch_one_bad(it: dict[str, Any]) -> None:
    good = order("1", request_id="good")
    off_tick = order("1", request_id="off-tick", limit_price=D("3000.000001"))
    decisions = evaluate_batch([good, off_tick], book(), WIDE)
    assert [d.verdict for d in decisions] == [Verdict.DENY, Verdict.DENY]
    assert evaluate_batch([good], book(), WIDE)[0].verdict is Verdict.ALLOW


@row("tick")
def _tick(it: dict[str, Any]) -> None:
    snapshot = book("0.75", instrument=lots(tick_size=D(it["instrument"]["tick"])))
    decision = evaluate(order("1000", "0.75", limit_price=D(it["order"]["price"])), snapshot, WIDE)
    denied_by(decision, "tick")


@row("lot-precision")
def _lot_precision(it: dict[str, Any]) -> None:
    rules = it["instrument"]
    snapshot = book(
        instrument=lots(
            qty_step=D(rules["lot"]), min_qty=D(rules["min_qty"]), max_qty=D(rules["max_qty"])
        ),
        market=quoted("1", "0.9999"),
    )
    too_fine, too_small, too_large = (
        evaluate(order(qty, "1"), snapshot, WIDE) for qty in it["orders"]
    )
    assert denied_by(too_fine, "min_qty").value == "0"
    assert denied_by(too_small, "min_qty").value == "1"
    assert denied_by(too_large, "max_qty").limit == rules["max_qty"]


@row("expired")
def _expired(it: dict[str, Any]) -> None:
    decision = evaluate(order("1", expires_at=NOW - timedelta(seconds=1)), book(), WIDE)
    denied_by(decision, "expiry")


@row("unknown-instrument")
def _unknown_instrument(it: dict[str, Any]) -> None:
    decision = evaluate(order("1", symbol="NOPEUSDT"), book(instrument=None), WIDE)
    assert "NOPEUSDT" in denied_by(decision, "instrument").sentence
    denied_by(evaluate(order("1", symbol="NOPEUSDT"), book(), WIDE), "instrument")


@row("no-price")
def _no_price(it: dict[str, Any]) -> None:
    """Mark and last are there, and are no substitute for what adds risk."""
    empty = cases.market(bid=None, ask=None, bids=(), asks=())
    denied_by(evaluate(order("1"), book(market=empty), WIDE), "reference_price")
    denied_by(evaluate(order("1"), book(market=None), WIDE), "exposure")


@row("no-account")
def _no_account(it: dict[str, Any]) -> None:
    denied_by(evaluate(order("1"), book(portfolio=None), WIDE), "exposure")
    denied_by(evaluate(order("1"), owning(book(), equity=None), WIDE), "position_size")


@row("reduce-only-no-position", "reduce-only-would-increase")
def _reduce_only(it: dict[str, Any]) -> None:
    snapshot = position(book(), it["position"])
    decision = evaluate(
        order(it["order"]["qty"], side=it["order"]["side"], reduce_only=True), snapshot, WIDE
    )
    denied_by(decision, "reduce_only")


@row("nan-quantity")
def _nan_quantity(it: dict[str, Any]) -> None:
    decision = evaluate(cases.intent(notional=D("NaN")), book(), WIDE)
    assert denied_by(decision, "exposure").status is CheckStatus.UNKNOWN


@row("nan-price")
def _nan_price(it: dict[str, Any]) -> None:
    denied_by(evaluate(order("1", limit_price=D("NaN")), book(), WIDE), "tick")
    snapshot = book(market=cases.market(ask=D("NaN")))
    denied_by(evaluate(order("1"), snapshot, WIDE), "reference_price")


@row("zero-price-limit")
def _zero_price(it: dict[str, Any]) -> None:
    denied_by(evaluate(order("1", limit_price=D(it["order"]["price"])), book(), WIDE), "tick")


@row("set-same-state-twice")
def _same_state(it: dict[str, Any]) -> None:
    transition = change(TradingState.ACTIVE, TradingState.ACTIVE)
    assert transition.warning is not None
    assert not transition.changes


@row("same-tick-double")
def _same_tick_double(it: dict[str, Any]) -> None:
    limits = replace(WIDE, max_positions=it["limit_positions"], max_correlated_positions=99)
    held = tuple(PositionView(f"S{i}USDT", D("1"), D("10")) for i in range(it["open"]))
    snapshot = owning(book(), positions=held)
    first = evaluate(order("1"), snapshot, limits)
    assert first.verdict is Verdict.ALLOW
    taken = WorkingView("BTCUSDT", TradeSide.BUY, first.approved_qty, first.approved_notional)
    second = order("1", symbol="ETHUSDT", request_id="r-2")
    snapshot = replace(owning(snapshot, working=(taken,)), instrument=lots(symbol="ETHUSDT"))
    denied_by(evaluate(second, snapshot, limits), "open_positions")


@row("exposure-running-total")
def _running_total(it: dict[str, Any]) -> None:
    limits = replace(WIDE, max_gross_exposure_share=D("1"))
    held = (PositionView("ETHUSDT", D(it["exposure"]), D("1")),)
    snapshot = owning(
        book("1"),
        equity=D(it["cap"]),
        equity_day_start=D(it["cap"]),
        equity_peak=D(it["cap"]),
        positions=held,
    )
    snapshot = replace(snapshot, market=quoted("1", "0.9999"), correlations={"ETHUSDT": 0.0})
    first = evaluate(cases.intent(notional=D(it["orders"][0])), snapshot, limits)
    assert first.verdict is Verdict.ALLOW
    assert first.check("gross_exposure").value == "450"
    taken = WorkingView("BTCUSDT", TradeSide.BUY, first.approved_qty, first.approved_notional)
    second = evaluate(
        cases.intent(notional=D(it["orders"][1])), owning(snapshot, working=(taken,)), limits
    )
    assert denied_by(second, "gross_exposure").cap == D("50")


@row("denied-leaves-no-trace", "dry-run")
def _no_trace(it: dict[str, Any]) -> None:
    """The gate is pure: asking again, or only asking, reads the same and changes nothing."""
    snapshot = in_state(book(), "HALTED")
    before = canonical_bytes(to_json(snapshot))
    first = evaluate(order("1"), snapshot, WIDE)
    again = evaluate(order("1"), snapshot, WIDE)
    assert first.verdict is Verdict.DENY
    assert canonical_bytes(to_json(first)) == canonical_bytes(to_json(again))
    assert canonical_bytes(to_json(snapshot)) == before


@row("metrics-broken")
def _metrics_broken(it: dict[str, Any]) -> None:
    class BrokenPortfolio:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("metrics store is down")

    decision = evaluate(order("1"), book(portfolio=BrokenPortfolio()), WIDE)
    assert "metrics store is down" in denied_by(decision, "exposure").sentence


@row("stop-always-allowed")
def _stop_always_allowed(it: dict[str, Any]) -> None:
    for state in TradingState:
        transition = emergency_stop(state)
        assert transition.refused is None
        assert not transition.after.allows_adding


@row("unreadable")
def _unreadable(it: dict[str, Any]) -> None:
    """What the door says; that it is recorded is `tests/integration`'s bad-message test."""
    from bot.decision.parsing import parse_request
    from bot.errors import BadMessage

    with pytest.raises(BadMessage, match="must be a JSON object"):
        parse_request("not json")


@row("equity-glitch")
def _equity_glitch(it: dict[str, Any]) -> None:
    guard, breaker = EquityGuard(), DrawdownBreaker(D("0.1"))
    alerts = []
    for text in it["equity_reads"]:
        reading = guard.read(D(text))
        alerts.append(reading.alert)
        assert reading.confirmed is not None
        breaker = breaker.read(reading.confirmed)
    assert not breaker.tripped
    assert alerts[0] is None and alerts[1] is not None and alerts[2] is None


@row("equity-real")
def _equity_real(it: dict[str, Any]) -> None:
    guard, breaker = EquityGuard(), DrawdownBreaker(D("0.1"))
    tripped = []
    for text in it["equity_reads"]:
        confirmed = guard.read(D(text)).confirmed
        assert confirmed is not None
        breaker = breaker.read(confirmed)
        tripped.append(breaker.tripped)
    assert tripped == [False, False, False, True]


@row("unknown-limit-key")
def _unknown_limit_key(it: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"daily_los_limit.*did you mean 'daily_loss_limit'"):
        MLRiskConfigManager(ROOT / "config/ml_risk_config.yaml", overrides=it["config"])


@row("winning-close-must-not-relock")
def _winning_close(it: dict[str, Any]) -> None:
    breaker = DrawdownBreaker(D("0.1")).read(D("1000")).read(D("900"))
    assert breaker.tripped
    breaker = breaker.release(D("900")).read(D("910"))
    assert not breaker.tripped
    assert breaker.read(D("819")).tripped


@pytest.mark.parametrize("it", ROWS, ids=[str(r["id"]) for r in ROWS])
def test_the_row_holds(it: dict[str, Any]) -> None:
    name = it["id"]
    if name in NEEDS_A_SYSTEM:
        file, test = NEEDS_A_SYSTEM[name]
        assert f"def {test}(" in (ROOT / "tests" / file).read_text()
        pytest.skip(f"needs a running system: tests/{file}::{test}")
    HANDLERS[name](it)


def test_every_row_is_either_asserted_here_or_named_as_needing_a_system() -> None:
    ids = {str(r["id"]) for r in ROWS}
    assert ids == HANDLERS.keys() | NEEDS_A_SYSTEM.keys()
