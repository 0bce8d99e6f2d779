"""Exits in the self-test: the checks on exits must stop them, and the checks on entries must
not."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from bot.risk.checks.breach import EQUITY, MID, SYMBOL, Case
from bot.risk.checks.check import Applies, Check
from bot.risk.decision import Decision
from bot.risk.exposure import FLOOR
from bot.risk.gate import evaluate
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import PositionView, ShareView
from models.enums import CheckStatus, TradeSide, Verdict

_FAR_OVER = 20
"""The position as a multiple of the equity: far over every limit of size."""
_NOTHING = Decimal(0)


Checks = Mapping[str, Check]
"""The checks by name, as their modules declare them."""


def leaving(sound: Case, limits: RiskLimits) -> Case:
    """A sale of half of a position that is its strategy's own and far over every limit of size."""
    size = max(EQUITY * _FAR_OVER, 2 * (limits.max_order_notional or _NOTHING))
    held = FLOOR.divide(2 * size, MID)
    return (
        sound.intending(side=TradeSide.SELL, notional=size)
        .owning(positions=(PositionView(SYMBOL, held, MID),), own=ShareView(held, _NOTHING))
        .ruled(max_qty=10 * held)
    )


def exit_problems(
    sound: Case, limits: RiskLimits, rows: tuple[Check, ...], checks: Checks
) -> Iterator[str]:
    """The faults of the gate's treatment of exits when it asks these rows."""
    case = leaving(sound, limits)
    yield from _held_back(case, limits, rows, checks)
    yield from _not_bound(case, limits, rows, checks)
    yield from _beyond_own(case, limits, rows, checks)


def _held_back(
    case: Case, limits: RiskLimits, rows: tuple[Check, ...], checks: Checks
) -> Iterator[str]:
    """Breaks each check that exits are not put to; an exit must pass whole nevertheless.

    Under a broken model the exit closes only its strategy's own share. Otherwise it also closes
    shares of others, for which the sound model stands.
    """
    for row in rows:
        name = row.rule.name
        check = checks[name]
        if check.exit_breach is not None:
            continue
        exits = [case.owning(own=ShareView(case.held / 8, _NOTHING))]
        if check.applies is Applies.MODEL:
            exits = [case, case.intending(reduce_only=True)]
        for exit_ in exits:
            broken = check.breach(exit_, limits)
            if broken is None:
                continue
            still = _still_leaving(broken, exit_)
            decision = evaluate(still.intent, still.snapshot, limits, rows)
            if decision.verdict is not Verdict.ALLOW:
                yield f"the breach of {name!r} holds back an exit: {_said(decision)}"
                break


def _still_leaving(broken: Case, exit_: Case) -> Case:
    """The broken case with the exit's own sale, position and share put back into it."""
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


def _not_bound(
    case: Case, limits: RiskLimits, rows: tuple[Check, ...], checks: Checks
) -> Iterator[str]:
    for row in rows:
        if row.applies is Applies.ALWAYS and checks[row.rule.name].exit_breach is None:
            yield f"the check {row.rule.name!r} binds exits and has no synthetic breach by one"
    for name, check in checks.items():
        if check.exit_breach is None:
            continue
        broken = check.exit_breach.make(case)
        decision = evaluate(broken.intent, broken.snapshot, limits, rows)
        bites = any(c.name == name and c.status in _NO for c in decision.checks)
        if not bites or decision.approved_qty > case.held * check.exit_breach.left:
            yield f"the check {name!r} does not bind exits: its breach by one was approved"


def _beyond_own(
    case: Case, limits: RiskLimits, rows: tuple[Check, ...], checks: Checks
) -> Iterator[str]:
    """A strategy closes four times its own share: a sound model stands for the rest.

    Under a broken model, and with the flag `reduce_only`, the exit ends at the share.
    """
    own = case.held / 8
    shared = case.owning(own=ShareView(own, _NOTHING))
    sound = evaluate(shared.intent, shared.snapshot, limits, rows)
    if sound.verdict is not Verdict.ALLOW:
        yield f"a sound exit does not pass whole: {_said(sound)}"
    flagged = shared.intending(reduce_only=True)
    decision = evaluate(flagged.intent, flagged.snapshot, limits, rows)
    if not _NOTHING < decision.approved_qty <= own:
        yield "a strategy's own share does not bind its reduce-only exits"
    for row in rows:
        check = checks[row.rule.name]
        if check.applies is not Applies.MODEL:
            continue
        broken = check.breach(shared, limits)
        if broken is None:
            continue
        decision = evaluate(broken.intent, broken.snapshot, limits, rows)
        if not _NOTHING < decision.approved_qty <= own:
            yield f"the breach of {row.rule.name!r} closes more than the strategy's own share"


_NO = (CheckStatus.FAIL, CheckStatus.UNKNOWN)


def _said(decision: Decision) -> str:
    return " ".join(c.sentence for c in decision.checks if c.status in _NO) or "its size was cut"
