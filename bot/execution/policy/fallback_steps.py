"""The effect of each fallback step on the rest of a failed child, to the last lot."""

from dataclasses import dataclass
from decimal import Decimal

from bot.errors import Infeasible
from bot.execution.algorithms.base import LotRules, whole_lots
from models.amounts import shortest
from models.backup import BackupStep, FailureClass
from models.enums import Algorithm

MAX_FALLBACK_BPS = Decimal(100)
"""The bound of market_order_fallback for parents from before `execution.backup_max_slippage`."""
FIRST_DELAY_SECONDS = 0.5
"""About as long as a thin book takes to refill."""
MAX_DELAY_SECONDS = 30.0
"""Waiting longer than this is the schedule's work, not a retry's."""

MAX_EXIT_DELAY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """A child order that ended with an unfilled `rest` (base units)."""

    failure: FailureClass
    rest: Decimal
    number: int
    """1 for the first attempt of its slot."""
    price: Decimal
    """The price of the next attempt, at which the venue's minimum notional is counted."""
    seconds_left: float
    """Seconds until the parent's deadline."""
    algorithm: Algorithm
    """The algorithm that works the parent now."""
    reduce_only: bool
    bound_bps: Decimal | None = None
    """The bound beyond the touch of an exit that follows the market; None when the bound is
    fixed."""
    widest_bps: Decimal = MAX_FALLBACK_BPS
    """How far beyond the touch market_order_fallback may trade."""
    closes_position: bool = False
    """Whether the order closes a whole position: no size is too small, and it can't be split or
    rest."""

    def __post_init__(self) -> None:
        if self.rest <= 0 or self.price <= 0 or self.number < 1:
            raise ValueError("rest and price must be above 0, number at least 1")

    def minimum(self, rules: LotRules, price: Decimal | None = None) -> Decimal:
        """The venue's smallest order at `price`, by default the attempt's own."""
        if self.closes_position:
            return Decimal(0)
        at = self.price if price is None else price
        return rules.min_child_lots(at, reduce_only=self.reduce_only) * rules.qty_step


@dataclass(frozen=True, slots=True)
class FallbackEffect:
    """The use of the rest: qty + later_qty + released is exactly the rest."""

    step: BackupStep | None
    """None when the rest is released because its size or the deadline allows no attempt. That is no
    alarm, and the parent goes on."""
    released: Decimal
    note: str
    qty: Decimal = Decimal(0)
    """The next attempt, due after `delay_seconds`."""
    later_qty: Decimal = Decimal(0)
    """A second attempt of its own, due after `later_delay_seconds`."""
    delay_seconds: float = 0.0
    later_delay_seconds: float = 0.0
    bound_bps: Decimal | None = None
    """The bound of the attempt beyond the touch; None for the bound of the parent's other
    children."""
    algorithm: Algorithm | None = None
    """The algorithm for the rest from now on; None for the same as before."""

    @property
    def stop(self) -> bool:
        """Whether the parent ends with an alert and everything unfilled is released."""
        return self.step is BackupStep.STOP_AND_ALERT


def effect_of_step(
    step: BackupStep, attempt: FailedAttempt, rules: LotRules, fallback: Algorithm
) -> FallbackEffect:
    """The effect of one step on one failed attempt. Raises Infeasible when the step is
    impossible."""
    match step:
        case BackupStep.RETRY:
            return _retry(attempt, rules)
        case BackupStep.REDUCE_SIZE:
            return _reduce_size(attempt, rules)
        case BackupStep.MARKET_ORDER_FALLBACK:
            return _market_order_fallback(attempt, rules)
        case BackupStep.OTHER_ALGORITHM:
            return _other_algorithm(attempt, rules, fallback)
        case BackupStep.STOP_AND_ALERT:
            return _stop(attempt)


def _retry(attempt: FailedAttempt, rules: LotRules) -> FallbackEffect:
    qty, dust = _sendable(attempt, rules, attempt.price)
    delay = _before_deadline(attempt, _delay_seconds(attempt))
    return FallbackEffect(
        step=BackupStep.RETRY,
        qty=qty,
        released=dust,
        delay_seconds=delay,
        bound_bps=_next_bound(attempt),
        note=f"{attempt.failure.value}: {shortest(qty)} again after {delay:g} s",
    )


def _reduce_size(attempt: FailedAttempt, rules: LotRules) -> FallbackEffect:
    _as_a_whole(attempt, BackupStep.REDUCE_SIZE)
    qty, dust = _sendable(attempt, rules, attempt.price)
    half = qty // rules.qty_step // 2 * rules.qty_step
    least = attempt.minimum(rules)
    if half < least:
        raise Infeasible(
            f"half of {shortest(qty)} is under the venue's minimum of {shortest(least)}"
        )
    delay = backoff_seconds(attempt.number)
    later = _before_deadline(attempt, delay + backoff_seconds(attempt.number + 1))
    rest = qty - half
    return FallbackEffect(
        step=BackupStep.REDUCE_SIZE,
        qty=half,
        later_qty=rest,
        released=dust,
        delay_seconds=delay,
        later_delay_seconds=later,
        note=f"{attempt.failure.value}: {shortest(half)} after {delay:g} s, "
        f"{shortest(rest)} after {later:g} s",
    )


