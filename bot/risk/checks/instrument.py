"""Checks on the exchange's own trading rules of the instrument."""

from decimal import Decimal

from bot.risk.checks.breach import ASK, ExitBreach, before
from bot.risk.checks.check import Applies, check
from bot.risk.checks.outcome import capped, failed, passed, skipped, unknown, young
from bot.risk.decision import CheckResult
from bot.risk.exposure import FLOOR, Exposure, age_seconds
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense, number_text
from bot.risk.snapshot import InstrumentView, RiskSnapshot, TradeIntent
from models.amounts import ZERO
from models.enums import CheckStatus
from models.enums import TradeBlockReason as Why

KNOWN = Rule("instrument", Why.INSTRUMENT_UNKNOWN, "the instrument", Sense.IS)


@check(
    KNOWN,
    applies=Applies.ALWAYS,
    breach=lambda case, _: case.ruled(symbol="OTHERUSDT"),
    exit_breach=ExitBreach(lambda case: case.ruled(symbol="OTHERUSDT")),
)
def instrument(
    intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """The exchange lists the symbol, and each of its trading rules is a readable number."""
    rules = snapshot.instrument
    if rules is None:
        return unknown(KNOWN, f"{intent.symbol} is not listed", Why.INSTRUMENT_UNKNOWN)
    if rules.symbol != intent.symbol:
        return failed(KNOWN, rules.symbol, intent.symbol)
    if not _readable(rules):
        return unknown(KNOWN, "one of its trading rules is not a readable number")
    return passed(KNOWN, rules.symbol, intent.symbol)


def _readable(rules: InstrumentView) -> bool:
    """Whether every rule is a finite number; an infinite maximum would allow anything."""
    for value in (rules.qty_step, rules.tick_size, rules.max_qty, rules.max_leverage):
        if not (value.is_finite() and value > ZERO):
            return False
    for value in (rules.min_qty, rules.min_notional, rules.max_notional or ZERO):
        if not (value.is_finite() and value >= ZERO):
            return False
    return True


STATUS = Rule("instrument_status", Why.INSTRUMENT_FILTER, "the instrument's status", Sense.IS)


@check(STATUS, breach=lambda case, _: case.ruled(status="Delivering"))
def instrument_status(
    _intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """The exchange trades the instrument: its status is `Trading`."""
    rules = snapshot.instrument
    if rules is None:
        return unknown(STATUS, "there is no such instrument", limit="Trading")
    if rules.status == "Trading":
        return passed(STATUS, rules.status, "Trading")
    return failed(STATUS, rules.status, "Trading")


AGE = Rule(
    "instrument_age", Why.DATA_STALE, "the age of the instrument's rules", Sense.AT_MOST, "s"
)


@check(
    AGE,
    limit="max_instrument_age_seconds",
    breach=lambda case, its: case.ruled(refreshed_at=before(its.max_instrument_age_seconds + 1)),
)
def instrument_age(
    _intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The instrument's rules were read from the exchange recently; in seconds."""
    rules = snapshot.instrument
    age = None if rules is None else age_seconds(snapshot, rules.refreshed_at)
    return young(AGE, age, limits.max_instrument_age_seconds, limits.max_clock_skew_seconds)


TICK = Rule("tick", Why.INSTRUMENT_FILTER, "the limit price", Sense.IS)


@check(
    TICK,
    applies=Applies.ALWAYS,
    breach=lambda case, _: case.intending(limit_price=Decimal("100.00001")),
    exit_breach=ExitBreach(lambda case: case.intending(limit_price=Decimal(-1))),
)
def tick(
    intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """The limit price is on the tick grid. An exit is never refused for it: its price is rounded to
    the safe side."""
    price = intent.limit_price
    if price is None:
        return passed(TICK, "none", None)
    if not price.is_finite() or price <= ZERO:
        return failed(TICK, price, "a positive price")
    rules = snapshot.instrument
    if rules is None:
        return unknown(TICK, "there is no such instrument")
    if price % rules.tick_size == ZERO:
        return passed(TICK, price, f"a multiple of {rules.tick_size:f}")
    if not exposure.adds:
        return passed(TICK, price, f"rounded to a multiple of {rules.tick_size:f}")
    return failed(TICK, price, f"a multiple of {rules.tick_size:f}")


MAX_QTY = Rule("max_qty", Why.INSTRUMENT_FILTER, "the quantity per order", Sense.AT_MOST)


@check(MAX_QTY, breach=lambda case, _: case.ruled(max_qty=case.notional / ASK / 2))
def max_qty(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """Each child's quantity is at most the instrument's maximum; slices share the quantity."""
    rules = _listed(snapshot)
    quantity = exposure.opening_qty / exposure.slices
    cap = rules.max_qty * exposure.slices * exposure.price
    return capped(MAX_QTY, quantity, rules.max_qty, cap, exposure.opening_notional)


MAX_NOTIONAL = Rule(
    "max_notional", Why.INSTRUMENT_FILTER, "the notional per order", Sense.AT_MOST, "USDT"
)
_NO_MAXIMUM = skipped(MAX_NOTIONAL, "the instrument has no maximum notional")


@check(MAX_NOTIONAL, breach=lambda case, _: case.ruled(max_notional=case.notional / 2))
def max_notional(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """Each child's notional is at most the instrument's own maximum, in quote currency."""
    limit = _listed(snapshot).max_notional
    if limit is None:
        return _NO_MAXIMUM
    cap = limit * exposure.slices
    return capped(MAX_NOTIONAL, exposure.child_notional, limit, cap, exposure.opening_notional)


MIN_QTY = Rule("min_qty", Why.INSTRUMENT_FILTER, "the sized quantity", Sense.AT_LEAST)


@check(
    MIN_QTY,
    applies=Applies.ALWAYS,
    on_size=True,
    breach=lambda case, _: case.ruled(min_qty=case.notional / ASK * 2),
    exit_breach=ExitBreach(lambda case: case.ruled(min_qty=case.held)),
)
def min_qty(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """The final size is at least the minimum quantity. At the exchange only orders that close the
    whole position are exempt."""
    least = _listed(snapshot).min_qty
    if exposure.closes_small:
        detail = f"the whole position, which is closed although it is under {least:f}"
        return CheckResult(MIN_QTY, CheckStatus.PASS, exposure.sized_qty, detail=detail)
    if ZERO < exposure.held_qty < least and not exposure.adds:
        return failed(MIN_QTY, exposure.sized_qty, least, detail=_way_out(exposure))
    return _at_least(MIN_QTY, exposure.sized_qty, least)


MIN_NOTIONAL = Rule(
    "min_notional", Why.INSTRUMENT_FILTER, "the sized notional", Sense.AT_LEAST, "USDT"
)


@check(
    MIN_NOTIONAL, on_size=True, breach=lambda case, _: case.ruled(min_notional=case.notional * 2)
)
def min_notional(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """The final size is at least the minimum notional; closing orders are exempt."""
    return _at_least(MIN_NOTIONAL, exposure.sized_notional, _listed(snapshot).min_notional)


def _way_out(exposure: Exposure) -> str:
    """Whether the trade closes a position that is under the venue's smallest order."""
    worth = FLOOR.multiply(exposure.held_qty, exposure.price)
    asked = f"a reduce_only request for more than its worth of {number_text(worth)} USDT"
    if exposure.own_qty == exposure.reducing_qty == exposure.held_qty:
        return f"the position closes only as a whole: by {asked}"
    return (
        f"the position of {exposure.held_qty:f} closes only as a whole: by {asked}, with priority "
        "emergency where other strategies share it, and once no other exit of it is under way"
    )


def _at_least(rule: Rule, value: Decimal, limit: Decimal) -> CheckResult:
    if value > ZERO and value >= limit:
        return passed(rule, value, limit)
    return failed(rule, value, limit)


def _listed(snapshot: RiskSnapshot) -> InstrumentView:
    if snapshot.instrument is None:
        raise LookupError("there is no such instrument")
    return snapshot.instrument
