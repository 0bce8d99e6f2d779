"""How each part of the snapshot's statement fills in the account data."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from models.repositories.portfolio import HeldPosition, HeldReservation
from models.repositories.safety.states import state_row
from models.repositories.strategies import of_facts
from models.repositories.trading.snapshot_facts import AccountFacts
from models.repositories.trading.snapshot_parts import breaker_row, instrument_row

_Reader = Callable[[AccountFacts, Sequence[str], Sequence[Decimal], datetime], None]


def _state(
    facts: AccountFacts, words: Sequence[str], numbers: Sequence[Decimal], _: object
) -> None:
    facts.states.append(state_row(words, numbers))


def _breaker(facts: AccountFacts, words: Sequence[str], _: object, __: object) -> None:
    facts.breakers.append(breaker_row(words))


def _size_share(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    (facts.size_share,) = numbers


def _recovery(
    facts: AccountFacts, words: Sequence[str], numbers: Sequence[Decimal], _: object
) -> None:
    scope = (words[0], words[1])
    facts.recoveries[scope] = min(numbers[0], facts.recoveries.get(scope, numbers[0]))


def _fitness(facts: AccountFacts, words: Sequence[str], _: object, at: datetime) -> None:
    facts.fitness = (words[0] == "true", words[1], at)


def _lease(
    facts: AccountFacts, words: Sequence[str], numbers: Sequence[Decimal], _: object
) -> None:
    facts.lease = (words, numbers)


def _stage(
    facts: AccountFacts, words: Sequence[str], numbers: Sequence[Decimal], _: object
) -> None:
    facts.stage = of_facts(words, numbers)


def _stage_exposure(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    (facts.stage_exposure,) = numbers


def _instrument(
    facts: AccountFacts, words: Sequence[str], numbers: Sequence[Decimal], at: datetime
) -> None:
    facts.instrument = instrument_row(words, numbers, at)


def _position(
    facts: AccountFacts, words: Sequence[str], numbers: Sequence[Decimal], marked_at: datetime
) -> None:
    qty, entry, liquidation, mark = numbers
    facts.positions.append(HeldPosition(words[0], qty, entry, liquidation, mark, marked_at))


def _fill(facts: AccountFacts, _: object, numbers: Sequence[Decimal], at: datetime) -> None:
    facts.newest_fill = (numbers[0], at)


def _unbooked(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    (facts.unbooked,) = numbers


def _reserved(
    facts: AccountFacts, words: Sequence[str], numbers: Sequence[Decimal], _: object
) -> None:
    symbol, side, reduce_only = words
    facts.reservations.append(HeldReservation(symbol, side, reduce_only == "true", *numbers))


def _own(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    (facts.own_qty,) = numbers


def _own_working(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    (facts.own_working,) = numbers


def _own_reserved(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    (facts.own_reserved,) = numbers


def _equity(facts: AccountFacts, _: object, numbers: Sequence[Decimal], at: datetime) -> None:
    facts.equity, facts.available = numbers
    facts.equity_at = at


def _in_flight(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    facts.resting_notional, facts.filled_since = numbers


def _equity_a_day_ago(
    facts: AccountFacts, _: object, numbers: Sequence[Decimal], at: datetime
) -> None:
    (facts.equity_a_day_ago,) = numbers
    facts.equity_a_day_ago_at = at


def _cash_flow(facts: AccountFacts, _: object, numbers: Sequence[Decimal], at: datetime) -> None:
    facts.cash_flows.append((at, numbers[0]))


def _equity_day(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    facts.equity_day_start, facts.equity_peak = numbers


def _losses(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    facts.consecutive_losses = int(numbers[0])


def _orders(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    facts.orders_last_second = int(numbers[0])


def _same_orders(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    facts.same_orders_last_minute = int(numbers[0])


READERS: dict[str, _Reader] = {
    "state": _state,
    "breaker": _breaker,
    "size_share": _size_share,
    "recovery": _recovery,
    "fitness": _fitness,
    "lease": _lease,
    "stage": _stage,
    "stage_exposure": _stage_exposure,
    "instrument": _instrument,
    "position": _position,
    "fill": _fill,
    "unbooked": _unbooked,
    "reserved": _reserved,
    "own": _own,
    "own_working": _own_working,
    "own_reserved": _own_reserved,
    "equity": _equity,
    "in_flight": _in_flight,
    "equity_a_day_ago": _equity_a_day_ago,
    "cash_flow": _cash_flow,
    "equity_day": _equity_day,
    "losses": _losses,
    "orders": _orders,
    "same_orders": _same_orders,
}
"""The reader of each part, by the name that stands in its first column."""