def _market_order_fallback(attempt: FailedAttempt, rules: LotRules) -> FallbackEffect:
    # A sale's notional is counted at its bound; a purchase passes a little too late at worst.
    lowest = attempt.price * (1 - attempt.widest_bps / 10_000)
    qty, dust = _sendable(attempt, rules, lowest)
    _before_deadline(attempt, 0.0)
    return FallbackEffect(
        step=BackupStep.MARKET_ORDER_FALLBACK,
        qty=qty,
        released=dust,
        bound_bps=attempt.widest_bps,
        note=f"{attempt.failure.value}: {shortest(qty)} at once, "
        f"at most {shortest(attempt.widest_bps)} bps beyond the touch",
    )


def _other_algorithm(
    attempt: FailedAttempt, rules: LotRules, fallback: Algorithm
) -> FallbackEffect:
    _as_a_whole(attempt, BackupStep.OTHER_ALGORITHM)
    if attempt.algorithm is fallback:
        raise Infeasible(f"{fallback.value} works it already")
    qty, dust = _sendable(attempt, rules, attempt.price)
    _before_deadline(attempt, 0.0)
    return FallbackEffect(
        step=BackupStep.OTHER_ALGORITHM,
        qty=qty,
        released=dust,
        algorithm=fallback,
        note=f"{attempt.failure.value}: {shortest(qty)} goes from {attempt.algorithm.value} "
        f"to {fallback.value}",
    )


def _stop(attempt: FailedAttempt) -> FallbackEffect:
    return FallbackEffect(
        step=BackupStep.STOP_AND_ALERT,
        released=attempt.rest,
        note=f"{attempt.failure.value}: nothing more to try, {shortest(attempt.rest)} released",
    )


def too_small(attempt: FailedAttempt) -> FallbackEffect:
    """The release of a rest that can't be sent; this is no step of a policy."""
    return FallbackEffect(
        step=None,
        released=attempt.rest,
        note=f"{attempt.failure.value}: {shortest(attempt.rest)} is under the venue's minimum "
        "and released",
    )


def too_late(attempt: FailedAttempt) -> FallbackEffect:
    """The release of the rest at the deadline; this is no step of a policy."""
    return FallbackEffect(
        step=None,
        released=attempt.rest,
        note=f"{attempt.failure.value}: {attempt.seconds_left:g} s before the deadline, "
        f"{shortest(attempt.rest)} released",
    )


def backoff_seconds(number: int) -> float:
    """The delay after the attempt of this number: doubled each time, up to a bound."""
    doublings = min(number - 1, 16)
    return min(FIRST_DELAY_SECONDS * 2.0**doublings, MAX_DELAY_SECONDS)


def _delay_seconds(attempt: FailedAttempt) -> float:
    """The delay before the next attempt; an exit's is bounded to a moment."""
    delay = backoff_seconds(attempt.number)
    return min(delay, MAX_EXIT_DELAY_SECONDS) if attempt.reduce_only else delay


def _next_bound(attempt: FailedAttempt) -> Decimal | None:
    """The next bound of an exit: wider when it found too little, narrower when the venue refused
    the price, otherwise the same."""
    bound = attempt.bound_bps
    if bound is None:
        return None
    if attempt.failure is FailureClass.PRICE:
        return bound / 2
    if attempt.failure is FailureClass.NO_LIQUIDITY:
        return min(bound * 2, attempt.widest_bps)
    return bound


def _as_a_whole(attempt: FailedAttempt, step: BackupStep) -> None:
    if attempt.closes_position:
        raise Infeasible(f"a whole position is closed at once, never by {step.value}")


def _before_deadline(attempt: FailedAttempt, delay_seconds: float) -> float:
    if delay_seconds >= attempt.seconds_left:
        raise Infeasible(f"the deadline comes before an attempt after {delay_seconds:g} s")
    return delay_seconds


def _sendable(attempt: FailedAttempt, rules: LotRules, price: Decimal) -> tuple[Decimal, Decimal]:
    """The rest in whole lots, and its part under a lot."""
    if attempt.closes_position:
        return attempt.rest, Decimal(0)
    lots, dust = whole_lots(attempt.rest, rules.qty_step)
    qty, least = lots * rules.qty_step, attempt.minimum(rules, price)
    if qty < least:
        raise Infeasible(f"{shortest(qty)} is under the venue's minimum of {shortest(least)}")
    return qty, dust
