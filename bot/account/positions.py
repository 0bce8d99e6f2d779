"""Comparing our positions, which are summed from fills, with the exchange's."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from bot.errors import Refused
from bot.exchange.protocol import HEDGE_MODE, ExchangePosition, UnreadableFact
from bot.execution.booking import unreadable
from bot.execution.booking.executions import Executions
from bot.execution.ports import Deps
from bot.state import fitness
from models.repositories import portfolio


class PositionCheck:
    """Compares one account's positions."""

    def __init__(self, deps: Deps, executions: Executions) -> None:
        self._db = deps.db
        self._exchange = deps.exchange
        self._account = deps.account
        self._clock = deps.clock
        self._executions = executions

    def differences(self) -> dict[str, tuple[Decimal, Decimal]]:
        """The positions that differ, by symbol: (ours, summed from fills, and the exchange's).

        A fill may be under way while both are read. A difference is therefore read once more, and
        counts if it has the same direction.
        """
        first = self._compare()
        if not first:
            return {}
        self._executions.read_newest()
        second = self._compare()
        return {
            symbol: (ours, theirs)
            for symbol, (ours, theirs) in second.items()
            if symbol in first and (theirs - ours) * (first[symbol][1] - first[symbol][0]) > 0
        }

    def _compare(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Compares the symbols that the exchange covers. An unreadable position is unknown, not
        flat."""
        asked_at = self._clock.now()
        reported = self._exchange.positions()
        unknown = {f.symbol for f in self.park_unreadable() if f.kind == "position"}
        theirs = {p.symbol: p.qty for p in reported}
        self.store(reported, asked_at)
        with self._db.transaction() as session:
            portfolio.forget_liquidation_prices(session, self._account, theirs.keys() | unknown)
            ours = {p.symbol: p.qty for p in portfolio.positions(session, self._account)}
        return {
            symbol: (ours.get(symbol, Decimal(0)), theirs.get(symbol, Decimal(0)))
            for symbol in sorted(ours.keys() | theirs.keys())
            if symbol not in unknown and self._exchange.covers(symbol)
            if ours.get(symbol, Decimal(0)) != theirs.get(symbol, Decimal(0))
        }

    def differences_or_unfit(self) -> tuple[dict[str, tuple[Decimal, Decimal]], str | None]:
        """The differences, or the one fact that makes them meaningless and stops entries."""
        try:
            return self.differences(), None
        except Refused as error:
            if error.code != HEDGE_MODE:
                raise
            with self._db.reading() as session:
                known = fitness.stored(session, self._account)
            if known is None or known.ok:
                told = f"{error.code}: {error.message}"
                found = fitness.Fitness(False, self._clock.now(), told)
                fitness.record(self._db, self._account, found)
            return {}, error.message

    def park_unreadable(self) -> Sequence[UnreadableFact]:
        """Stores and alerts of rows that could not be read; returns them."""
        found = self._exchange.take_unreadable()
        unreadable.park(self._db, self._account, found, self._clock.now())
        return found

    def store(self, reported: Iterable[ExchangePosition], said_at: datetime) -> None:
        """Stores liquidation prices and marks of positions that were read at `said_at`. Quantities
        come from fills alone."""
        facts = {
            p.symbol: portfolio.ReportedPosition(p.qty, p.liquidation_price, p.mark_price)
            for p in reported
        }
        with self._db.transaction() as session:
            portfolio.store_reported(session, self._account, facts, said_at)
