"""What must hold of every decision, whatever the request, the market and the limits are."""

import decimal
import json
import math
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.risk.checks.registry import CHECKS
from bot.risk.codec import canonical_bytes, from_json, to_json
from bot.risk.decision import Decision
from bot.risk.gate import evaluate
from bot.risk.limits import RiskLimits
from bot.risk.selftest.baseline import healthy
from bot.risk.snapshot import (
    BreakerView,
    PositionView,
    RiskSnapshot,
    ScopeState,
    TradeIntent,
    WorkingView,
)
from models.enums import (
    Algorithm,
    CheckStatus,
    ExecutionPriority,
    ExposureDelta,
    TradeBlockReason,
    TradeSide,
    TradingState,
    Verdict,
)
from tests.support.properties import examples
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import NOW, D

ROOT = Path(__file__).parents[4]
# Every optional input is required: what is switched off by configuration is no missing input.
STRICT = cases.limits(
    require_model_registry=True, require_liquidation_price=True, min_explained_features=2
)
QUICK = settings(
    max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

score = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.6, 0.9, 1.0]))
money = st.decimals("0.01", "200000", places=2)
symbols = st.sampled_from(["BTCUSDT", "ETHUSDT", "SOLUSDT"])
quantity = st.decimals("-4", "4", places=3)


@st.composite
def intents(draw: st.DrawFn) -> TradeIntent:
    twap = draw(st.booleans())
    return cases.intent(
        side=draw(st.sampled_from(TradeSide)),
        notional=draw(money),
        reduce_only=draw(st.booleans()),
        algorithm=Algorithm.TWAP if twap else None,
        horizon_seconds=draw(st.sampled_from([60.0, 100.0])) if twap else None,
        interval_seconds=draw(st.sampled_from([5.0, 60.0])) if twap else None,
        expires_at=draw(st.one_of(st.none(), st.just(NOW + timedelta(minutes=5)))),
        model=cases.model(
            confidence=draw(score),
            uncertainty=draw(st.one_of(st.none(), st.floats(0, 0.5))),
            member_probabilities=tuple(draw(st.lists(st.floats(0.5, 1), max_size=4))),
        ),
    )


@st.composite
def snapshots(draw: st.DrawFn) -> RiskSnapshot:
    positions = tuple(
        PositionView(
            symbol, qty, D("30000"), liquidation_price=draw(st.sampled_from([D(0), D("15000")]))
        )
        for symbol, qty in draw(st.dictionaries(symbols, quantity, max_size=3)).items()
    )
    working = tuple(
        WorkingView(symbol, side, abs(qty), abs(qty) * 30000, reduce_only)
        for symbol, side, qty, reduce_only in draw(
            st.lists(
                st.tuples(symbols, st.sampled_from(TradeSide), quantity, st.booleans()), max_size=3
            )
        )
    )
    equity = draw(st.decimals("50000", "2000000", places=2))
    return cases.snapshot(
        market=cases.market(
            volatility=draw(st.one_of(st.none(), st.floats(0.001, 0.2))),
            ask_depth=draw(st.one_of(st.none(), st.decimals("0", "500000", places=0))),
            volume_24h=draw(st.one_of(st.none(), st.decimals("1", "1e9", places=0))),
        ),
        portfolio=cases.portfolio(
            equity=equity,
            equity_day_start=equity * draw(st.sampled_from([D(1), D("1.01"), D("1.2")])),
            equity_peak=equity * draw(st.sampled_from([D(1), D("1.05"), D("1.3")])),
            available_margin=draw(st.one_of(st.none(), st.decimals("0", "500000", places=0))),
            positions=positions,
            working=working,
        ),
        correlations=draw(st.dictionaries(symbols, st.floats(-1, 1), max_size=3)),
        states=(ScopeState("global", draw(st.sampled_from(TradingState))),),
        recovery_share=draw(st.sampled_from([0.1, 0.5, 1.0])),
    )


def stored(record: object) -> Any:
    """As a store gives it back, with the keys in another order."""
    return json.loads(canonical_bytes(to_json(record)))


def encoded(decision: Decision) -> bytes:
    return canonical_bytes(to_json(decision))


def held(snapshot: RiskSnapshot, symbol: str) -> Decimal:
    assert snapshot.portfolio is not None
    return sum((p.qty for p in snapshot.portfolio.positions if p.symbol == symbol), D(0))


