"""Checks on whether the trade is allowed at all: trading state, breakers, expiry, duplicates,
reduce-only."""

from decimal import Decimal

from bot.risk.checks.breach import MID, NOW, SYMBOL, Case, ExitBreach, before
from bot.risk.checks.check import Applies, check
from bot.risk.checks.outcome import capped, failed, passed, unknown, young
from bot.risk.decision import CheckResult
from bot.risk.exposure import Exposure, age_seconds
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.snapshot import BreakerView, LeaseView, RiskSnapshot, TradeIntent, WorkingView
from models.amounts import ZERO
from models.enums import ExecutionPriority, ExposureDelta, TradeSide, TradingState, strictest
from models.enums import TradeBlockReason as Why

_EMERGENCY, _FLIPS = ExecutionPriority.EMERGENCY, ExposureDelta.FLIPS
_STOPPED = frozenset({TradingState.HALTED, TradingState.FLATTENING})


STATE = Rule("trading_state", Why.TRADING_STATE, "the trading state", Sense.IS)


@check(
    STATE,
    applies=Applies.ALWAYS,
    breach=lambda case, _: case.in_state(TradingState.HALTED),
    exit_breach=ExitBreach(lambda case: case.in_state(TradingState.HALTED)),
)
def trading_state(
    intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """The strictest trading state allows the trade. Without a known state nothing passes, because
    trading might be halted. An emergency exit passes in every state."""
    worst = strictest(snapshot.states, lambda scope: scope.state)
    if intent.reduce_only and intent.priority is _EMERGENCY:
        return passed(STATE, "unknown" if worst is None else worst.state, "an emergency exit")
    if worst is None:
        return unknown(STATE, "no scope reported a trading state", limit=TradingState.ACTIVE)
    reduces = exposure.reducing_qty > ZERO
    if worst.state.allows_reducing if reduces else worst.state.allows_adding:
        return passed(STATE, worst.state, "reducing" if reduces else "active")
    because = Why.EMERGENCY_STOP_ACTIVE if worst.state in _STOPPED else None
    detail = f"{worst.scope}: {worst.reason}" if worst.reason else worst.scope
    return failed(STATE, worst.state, "active", detail=detail, because=because)


FLIP = Rule("flip", Why.WOULD_FLIP, "the part beyond the position", Sense.AT_MOST, "USDT")


def _flipping(case: Case, _limits: RiskLimits) -> Case:
    """Reducing is allowed, turning the position around is not."""
    held = case.holding((SYMBOL, case.notional / 2))
    return held.in_state(TradingState.REDUCING).intending(side=TradeSide.SELL)


def _too_far(case: Case) -> Case:
    """Twice the position, while only reducing is allowed."""
    return case.in_state(TradingState.REDUCING).intending(notional=4 * case.notional)


@check(
    FLIP,
    applies=Applies.ALWAYS,
    breach=_flipping,
    exit_breach=ExitBreach(_too_far, left=Decimal(1)),
)
def flip(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """Where only reducing is allowed, the part that would open the other side is denied."""
    if exposure.delta is not _FLIPS:
        return passed(FLIP, ZERO, ZERO)
    worst = strictest(snapshot.states, lambda scope: scope.state)
    opening = exposure.opening_notional
    allowed = worst is not None and worst.state.allows_adding
    return capped(
        FLIP, opening, opening if allowed else ZERO, opening if allowed else ZERO, opening
    )


BREAKERS = Rule("breakers", Why.CIRCUIT_BREAKER_ACTIVE, "tripped breakers", Sense.AT_MOST)


def _tripped(case: Case, _limits: RiskLimits) -> Case:
    return case.seeing(breakers=(BreakerView("self_test", "global:*", "self-test"),))


@check(BREAKERS, breach=_tripped)
def breakers(
    _intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """No breaker that applies to the trade is tripped."""
    tripped = snapshot.breakers
    if not tripped:
        return passed(BREAKERS, 0, 0)
    detail = "; ".join(f"{b.kind} on {b.scope}: {b.reason}" for b in tripped)
    return failed(BREAKERS, len(tripped), 0, detail=detail)


RECOVERY = Rule("recovery", Why.TRADING_STATE, "the recovery's share of size", Sense.AT_LEAST)


@check(RECOVERY, breach=lambda case, _: case.seeing(recovery_share=0.0))
def recovery(
    _intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """The recovery after a tripped breaker allows some size: its share is above 0 and at most 1."""
    share = snapshot.recovery_share
    if 0.0 < share <= 1.0:
        return passed(RECOVERY, share, 0)
    if share == 0.0:
        return failed(RECOVERY, share, 0, detail="the recovery allows no size yet")
    return unknown(RECOVERY, f"{share!r} is not a share")


LEASE = Rule("trading_lease", Why.TRADING_LEASE, "the lease to trade", Sense.IS)


@check(LEASE, breach=lambda case, _: case.seeing(lease=LeaseView("self-test")))
def trading_lease(
    _intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """A lease to trade stands; the safety process grants it while all that it must know is fresh.

    Where no lease is kept, nothing is asked."""
    lease = snapshot.lease
    if lease is None:
        return passed(LEASE, "not kept", "stands")
    if lease.problem is None:
        return passed(LEASE, "stands", "stands")
    return failed(LEASE, "none", "stands", detail=lease.problem)


EXPIRY = Rule("expiry", Why.REQUEST_EXPIRED, "the time left", Sense.AT_LEAST, "s")


@check(
    EXPIRY,
    applies=Applies.ALWAYS,
    breach=lambda case, _: case.intending(expires_at=NOW),
    exit_breach=ExitBreach(lambda case: case.intending(expires_at=NOW)),
)
def expiry(
    intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """The request's own expiry lies ahead; a request without one never expires."""
    if intent.expires_at is None:
        return passed(EXPIRY, "unlimited", 0)
    age = age_seconds(snapshot, intent.expires_at)
    if age is None:
        return unknown(EXPIRY, "the expiry carries no time zone")
    if age < 0.0:
        return passed(EXPIRY, -age, 0)
    return failed(EXPIRY, -age, 0, detail="the request has expired")


REQUEST_AGE = Rule("request_age", Why.REQUEST_EXPIRED, "the request's age", Sense.AT_MOST, "s")


@check(
    REQUEST_AGE,
    limit="max_request_age_seconds",
    breach=lambda case, its: case.intending(created_at=before(its.max_request_age_seconds + 1)),
)
def request_age(
    intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The request was made recently; in seconds."""
    age = age_seconds(snapshot, intent.created_at)
    limit = limits.max_request_age_seconds
    return young(REQUEST_AGE, age, limit, limits.max_clock_skew_seconds)


DUPLICATE = Rule("duplicate_request", Why.DUPLICATE_REQUEST, "the request id", Sense.IS)


@check(
    DUPLICATE,
    applies=Applies.ALWAYS,
    breach=lambda case, _: case.seeing(request_seen=True),
    exit_breach=ExitBreach(lambda case: case.seeing(request_seen=True)),
)
def duplicate_request(
    _intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """No decision exists for this request's id."""
    seen = snapshot.request_seen
    if seen is None:
        return unknown(DUPLICATE, "earlier requests could not be looked up", limit="new")
    if seen:
        return failed(DUPLICATE, "already decided", "new")
    return passed(DUPLICATE, "new", "new")


REDUCE_ONLY = Rule("reduce_only", Why.NOTHING_TO_REDUCE, "what is left to reduce", Sense.AT_LEAST)


def _closed_already(case: Case) -> Case:
    """An exit under way closes the whole position already."""
    held = case.held
    working = WorkingView(SYMBOL, TradeSide.SELL, held, held * MID, reduce_only=True)
    return case.owning(working=(working,)).intending(reduce_only=True)


@check(
    REDUCE_ONLY,
    applies=Applies.ALWAYS,
    breach=lambda case, _: case.intending(reduce_only=True),
    exit_breach=ExitBreach(_closed_already),
)
def reduce_only(
    intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """A reduce-only request needs a quantity that no working order closes already."""
    if not intent.reduce_only or exposure.reducing_qty > ZERO:
        return passed(REDUCE_ONLY, exposure.reducing_qty, ZERO)
    detail = "no position on the other side is free to close"
    if exposure.beyond_own is not None:
        detail = (
            f"{exposure.beyond_own}, and that leaves nothing; an exit of priority emergency may "
            "close everybody's"
        )
    return failed(REDUCE_ONLY, ZERO, None, detail=detail)
