"""Asking the exchange: what became of a child, and whether our books agree with the exchange's."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from bot.clock import Clock
from bot.errors import MlriskError, Refused
from bot.exchange.bybit.retcodes import is_unexpected
from bot.exchange.protocol import (
    HEDGE_MODE,
    Exchange,
    ExchangeOrder,
    ExchangePosition,
    Execution,
    UnreadableFact,
    Wallet,
)
from bot.execution import absence, belonging, fitness, ownership, settlement, unreadable
from bot.execution.budget import OrderBudget
from bot.execution.cancelling import Cancels
from bot.execution.cash_flows import CashFlows
from bot.execution.fills import FillBook
from bot.execution.identity import PREFIX, is_in_our_form
from bot.execution.lost_orders import LostOrders, waits
from bot.execution.one_by_one import each
from bot.execution.orphans import Orphans
from bot.execution.other_fees import OtherFees
from bot.execution.parents import is_urgent, wake_child
from bot.execution.ports import Wakeups
from bot.execution.trading_rules import TradingRules
from bot.failpoints import AFTER_EXPIRY_COMMIT, BEFORE_EXPIRY_COMMIT, hit
from models.backup import FailureClass
from models.database import Database
from models.enums import ChildState
from models.locks import lock_order, lock_parent
from models.open_rows import CHILD_WAS_GIVEN_UP
from models.repositories import orders, portfolio
from models.tables import ChildOrderRow, ParentOrderRow

log = logging.getLogger(__name__)

EXECUTION_OVERLAP = timedelta(minutes=5)
"""Executions are read again from this long before the newest stored one."""
VANISHED_MARGIN = timedelta(seconds=2)
"""An order that was sent just now may not be in the list of open ones yet."""
MAX_POSTS = 5
"""So many attempts of one order that the exchange does not take, and it is no accident."""
EXPIRED_RECHECK = timedelta(seconds=60)
"""An order given up as never taken is looked for once more after this long."""


@dataclass(frozen=True, slots=True)
class AccountReport:
    """What reconciling an account found."""

    new_fills: int
    foreign_orders: tuple[str, ...]
    """Order ids of what rests and is no child's of ours."""
    position_differences: dict[str, tuple[Decimal, Decimal]]
    """Symbol -> (ours, the exchange's)."""
    called_back: tuple[str, ...] = ()
    """Our orders that rested although their children had ended here: they are cancelled."""
    orphans: tuple[ExchangeOrder, ...] = ()
    """Those of them that are in our name although no row explains them; what adds is cancelled."""
    unfit: str | None = None
    """Why the account's positions can't be compared at all: it is in hedge mode."""