@QUICK
@given(intent=intents(), snapshot=snapshots())
def test_the_size_is_on_the_lot_grid_and_within_the_request_and_every_cap(
    intent: TradeIntent, snapshot: RiskSnapshot
) -> None:
    decision = evaluate(intent, snapshot, STRICT)
    assert snapshot.instrument is not None
    assert decision.approved_qty % snapshot.instrument.qty_step == 0
    assert decision.approved_notional <= intent.notional
    if decision.verdict is Verdict.DENY:
        assert decision.approved_qty == 0
        assert decision.reasons
        return
    assert decision.reference_price is not None
    closing = max(D(0), -held(snapshot, intent.symbol) * intent.side.sign)
    added = decision.approved_notional - closing * decision.reference_price
    for check in decision.checks:
        if check.cap is not None:
            assert added <= check.cap, check.name
    for factor in decision.factors:
        assert 0 <= factor.value <= 1


@QUICK
@given(intent=intents(), snapshot=snapshots())
def test_what_is_sent_reduce_only_never_turns_the_position_around(
    intent: TradeIntent, snapshot: RiskSnapshot
) -> None:
    decision = evaluate(intent, snapshot, STRICT)
    if not decision.approved or not decision.reduce_only:
        return
    before = held(snapshot, intent.symbol)
    after = before + decision.approved_qty * intent.side.sign
    assert before * after >= 0
    assert abs(after) <= abs(before)


@QUICK
@given(intent=intents(), snapshot=snapshots())
def test_only_what_reduces_passes_while_adding_is_not_allowed(
    intent: TradeIntent, snapshot: RiskSnapshot
) -> None:
    decision = evaluate(intent, snapshot, STRICT)
    state = snapshot.states[0].state
    emergency = intent.reduce_only and intent.priority is ExecutionPriority.EMERGENCY
    if not state.allows_reducing and not emergency:
        assert decision.verdict is Verdict.DENY
    if not state.allows_adding and decision.approved:
        assert decision.reduce_only


@QUICK
@given(intent=intents(), snapshot=snapshots())
def test_the_word_emergency_lets_nothing_add(intent: TradeIntent, snapshot: RiskSnapshot) -> None:
    """Any strategy may say it. As an entry it is an entry; as an exit it closes what is held."""
    ordinary = evaluate(replace(intent, reduce_only=False), snapshot, STRICT)
    emergency = replace(intent, priority=ExecutionPriority.EMERGENCY)
    entry = evaluate(replace(emergency, reduce_only=False), snapshot, STRICT)
    assert encoded(entry) == encoded(ordinary)
    exit_ = evaluate(replace(emergency, reduce_only=True), snapshot, STRICT)
    closing = max(D(0), -held(snapshot, intent.symbol) * intent.side.sign)
    assert exit_.approved_qty <= closing
    assert exit_.reduce_only or not exit_.approved


_MONEY_AND_MODEL = {
    "available_margin": D(0),
    "equity": D(1),
    "equity_peak": D("1e12"),
    "equity_day_start": D("1e12"),
    "rolling_pnl_24h": D("-1e12"),
    "consecutive_losses": 99,
    "same_orders_last_minute": 99,
}


@QUICK
@given(
    qty=st.decimals("0.001", "4", places=3),
    share=st.sampled_from([D("0.3"), D("0.999"), D("1")]),
    side=st.sampled_from(TradeSide),
    lost=st.sets(st.sampled_from(sorted(_MONEY_AND_MODEL))),
    missing=st.sets(st.sampled_from(["equity", "available_margin", "equity_peak"])),
)
def test_no_reducing_trade_is_denied_for_money_confidence_breakers_or_minimum_notional(
    qty: Decimal, share: Decimal, side: TradeSide, lost: set[str], missing: set[str]
) -> None:
    position = PositionView("BTCUSDT", -qty * side.sign, D("30000"))
    changes: dict[str, Any] = {name: _MONEY_AND_MODEL[name] for name in lost}
    changes |= dict.fromkeys(missing)
    snapshot = cases.snapshot(
        portfolio=cases.portfolio(positions=(position,), **changes),
        breakers=(BreakerView("daily_loss_limit", "global", "test"),),
        instrument=cases.instrument(min_notional=D("1e9")),
        market=cases.market(volatility=None, funding_rate=None, mark=None),
    )
    price = D("30000") if side is TradeSide.BUY else D("29999.9")
    wanted = max(D("0.001"), (qty * share).quantize(D("0.001")))
    intent = cases.intent(side=side, notional=wanted * price, model=cases.model(confidence=0.0))
    decision = evaluate(intent, snapshot, STRICT)
    assert decision.verdict is Verdict.ALLOW, decision.reasons
    assert decision.approved_qty == wanted
    assert decision.reduce_only


