"""When an open position is closed, alerted or halts trading: pure conditions.

Longs and shorts mirror each other. Shares of the entry value count prices alone: costs are left
out, as at the exchange's own stops.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from config.keys.positions import PositionRules

ONE = Decimal(1)


class Cause(StrEnum):
    """Why the monitor acts on a position; stored, so never renamed."""

    LIQUIDATION = "liquidation_near"
    STOP_LOSS = "stop_loss"
    STRATEGY_STOP = "strategy_stop"
    TRAILING_STOP = "trailing_stop"
    TAKE_PROFIT = "take_profit"
    AGE = "max_holding_hours"
    CONFIDENCE = "confidence_drop"
    DRAWDOWN = "max_position_drawdown"
    LOSS = "alert_threshold"
    CROWDED = "max_correlated_positions"
    NO_PRICE = "no_price"
    STOP_FAILED = "protective_stop_failed"


OF_THE_STOP = frozenset({Cause.STOP_LOSS, Cause.STRATEGY_STOP})
"""The causes for which a stop rests at the exchange."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """A strategy's confidence at its entry, and its newest one for the same trade since."""

    strategy: str
    at_entry: float
    newest: float


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of one open position. `qty` is signed, prices are in quote currency."""

    symbol: str
    qty: Decimal
    mark: Decimal
    opened_at: datetime
    entry_price: Decimal | None = None
    best_price: Decimal | None = None
    """The best mark since the position was opened."""
    liquidation_price: Decimal | None = None
    strategy_stop: Decimal | None = None
    """The tightest stop price of the strategies whose trades made the position."""
    confidences: tuple[Confidence, ...] = ()

    @property
    def sign(self) -> int:
        """+1 for a long, -1 for a short."""
        return 1 if self.qty > 0 else -1

    @property
    def gain(self) -> Decimal | None:
        """The gain as a share of the entry value, negative for a loss; None without an entry."""
        if self.entry_price is None or self.entry_price <= 0:
            return None
        return (self.mark - self.entry_price) * self.sign / self.entry_price


@dataclass(frozen=True, slots=True)
class Alarm:
    """A condition that holds: the value that was seen, its limit, and a sentence."""

    cause: Cause
    value: str
    limit: str
    sentence: str
    strategy: str | None = None
    """The strategy whose share alone is closed; None: the whole position."""


def better(side: int, one: Decimal, other: Decimal) -> Decimal:
    """The better of two prices for a long (side 1) or a short (side -1)."""
    return max(one, other) if side > 0 else min(one, other)


def stop_price(
    side: int, entry: Decimal, rules: PositionRules, strategy_stop: Decimal | None
) -> Decimal:
    """The price at which the position is closed at a loss: the strategy's own where it is tighter,
    else that of `stop_loss`."""
    own = entry * (ONE - side * rules.stop_loss)
    return own if strategy_stop is None else better(side, own, strategy_stop)


def exits(
    position: Watched, rules: PositionRules, min_liquidation_distance: float, now: datetime
) -> list[Alarm]:
    """The reasons to close the position now, the gravest first."""
    found = (
        _liquidation(position, Decimal(repr(min_liquidation_distance))),
        _stop_loss(position, rules),
        _strategy_stop(position),
        _trailing(position, rules),
        _take_profit(position, rules),
        _age(position, rules, now),
        *_confidences(position, rules),
    )
    return [finding for finding in found if finding is not None]


def drawdown(position: Watched, rules: PositionRules) -> Alarm | None:
    """The fall of the position's value from its best one, which halts trading."""
    fall = _fall(position)
    if fall is None or fall < rules.max_position_drawdown:
        return None
    return _finding(
        Cause.DRAWDOWN,
        fall,
        rules.max_position_drawdown,
        position,
        "has fallen from its best value",
    )


def alerts(position: Watched, rules: PositionRules) -> list[Alarm]:
    """What people should know before anything is closed."""
    gain = position.gain
    if gain is None or -gain < rules.alert_threshold:
        return []
    return [_finding(Cause.LOSS, -gain, rules.alert_threshold, position, "has lost")]


def crowd(position: Watched, moving_along: int, most: int) -> Alarm | None:
    """More positions in other symbols move with this one than are allowed."""
    if moving_along <= most:
        return None
    sentence = f"{moving_along} other positions move with {position.symbol}; the limit is {most}"
    return Alarm(Cause.CROWDED, str(moving_along), str(most), sentence)