class Reconciler:
    """Compares one account's rows with the exchange's record and adopts what is missing."""

    def __init__(
        self,
        *,
        db: Database,
        exchange: Exchange,
        account: str,
        clock: Clock,
        wakeups: Wakeups,
        budget: OrderBudget | None = None,
    ) -> None:
        """`budget` paces the cancels; without one the exchange's limit alone does."""
        absence.require_room(exchange.recv_window_ms)
        self._db = db
        self._exchange = exchange
        self._account = account
        self._clock = clock
        self._wakeups = wakeups
        self._fills = FillBook(db, account, wakeups)
        self._cancels = Cancels(exchange, budget, account)
        self._cash = CashFlows(db, exchange, account, clock)
        self._other_fees = OtherFees(db, exchange, account, clock)
        self._orphans = Orphans(db, exchange, self._cancels, account, clock)
        self._rules = TradingRules(db, exchange, clock)
        self._lost = LostOrders(
            db=db,
            exchange=exchange,
            account=account,
            clock=clock,
            wakeups=wakeups,
            fills=self._fills,
            cancels=self._cancels,
        )

    def resolve_child(self, child_id: int) -> ChildState | None:
        """Brings a child to the truth; never places anything itself."""
        with self._db.reading() as session:
            child = session.get(ChildOrderRow, child_id)
        if child is not None and child.account != self._account:
            # These keys see nothing of it: absence would be taken for proof.
            self._refuse(child)
            return None
        if child is None or not ChildState(child.state).may_be_at_exchange:
            return None if child is None else ChildState(child.state)
        order = self._exchange.find_order(child.symbol, child.order_link_id)
        if order is None:
            self._absent(child_id)
            self._lost.missing(child_id)
        elif self._is_own(child, order):
            if child.absences:
                self._lost.found(child_id)
            self._adopt(order)
        else:
            self._absent(child_id, taken_by=order.order_id)
        with self._db.reading() as session:
            row = session.get_one(ChildOrderRow, child_id)
            return ChildState(row.state)

    def resolve_all(self, *, older_than: timedelta) -> int:
        """Looks up every child that should have been heard of by now; returns how many.

        A child that is known to rest may do so in silence: `reconcile_account` looks after it. One
        that can't be looked up doesn't keep others from it; several in a row mean that nothing
        can, and the error is raised.
        """
        before = self._clock.now() - older_than
        with self._db.reading() as session:
            ids = [
                child.child_id
                for child in orders.unresolved_children(
                    session, account=self._account, older_than=before
                )
                if not _rests_in_silence(child, before) and not waits(child, self._clock.now())
            ]
        self._resolve_each(ids)
        return len(ids)

    def _resolve_each(self, ids: Sequence[int]) -> None:
        for _ in each(ids, self.resolve_child, "a child can't be looked up"):
            pass

    def expire_overdue(self, limit: int = 500) -> int:
        """Ends planned children whose deadline has passed, those of a parent together.

        `limit` parents are looked at; returns how many children ended.
        """
        now = self._clock.now()
        with self._db.reading() as session:
            overdue = orders.overdue_requests(session, self._account, now, limit)
        return sum(
            each(overdue, lambda request_id: self._expire(request_id, now), "overdue children stay")
        )

    def _expire(self, request_id: str, now: datetime) -> int:
        with self._db.unit_of_work() as uow:
            parent = lock_parent(uow.session, request_id)
            if parent is None:
                return 0
            ended = settlement.expire(uow, parent, now, self._wakeups)
            hit(BEFORE_EXPIRY_COMMIT, parent.algorithm)
            uow.commit()
            hit(AFTER_EXPIRY_COMMIT, parent.algorithm)
        return ended

    def recheck_expired(self) -> int:
        """Looks once more for orders that were given up; one that turns up is cancelled."""
        now = self._clock.now()
        with self._db.reading() as session:
            given_up = session.scalars(
                select(ChildOrderRow).where(
                    ChildOrderRow.account == self._account,
                    CHILD_WAS_GIVEN_UP,
                    ChildOrderRow.absences == 0,
                    ChildOrderRow.final_at.between(
                        now - 3 * EXPIRED_RECHECK, now - EXPIRED_RECHECK
                    ),
                )
            ).all()
        return sum(
            each(
                given_up,
                lambda child: self._recheck(child, now),
                "a given-up order can't be looked for",
            )
        )

    def _recheck(self, child: ChildOrderRow, now: datetime) -> int:
        order = self._exchange.find_order(child.symbol, child.order_link_id)
        if order is None or not self._is_own(child, order):
            self._looked(child, None)
            return 0
        if not order.status.is_final:
            self._cancels.send(child.symbol, child.order_link_id)
        self._read_executions(child.order_link_id)
        self._note("late_order", child.order_link_id, {"order_id": order.order_id}, now)
        self._looked(child, order.order_id)
        return 1

    def _looked(self, child: ChildOrderRow, order_id: str | None) -> None:
        """Once is enough: counted in the row, or every sweep of two minutes would look again."""
        with self._db.unit_of_work() as uow:
            found = lock_order(uow.session, child.child_id)
            if found is None:
                return
            if order_id is None:
                found[1].absences += 1
            else:
                found[1].exchange_order_id = order_id
            uow.commit()

    def reconcile_account(self) -> AccountReport:
        """Open orders, executions since the last stored one, positions and wallet."""
        asked_at = self._clock.now()
        new_fills = self.read_newest_executions()
        foreign, resting, ended, orphans = [], set(), [], []
        open_orders = self._exchange.open_orders()
        known = self._rows_of(open_orders)
        for order in open_orders:
            rows = known.get(order.order_link_id)
            if rows is None or not self._agrees(*rows, order):
                foreign.append(order.order_id)
                if rows is None and is_in_our_form(order.order_link_id):
                    orphans.append(order)
                continue
            resting.add(order.order_link_id)
            if ChildState(rows[1].state).is_final:
                ended.append(rows[1])
            else:
                self._fills.apply_order(order, self._clock.now())
        called_back = [child.order_link_id for child in ended if self._call_back(child)]
        called_back += [o.order_link_id for o in orphans if self._orphans.call_back(o)]
        self._resolve_vanished(asked_at, resting)
        differences, unfit = self._differences_or_unfit()
        self._park_unreadable()
        self._other_fees.price()
        return AccountReport(
            new_fills,
            tuple(foreign),
            differences,
            called_back=tuple(called_back),
            orphans=tuple(orphans),
            unfit=unfit,
        )

    def _differences_or_unfit(self) -> tuple[dict[str, tuple[Decimal, Decimal]], str | None]:
        """The differences, or the one fact that makes them meaningless; it stops what adds."""
        try:
            return self.position_differences(), None
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

    def _park_unreadable(self) -> Sequence[UnreadableFact]:
        found = self._exchange.take_unreadable()
        unreadable.park(self._db, self._account, found, self._clock.now())
        return found

    def read_newest_executions(self) -> int:
        """Executions since the newest stored one; returns how many were news."""
        with self._db.reading() as session:
            newest = orders.newest_fill_time(session, self._account)
        since = None if newest is None else newest - EXECUTION_OVERLAP
        return sum(self._apply(execution) for execution in self._exchange.executions(since=since))

    def _rows_of(
        self, open_orders: Iterable[ExchangeOrder]
    ) -> dict[str, tuple[ParentOrderRow, ChildOrderRow]]:
        """Parents and children whose ids these orders have, by order_link_id."""
        links = [o.order_link_id for o in open_orders if o.order_link_id.startswith(PREFIX)]
        with self._db.reading() as session:
            found = session.execute(
                select(ParentOrderRow, ChildOrderRow)
                .join(ChildOrderRow, ChildOrderRow.request_id == ParentOrderRow.request_id)
                .where(ChildOrderRow.order_link_id.in_(links))
            ).all()
        return {child.order_link_id: (parent, child) for parent, child in found}

    def _is_own(self, child: ChildOrderRow, order: ExchangeOrder) -> bool:
        with self._db.reading() as session:
            parent = session.get_one(ParentOrderRow, child.request_id)
        return self._agrees(parent, child, order)

    def _agrees(self, parent: ParentOrderRow, child: ChildOrderRow, order: ExchangeOrder) -> bool:
        why = belonging.order_mismatch(self._account, parent, child, order)
        if why is not None:
            log.error(
                "an order is not ours although it has our id: %s",
                why,
                extra={"order_id": order.order_id, "child": child.order_link_id},
            )
        return why is None

    def _call_back(self, child: ChildOrderRow) -> bool:
        """Cancels our order that rests although its child has ended here: nothing else would.

        The list may have been read before the order ended, so it is asked for once more. A call
        that fails is made again by the next reconciliation.
        """
        try:
            order = self._exchange.find_order(child.symbol, child.order_link_id)
            if order is None or order.status.is_final:
                return False
            self._cancels.send(child.symbol, child.order_link_id)
            self._read_executions(child.order_link_id)
        except MlriskError as error:
            log.critical(
                "an order of ours rests without a child and can't be cancelled: %s",
                error,
                extra={"child": child.order_link_id},
            )
            return False
        log.critical(
            "an order of ours rested although its child had ended; it is cancelled",
            extra={"order_id": order.order_id, "child": child.order_link_id},
        )
        details = {"order_id": order.order_id, "child_state": child.state}
        self._note("order_called_back", child.order_link_id, details, self._clock.now())
        return True

    def _resolve_vanished(self, asked_at: datetime, resting: set[str]) -> None:
        """Children that we believe to rest, sent before we asked, and that do not: they ended."""
        with self._db.reading() as session:
            believed = orders.unresolved_children(
                session, account=self._account, older_than=asked_at - VANISHED_MARGIN
            )
            gone = [
                c.child_id
                for c in believed
                if c.order_link_id not in resting and not waits(c, asked_at)
            ]
        self._resolve_each(gone)

    def record_wallet(self) -> Decimal:
        """Reads the wallet and stores it as the account's newest equity."""
        wallet = self._exchange.wallet()
        self.store_wallet(wallet)
        # After the wallet: what it shows of a withdrawal, the log shows as well.
        self._cash.read()
        return wallet.equity

    def store_wallet(self, wallet: Wallet) -> None:
        """Stores a reading of the wallet, whoever brought it, as the newest equity."""
        with self._db.transaction() as session:
            portfolio.record_equity(
                session,
                self._account,
                self._clock.now(),
                equity=wallet.equity,
                wallet_balance=wallet.wallet_balance,
                available=wallet.available,
                unrealised_pnl=wallet.unrealised_pnl,
            )

    def store_positions(self, reported: Iterable[ExchangePosition]) -> None:
        """Stores the liquidation prices of positions, whoever brought them; quantities come from
        fills alone."""
        prices = {p.symbol: (p.qty, p.liquidation_price) for p in reported}
        with self._db.transaction() as session:
            portfolio.store_liquidation_prices(session, self._account, prices)

    def refresh_instruments(self) -> int:
        """Reads the trading rules of every instrument; returns how many were stored."""
        return self._rules.refresh()

    def position_differences(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Where our net position, summed from fills, is not the exchange's: symbol -> (ours,
        theirs).

        A fill may be under way while both are read. What disagrees is looked at once more, and
        counts if it does so in the same direction.
        """
        first = self._compare_positions()
        if not first:
            return {}
        self.read_newest_executions()
        second = self._compare_positions()
        return {
            symbol: (ours, theirs)
            for symbol, (ours, theirs) in second.items()
            if symbol in first and (theirs - ours) * (first[symbol][1] - first[symbol][0]) > 0
        }

    def _compare_positions(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Of the symbols that the exchange tells us of; what can't be read is unknown, not flat."""
        reported = self._exchange.positions()
        unknown = {f.symbol for f in self._park_unreadable() if f.kind == "position"}
        theirs = {p.symbol: p.qty for p in reported}
        self.store_positions(reported)
        with self._db.transaction() as session:
            portfolio.forget_liquidation_prices(session, self._account, theirs.keys() | unknown)
            ours = {p.symbol: p.qty for p in portfolio.positions(session, self._account)}
        return {
            symbol: (ours.get(symbol, Decimal(0)), theirs.get(symbol, Decimal(0)))
            for symbol in sorted(ours.keys() | theirs.keys())
            if symbol not in unknown and self._exchange.covers(symbol)
            if ours.get(symbol, Decimal(0)) != theirs.get(symbol, Decimal(0))
        }

    def _refuse(self, child: ChildOrderRow) -> None:
        ownership.refuse(
            self._db,
            ours=self._account,
            theirs=child.account,
            subject=child.order_link_id,
            act="resolve",
            actor="reconcile",
            now=self._clock.now(),
        )

    def _adopt(self, order: ExchangeOrder) -> None:
        if order.filled_qty > 0:
            self._read_executions(order.order_link_id)
        self._fills.apply_order(order, self._clock.now())

    def _read_executions(self, link_id: str) -> None:
        for execution in self._exchange.executions(order_link_id=link_id):
            self._apply(execution)

    def _absent(self, child_id: int, *, taken_by: str | None = None) -> None:
        """The exchange shows no such order: wait, or conclude that it was never taken.

        `taken_by` is the order of somebody else that has its id: it can't be sent under it.
        """
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            found = lock_order(uow.session, child_id)
            if found is None or not self._provably_not_taken(found[1], now):
                return
            parent, child = found
            child.fencing_token += 1
            child.lease_owner, child.lease_until = None, None
            uow.audit(
                self._account,
                "child_not_taken",
                parent.request_id,
                "reconcile",
                {"child": child.order_link_id, "posts": child.posts, "id_taken_by": taken_by},
                now,
            )
            if (why := _given_up(child, taken_by)) is not None:
                log.critical("an order is given up: %s", why, extra={"child": child.order_link_id})
                settlement.end_child(
                    uow,
                    parent,
                    child,
                    ChildState.REJECTED,
                    now,
                    note=f"never taken: {why}",
                    wakeups=self._wakeups,
                    failure=FailureClass.REJECTED,
                )
            elif child.deadline_at <= now:
                settlement.end_child(
                    uow,
                    parent,
                    child,
                    ChildState.EXPIRED,
                    now,
                    note="never taken by the exchange, deadline passed",
                    wakeups=self._wakeups,
                )
            else:
                child.state = ChildState.PLANNED
                child.wake_at = now
                child.due_at = now
                wake_child(uow, child, is_urgent(parent), self._wakeups)
            uow.commit()

    def _provably_not_taken(self, child: ChildOrderRow, now: datetime) -> bool:
        if child.state not in (ChildState.SENDING, ChildState.UNKNOWN) or child.sent_at is None:
            # It was acknowledged or seen: absence now is a lag or a restart, not a no.
            return False
        if child.lease_until is not None and child.lease_until > now:
            return False
        return now > child.sent_at + absence.proven_after(self._exchange.recv_window_ms)

    def _apply(self, execution: Execution) -> bool:
        return self._fills.apply_execution(execution, self._clock.now(), source="reconcile")

    def _note(self, kind: str, subject: str, payload: dict[str, str], now: datetime) -> None:
        with self._db.unit_of_work() as uow:
            uow.audit(self._account, kind, subject, "reconcile", dict(payload), now)
            uow.commit()


def _given_up(child: ChildOrderRow, taken_by: str | None) -> str | None:
    """Why an order that was not taken is sent no more under its id; None: it may be again.

    A code that nobody knows says no in the venue's own words, however often it is asked. What
    only reduces is otherwise tried until its deadline. The ladder of the parent bounds what
    follows.
    """
    if taken_by is not None:
        return f"order {taken_by} of somebody else has its id"
    if child.ret_code is not None and is_unexpected(child.ret_code):
        return f"the exchange answers {child.ret_code}, which nobody knows"
    if child.posts >= MAX_POSTS and not child.reduce_only:
        return f"{child.posts} attempts were not taken"
    return None


def _rests_in_silence(child: ChildOrderRow, before: datetime) -> bool:
    if not child.rests or child.state != ChildState.WORKING:
        return False
    return child.cancel_requested_at is None or child.cancel_requested_at > before