# More of this risk, everything else equal: (name, how to build the snapshot or intent from it).
_RISKS: dict[str, Any] = {
    "confidence": lambda x: (cases.intent(model=cases.model(confidence=1 - x)), cases.snapshot()),
    "uncertainty": lambda x: (cases.intent(model=cases.model(uncertainty=x)), cases.snapshot()),
    "volatility": lambda x: (
        cases.intent(),
        cases.snapshot(market=cases.market(volatility=0.01 + 0.2 * x)),
    ),
    "drawdown": lambda x: (
        cases.intent(),
        cases.snapshot(portfolio=cases.portfolio(equity_peak=D(100000) * (1 + D(repr(x)) / 5))),
    ),
    "correlation": lambda x: (
        cases.intent(),
        cases.snapshot(
            portfolio=cases.portfolio(positions=(cases.held(f"{x:f}", "ETHUSDT", "40000"),)),
            correlations={"ETHUSDT": 0.9},
        ),
    ),
    "correlation coefficient": lambda x: (
        cases.intent(),
        cases.snapshot(
            portfolio=cases.portfolio(positions=(cases.held("0.8", "ETHUSDT", "30000"),)),
            correlations={"ETHUSDT": x},
        ),
    ),
    "spread": lambda x: (
        cases.intent(),
        cases.snapshot(market=cases.market(ask=D(30000) + D(repr(round(x * 100, 4))))),
    ),
    "thin depth": lambda x: (
        cases.intent(),
        cases.snapshot(market=cases.market(ask_depth=D(repr(round(10000 * (1 - x), 2))))),
    ),
    "thin volume": lambda x: (
        cases.intent(),
        cases.snapshot(market=cases.market(volume_24h=D(repr(round(1e6 * (1 - x) + 1, 2))))),
    ),
    "position": lambda x: (
        cases.intent(),
        cases.snapshot(portfolio=cases.portfolio(positions=(cases.held(f"{x:f}"),))),
    ),
    "loss": lambda x: (
        cases.intent(),
        cases.snapshot(
            portfolio=cases.portfolio(equity_day_start=D(100000) * (1 + D(repr(x)) / 10))
        ),
    ),
    "recovery": lambda x: (cases.intent(), cases.snapshot(recovery_share=1 - x)),
    "data age": lambda x: (
        cases.intent(),
        cases.snapshot(market=cases.market(as_of=NOW - timedelta(seconds=20 * x))),
    ),
}
_LENIENT = cases.limits(max_impact_bps=500.0, max_slippage_bps=500.0)


@pytest.mark.parametrize("risk", sorted(_RISKS))
@settings(max_examples=examples(40))
@given(low=st.floats(0, 1), high=st.floats(0, 1))
def test_more_risk_never_gives_more_size(risk: str, low: float, high: float) -> None:
    low, high = sorted((low, high))
    calm, risky = (evaluate(*_RISKS[risk](x), _LENIENT) for x in (low, high))
    assert risky.approved_qty <= calm.approved_qty


@QUICK
@given(intent=intents(), snapshot=snapshots(), seed=st.integers(0, 10_000))
def test_the_order_of_the_checks_does_not_matter(
    intent: TradeIntent, snapshot: RiskSnapshot, seed: int
) -> None:
    shuffled = list(CHECKS)
    random.Random(seed).shuffle(shuffled)
    first, second = evaluate(intent, snapshot, STRICT), evaluate(intent, snapshot, STRICT, shuffled)
    one, other = to_json(first), to_json(second)
    by_name = {check["name"]: check for check in other["checks"]}
    assert [by_name[check["name"]] for check in one["checks"]] == one["checks"]
    assert {**one, "checks": None} == {**other, "checks": None}


@QUICK
@given(intent=intents(), snapshot=snapshots())
def test_a_decision_is_the_same_from_its_stored_inputs(
    intent: TradeIntent, snapshot: RiskSnapshot
) -> None:
    decision = evaluate(intent, snapshot, STRICT)
    again = evaluate(
        from_json(TradeIntent, stored(intent)),
        from_json(RiskSnapshot, stored(snapshot)),
        from_json(RiskLimits, stored(STRICT)),
    )
    assert encoded(again) == encoded(decision)
    assert encoded(from_json(Decision, to_json(decision))) == encoded(decision)


