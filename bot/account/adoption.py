"""Adopting a position: an operator makes the ledger agree with the exchange.

A position disagrees for ever when it is older than the executions that can be read, or when an
execution of it was unreadable. No fill is invented for it: an adoption is a row of its own, beside
the fills.
"""

from dataclasses import dataclass
from decimal import Decimal

from bot.account.reconciliation import Reconciler
from bot.authority.actors import Actor, Power, named, record, require
from bot.errors import Refused
from bot.exchange.protocol import ExchangePosition
from bot.execution.ports import Deps
from models.amounts import ZERO
from models.database import UnitOfWork
from models.locks import lock_account
from models.repositories import portfolio, shares
from models.repositories.safety import disagreements
from models.tables import PositionAdoptionRow, PositionRow


@dataclass(frozen=True, slots=True)
class Difference:
    """The change that an adoption would make. Both quantities were steady while they were read."""

    symbol: str
    before: Decimal
    after: Decimal
    entry_price: Decimal | None
    liquidation_price: Decimal | None

    @property
    def changes(self) -> bool:
        """Whether the adoption would change the ledger."""
        return self.before != self.after


class Adopter:
    """Adoptions of one account's positions, for operators."""

    def __init__(self, deps: Deps, *, free: bool = False) -> None:
        """`free` is True where an adoption needs no login."""
        self._db = deps.db
        self._exchange = deps.exchange
        self._account = deps.account
        self._clock = deps.clock
        self._free = free
        self._reconciler = Reconciler(deps)

    def look(self, symbol: str) -> Difference:
        """Reads the executions that the exchange still has, and both quantities.

        Raises Refused when either quantity moves meanwhile, because a fill may be under way.
        """
        self._reconciler.read_newest_executions()
        ours, theirs = self._ours(symbol), self._theirs(symbol)
        self._reconciler.read_newest_executions()
        qty = ZERO if theirs is None else theirs.qty
        again = self._theirs(symbol)
        if self._ours(symbol) != ours or (ZERO if again is None else again.qty) != qty:
            raise Refused(
                f"{symbol} is being traded; try again when no trade is under way", code="moving"
            )
        if theirs is None:
            return Difference(symbol, ours, ZERO, None, None)
        return Difference(symbol, ours, qty, theirs.entry_price, theirs.liquidation_price)

    def adopt(self, seen: Difference, *, reason: str, actor: Actor, strategy: str = "") -> bool:
        """Makes the ledger agree with the seen quantities; returns False when it agreed already.

        The adopted quantity belongs to `strategy`, or to no strategy when that is None. Emergency
        exits close the positions of all. Raises Refused without a reason, or when the ledger has
        moved since the look, and NotAuthorised where an adoption needs a login.
        """
        if not reason.strip():
            raise Refused("an adoption needs a reason", code="no_reason")
        if not seen.changes:
            return False
        if not self._free:
            require(actor, Power.ADOPT_POSITION, f"adopting {seen.symbol}")
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            lock_account(uow.session, self._account)
            position = portfolio.lock_position(uow.session, self._account, seen.symbol, now)
            if position.qty != seen.before:
                raise Refused(
                    f"{seen.symbol} was traded since you looked at it: the position is "
                    f"{position.qty.normalize():f} now",
                    code="moving",
                )
            self._write(uow, position, seen, reason, actor, strategy)
            uow.commit()
        return True

    def _write(
        self,
        uow: UnitOfWork,
        position: PositionRow,
        seen: Difference,
        reason: str,
        actor: Actor,
        strategy: str,
    ) -> None:
        now = self._clock.now()
        uow.session.add(
            PositionAdoptionRow(
                account=self._account,
                symbol=seen.symbol,
                qty_before=seen.before,
                qty_after=seen.after,
                entry_before=position.entry_price,
                entry_after=seen.entry_price,
                strategy=strategy or shares.NOBODY,
                reason=reason,
                actor=named(actor),
                adopted_at=now,
            )
        )
        if seen.before * seen.after <= 0:
            # The position is gone, so its costs wait for no closing trade.
            position.open_costs = ZERO
            position.opened_at = now if seen.after else None
        position.qty, position.entry_price = seen.after, seen.entry_price
        position.liquidation_price, position.updated_at = seen.liquidation_price, now
        shares.move(
            uow.session,
            self._account,
            seen.symbol,
            strategy or shares.NOBODY,
            seen.after - seen.before,
            now,
            takes=not strategy,
        )
        disagreements.forget(uow.session, self._account, seen.symbol)
        details = {
            "before": format(seen.before, "f"),
            "after": format(seen.after, "f"),
            "entry_price": None if seen.entry_price is None else format(seen.entry_price, "f"),
            "strategy": strategy,
            "reason": reason,
        }
        record(uow, self._account, "position_adopted", seen.symbol, actor, details, now)

    def _ours(self, symbol: str) -> Decimal:
        with self._db.reading() as session:
            row = session.get(PositionRow, (self._account, symbol))
        return ZERO if row is None else row.qty

    def _theirs(self, symbol: str) -> ExchangePosition | None:
        found = [p for p in self._exchange.positions() if p.symbol == symbol]
        for fact in self._exchange.take_unreadable():
            if fact.kind == "position" and fact.symbol == symbol:
                raise Refused(f"{symbol} can't be read: {fact.why}", code="unreadable")
        return found[0] if found else None
