"""Adopting a position: the ledger is made to agree with the exchange by an operator's act.

A position that is older than the executions that can be read, or whose execution was unreadable,
disagrees for ever. No fill is invented for it: an adoption is a row of its own, beside the fills.
"""

from dataclasses import dataclass
from decimal import Decimal

from bot.account.reconciliation import Reconciler
from bot.authority.actors import Actor, Power, named, record, require
from bot.clock import Clock
from bot.errors import Refused
from bot.exchange.protocol import Exchange, ExchangePosition
from bot.execution.ports import TaskQueue
from models.amounts import ZERO
from models.database import Database, UnitOfWork
from models.locks import lock_account
from models.repositories import disagreements, portfolio, shares
from models.tables import PositionAdoptionRow, PositionRow


@dataclass(frozen=True, slots=True)
class Difference:
    """What an adoption would do; both quantities were steady while they were read."""

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
    """The operator's hand on one account's ledger."""

    def __init__(
        self,
        *,
        db: Database,
        exchange: Exchange,
        account: str,
        clock: Clock,
        task_queue: TaskQueue,
        free: bool = False,
    ) -> None:
        """`free`: an adoption needs no login here."""
        self._db = db
        self._exchange = exchange
        self._account = account
        self._clock = clock
        self._free = free
        self._reconciler = Reconciler(
            db=db, exchange=exchange, account=account, clock=clock, task_queue=task_queue
        )

    def look(self, symbol: str) -> Difference:
        """Reads the executions that are still to be had, and both quantities.

        Raises Refused when either moves meanwhile: then a difference may be a fill under way.
        """
        self._reconciler.read_newest_executions()
        ours, theirs = self._ours(symbol), self._theirs(symbol)
        self._reconciler.read_newest_executions()
        qty = ZERO if theirs is None else theirs.qty
        again = self._theirs(symbol)
        if self._ours(symbol) != ours or (ZERO if again is None else again.qty) != qty:
            raise Refused(f"{symbol} is being traded; try again when it is quiet", code="moving")
        if theirs is None:
            return Difference(symbol, ours, ZERO, None, None)
        return Difference(symbol, ours, qty, theirs.entry_price, theirs.liquidation_price)

    def adopt(self, seen: Difference, *, reason: str, actor: Actor, strategy: str = "") -> bool:
        """Makes the ledger agree with what was seen; False: it did already.

        What is adopted belongs to `strategy`, or to nobody: emergency exits close everybody's.
        Raises Refused without a reason, or when the ledger has moved since the look, and
        NotAuthorised where it takes a login.
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
                    f"{seen.symbol} was traded since it was looked at: it is "
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
            # What was paid for the position that is gone waits for no trade to close it.
            position.open_costs = ZERO
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