def test_another_process_gives_the_same_bytes() -> None:
    """Also under another hash seed and another decimal context."""
    program = (
        "import sys;"
        "from tests.unit.bot.risk.test_gate_properties import decisions_in_bytes;"
        "sys.stdout.buffer.write(decisions_in_bytes(precision=7))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {decisions_in_bytes()}


def decisions_in_bytes(precision: int = 28) -> bytes:
    """Decisions of the sound trade and of every breach of it, as one byte string."""
    base = healthy(STRICT)
    made = [base, *(check.breach(base, STRICT) for check in CHECKS)]
    with decimal.localcontext(prec=precision):
        return b"\n".join(
            encoded(evaluate(case.intent, case.snapshot, STRICT))
            for case in made
            if case is not None
        )


# The requester's own terms: leaving them out is another wish, not a missing input.
_TERMS = {"expires_at", "limit_price", "reduce_only", "algorithm", "horizon_seconds"}
_TERMS |= {"interval_seconds", "priority", "side", "symbol", "strategy", "account", "request_id"}
# None means that there is none of it, not that it could not be read.
_MAY_BE_ABSENT = {"max_notional", "entry_price", "last", "reason", "scope", "kind"}


def spoilt(value: Any, name: str = "") -> Iterator[Any]:
    """Every copy of a record with one input missing or unreadable."""
    if is_dataclass(value) and not isinstance(value, type):
        for f in fields(value):
            if f.name in _TERMS or f.name in _MAY_BE_ABSENT:
                continue
            for worse in spoilt(getattr(value, f.name), f.name):
                yield replace(value, **{f.name: worse})
    elif isinstance(value, tuple) and value and is_dataclass(value[0]):
        for i, item in enumerate(value):
            for worse in spoilt(item, name):
                yield (*value[:i], worse, *value[i + 1 :])
    elif isinstance(value, dict):
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
            yield {**value, key: math.nan}
    elif isinstance(value, Decimal):
        yield from (D("NaN"), D("Infinity"), D("-Infinity"), D("sNaN"), None)
    elif isinstance(value, float):
        yield from (math.nan, math.inf, -math.inf, None)
    elif name in {"states", "bids", "asks", "member_probabilities"}:
        yield ()
    if name in {"taken_at", "as_of", "predicted_at", "created_at", "refreshed_at"}:
        yield value.replace(tzinfo=None)
    if is_dataclass(value) and name in {"market", "portfolio", "instrument"}:
        yield None


def _denied_cases() -> list[Any]:
    base = healthy(STRICT).holding(("BTCUSDT", D(1000)), correlation=0.5)
    found = []
    for check in CHECKS:
        case = check.breach(base, STRICT)
        if case is not None:
            found.append(pytest.param(case.intent, case.snapshot, id=check.rule.name))
    return found


@pytest.mark.parametrize(("intent", "snapshot"), _denied_cases())
def test_losing_or_spoiling_an_input_never_turns_a_denial_into_an_approval(
    intent: TradeIntent, snapshot: RiskSnapshot
) -> None:
    """Nor does it make the size larger."""
    before = evaluate(intent, snapshot, STRICT)
    assert before.verdict is not Verdict.ALLOW
    variants = [(worse, snapshot) for worse in spoilt(intent)]
    variants += [(intent, worse) for worse in spoilt(snapshot)]
    assert len(variants) > 60
    for worse_intent, worse_snapshot in variants:
        after = evaluate(worse_intent, worse_snapshot, STRICT)
        assert after.approved_qty <= before.approved_qty, (worse_intent, worse_snapshot)


@QUICK
@given(intent=intents(), snapshot=snapshots(), data=st.data())
def test_spoiling_any_one_input_never_gives_more(
    intent: TradeIntent, snapshot: RiskSnapshot, data: st.DataObject
) -> None:
    before = evaluate(intent, snapshot, STRICT)
    worse_intents, worse_snapshots = list(spoilt(intent)), list(spoilt(snapshot))
    worse_intent = data.draw(st.sampled_from(worse_intents))
    worse_snapshot = data.draw(st.sampled_from(worse_snapshots))
    for after in (
        evaluate(worse_intent, snapshot, STRICT),
        evaluate(intent, worse_snapshot, STRICT),
    ):
        if before.verdict is Verdict.DENY:
            assert after.verdict is Verdict.DENY
        if after.exposure is not ExposureDelta.REDUCES:
            assert after.approved_qty <= before.approved_qty


def test_a_check_that_breaks_denies_and_says_so_and_the_others_are_still_asked() -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a defect")

    rows = tuple(row._replace(ask=broken) if row.rule.name == "spread" else row for row in CHECKS)
    decision = evaluate(cases.intent(), cases.snapshot(), cases.LIMITS, rows)
    assert decision.verdict is Verdict.DENY
    assert decision.reasons == (TradeBlockReason.INTERNAL_ERROR,)
    assert decision.check("spread").status is CheckStatus.UNKNOWN
    assert "ZeroDivisionError: a defect" in decision.check("spread").sentence
    assert len(decision.checks) == len(CHECKS) + 1