def stop_did_not_close(symbol: str, open_for: timedelta, rules: PositionRules) -> Alarm:
    """The mark has reached the stop at the exchange, and the position is still open."""
    seconds, limit = open_for.total_seconds(), rules.stop_fill_seconds
    return Alarm(
        Cause.STOP_FAILED,
        f"{seconds:.1f}",
        f"{limit:g}",
        f"{symbol} is still open {seconds:.1f} s after the mark reached its stop at the exchange; "
        f"the limit is {limit:g} s",
    )


def stop_failed(symbol: str) -> Alarm:
    """No stop of the position rests at the exchange, and one has failed."""
    sentence = f"no protective stop of {symbol} rests at the exchange"
    return Alarm(Cause.STOP_FAILED, "none", "one stop", sentence)


def _liquidation(position: Watched, least: Decimal) -> Alarm | None:
    price = position.liquidation_price
    if price is None or price <= 0 or position.mark <= 0:
        return None
    distance = (position.mark - price) * position.sign / position.mark
    if distance >= least:
        return None
    return Alarm(
        Cause.LIQUIDATION,
        f"{distance:.6f}",
        f"{least:f}",
        f"{position.symbol} is {distance:.2%} from its liquidation at {price.normalize():f}; the "
        f"least distance is {least:.2%}",
    )


def _stop_loss(position: Watched, rules: PositionRules) -> Alarm | None:
    gain = position.gain
    if gain is None or -gain < rules.stop_loss:
        return None
    return _finding(Cause.STOP_LOSS, -gain, rules.stop_loss, position, "has lost")


def _strategy_stop(position: Watched) -> Alarm | None:
    stop = position.strategy_stop
    if stop is None or (position.mark - stop) * position.sign > 0:
        return None
    text, mark = f"{stop.normalize():f}", f"{position.mark.normalize():f}"
    sentence = f"the mark of {position.symbol} is {mark}; its strategy's stop is {text}"
    return Alarm(Cause.STRATEGY_STOP, mark, text, sentence)


def _trailing(position: Watched, rules: PositionRules) -> Alarm | None:
    fall, limit = _fall(position), rules.trailing_stop
    if fall is None or limit is None or fall < limit:
        return None
    return _finding(Cause.TRAILING_STOP, fall, limit, position, "has fallen from its best price")


def _take_profit(position: Watched, rules: PositionRules) -> Alarm | None:
    gain = position.gain
    if gain is None or gain < rules.take_profit:
        return None
    return _finding(Cause.TAKE_PROFIT, gain, rules.take_profit, position, "has gained")


def _age(position: Watched, rules: PositionRules, now: datetime) -> Alarm | None:
    age, most = now - position.opened_at, timedelta(hours=rules.max_holding_hours)
    if age < most:
        return None
    hours = age / timedelta(hours=1)
    return Alarm(
        Cause.AGE,
        f"{hours:.4f}",
        f"{rules.max_holding_hours:g}",
        f"{position.symbol} has been open for {hours:.2f} hours; the limit is "
        f"{rules.max_holding_hours:g}",
    )


def _confidences(position: Watched, rules: PositionRules) -> Iterator[Alarm]:
    for each in position.confidences:
        if each.at_entry <= 0:
            continue
        fall = (each.at_entry - each.newest) / each.at_entry
        if fall >= rules.confidence_drop:
            yield Alarm(
                Cause.CONFIDENCE,
                f"{fall:.6f}",
                f"{rules.confidence_drop:g}",
                f"the confidence of {each.strategy} in {position.symbol} fell from "
                f"{each.at_entry:.3f} to {each.newest:.3f}; the limit is a fall of "
                f"{rules.confidence_drop:.0%}",
                strategy=each.strategy,
            )


def _fall(position: Watched) -> Decimal | None:
    """The fall from the best price as a share of it, never negative."""
    best = position.best_price
    if best is None or best <= 0:
        return None
    best = better(position.sign, best, position.mark)
    return (best - position.mark) * position.sign / best


def _finding(cause: Cause, value: Decimal, limit: Decimal, position: Watched, words: str) -> Alarm:
    sentence = f"{position.symbol} {words} {value:.2%}; the limit is {limit:.2%}"
    return Alarm(cause, f"{value:.6f}", f"{limit:f}", sentence)
