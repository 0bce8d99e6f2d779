"""Exits in the self-test: the checks on exits must stop them, and the checks on entries must
not."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from bot.risk.checks.registry import Applies, Row
from bot.risk.decision import Decision
from bot.risk.exposure import FLOOR
from bot.risk.gate import evaluate
from bot.risk.limits import RiskLimits
from bot.risk.selftest.baseline import EQUITY, MID, NOW, SYMBOL, Case
from bot.risk.selftest.breaches import BREACHES
from bot.risk.snapshot import PositionView, ScopeState, ShareView, WorkingView
from models.enums import CheckStatus, TradeSide, TradingState, Verdict

_FAR_OVER = 20
"""The position as a multiple of the equity: far over every limit of size."""
_NOTHING = Decimal(0)


MODEL = frozenset(
    {
        "confidence",
        "uncertainty",
        "ensemble_agreement",
        "prediction_stability",
        "feature_importance",
        "explainability",
        "prediction_age",
        "model_version",
        "ensemble_entropy",
    }
)
"""Checks that judge a close of more than the strategy's own share."""


def leaving(sound: Case, limits: RiskLimits) -> Case:
    """A sale of half of a position that is its strategy's own and far over every limit of size."""
    size = max(EQUITY * _FAR_OVER, 2 * (limits.max_order_notional or _NOTHING))
    held = FLOOR.divide(2 * size, MID)
    return (
        sound.intending(side=TradeSide.SELL, notional=size)
        .owning(positions=(PositionView(SYMBOL, held, MID),), own=ShareView(held, _NOTHING))
        .ruled(max_qty=10 * held)
    )


def exit_problems(sound: Case, limits: RiskLimits, rows: tuple[Row, ...]) -> Iterator[str]:
    """The faults of these checks on exits."""
    case = leaving(sound, limits)
    yield from _held_back(case, limits, rows)
    yield from _not_bound(case, limits, rows)
    yield from _beyond_own(case, limits, rows)


def _held_back(case: Case, limits: RiskLimits, rows: tuple[Row, ...]) -> Iterator[str]:
    """Breaks each check that does not judge exits: an exit must pass whole. With a broken model the
    exit is all its strategy's own; otherwise the model justifies the others' part."""
    for row in rows:
        name = row.rule.name
        if name not in BREACHES or name in BINDING:
            continue
        exits = [case.owning(own=ShareView(_held(case) / 8, _NOTHING))]
        if name in MODEL:
            exits = [case, case.intending(reduce_only=True)]
        for exit_ in exits:
            broken = BREACHES[name].make(exit_, limits)
            if broken is None:
                continue
            still = _still_leaving(broken, exit_)
            decision = evaluate(still.intent, still.snapshot, limits, rows)
            if decision.verdict is not Verdict.ALLOW:
                yield f"the breach of {name!r} holds back an exit: {_said(decision)}"
                break


def _still_leaving(broken: Case, exit_: Case) -> Case:
    """The broken facts, around the same sale of the same position."""
    before, after = exit_.snapshot.portfolio, broken.snapshot.portfolio
    assert before is not None and after is not None
    (held,) = before.positions
    others = tuple(p for p in after.positions if p.symbol != SYMBOL)
    for position in after.positions:
        if position.symbol == SYMBOL:
            held = replace(held, liquidation_price=position.liquidation_price)
    wanted = exit_.intent
    return broken.intending(
        side=wanted.side, notional=wanted.notional, reduce_only=wanted.reduce_only
    ).owning(positions=(held, *others), own=before.own)


class Binding(NamedTuple):
    """A way to break a check with an exit, and the share of the position that may still close."""

    make: Callable[[Case], Case]
    left: Decimal = _NOTHING


def _state(case: Case, state: TradingState) -> Case:
    return case.seeing(states=(ScopeState("global:*", state, "self-test"),))


def _too_far(case: Case) -> Case:
    """Twice the position, while only reducing is allowed."""
    return _state(case, TradingState.REDUCING).intending(notional=4 * case.notional)


def _closed_already(case: Case) -> Case:
    """A working exit closes the whole position."""
    held = _held(case)
    working = WorkingView(SYMBOL, TradeSide.SELL, held, held * MID, reduce_only=True)
    return case.owning(working=(working,)).intending(reduce_only=True)


def _held(case: Case) -> Decimal:
    assert case.snapshot.portfolio is not None
    return case.snapshot.portfolio.positions[0].qty


BINDING: Mapping[str, Binding] = {
    "trading_state": Binding(lambda case: _state(case, TradingState.HALTED)),
    "flip": Binding(_too_far, Decimal(1)),
    "expiry": Binding(lambda case: case.intending(expires_at=NOW)),
    "duplicate_request": Binding(lambda case: case.seeing(request_seen=True)),
    "reduce_only": Binding(_closed_already),
    "instrument": Binding(lambda case: case.ruled(symbol="OTHERUSDT")),
    "tick": Binding(lambda case: case.intending(limit_price=Decimal(-1))),
    "min_qty": Binding(lambda case: case.ruled(min_qty=_held(case))),
}
"""A breach for every check that judges exits."""


def _not_bound(case: Case, limits: RiskLimits, rows: tuple[Row, ...]) -> Iterator[str]:
    for row in rows:
        if row.applies is Applies.ALWAYS and row.rule.name not in BINDING:
            yield f"the check {row.rule.name!r} binds exits and has no synthetic breach by one"
    for name, binding in BINDING.items():
        broken = binding.make(case)
        decision = evaluate(broken.intent, broken.snapshot, limits, rows)
        bites = any(c.name == name and c.status in _NO for c in decision.checks)
        if not bites or decision.approved_qty > _held(case) * binding.left:
            yield f"the check {name!r} does not bind exits: its breach by one was approved"


def _beyond_own(case: Case, limits: RiskLimits, rows: tuple[Row, ...]) -> Iterator[str]:
    """A strategy that owns a quarter of its exit: the model justifies the rest, and a reduce-only
    request ends at the strategy's share."""
    own = _held(case) / 8
    shared = case.owning(own=ShareView(own, _NOTHING))
    sound = evaluate(shared.intent, shared.snapshot, limits, rows)
    if sound.verdict is not Verdict.ALLOW:
        yield f"a sound exit does not pass whole: {_said(sound)}"
    flagged = shared.intending(reduce_only=True)
    decision = evaluate(flagged.intent, flagged.snapshot, limits, rows)
    if not _NOTHING < decision.approved_qty <= own:
        yield "a strategy's own share does not bind its reduce-only exits"
    for row in rows:
        breach = BREACHES.get(row.rule.name)
        if breach is None or row.rule.name not in MODEL:
            continue
        broken = breach.make(shared, limits)
        if broken is None:
            continue
        decision = evaluate(broken.intent, broken.snapshot, limits, rows)
        if not _NOTHING < decision.approved_qty <= own:
            yield f"the breach of {row.rule.name!r} closes more than the strategy's own share"


_NO = (CheckStatus.FAIL, CheckStatus.UNKNOWN)


def _said(decision: Decision) -> str:
    return " ".join(c.sentence for c in decision.checks if c.status in _NO) or "its size was cut"
