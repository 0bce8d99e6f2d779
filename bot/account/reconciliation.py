"""Whether our books agree with the exchange's: the one interface to all comparisons.

`child_lookup` asks about single children, `late_orders` finds orders that outlive their children,
`positions` compares positions, and `executions` reads executions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from bot.account.cash_flows import CashFlows
from bot.account.child_lookup import ChildLookup
from bot.account.late_orders import LateOrders
from bot.account.lost_orders import LostOrders, waits
from bot.account.orphans import Orphans
from bot.account.positions import PositionCheck
from bot.exchange.protocol import (
    ExchangeOrder,
    ExchangePosition,
    Wallet,
)
from bot.execution.booking import belonging
from bot.execution.booking.executions import Executions
from bot.execution.booking.fills import FillBook
from bot.execution.booking.other_fees import OtherFees
from bot.execution.orders import lifecycle
from bot.execution.orders.identity import PREFIX, is_in_our_form, is_protective_stop
from bot.execution.orders.one_by_one import each
from bot.execution.policy import absence
from bot.execution.ports import Deps
from bot.execution.sending.cancelling import Cancels
from bot.execution.sending.rate_limiter import OrderRateLimiter
from bot.execution.sending.trading_rules import TradingRules
from bot.failpoints import AFTER_EXPIRY_COMMIT, BEFORE_EXPIRY_COMMIT, hit
from models.enums import ChildState
from models.locks import lock_parent
from models.repositories import portfolio
from models.repositories.trading import orders
from models.tables import ChildOrderRow, ParentOrderRow

VANISHED_MARGIN = timedelta(seconds=2)
"""An order younger than this may not be in the list of open orders yet."""


@dataclass(frozen=True, slots=True)
class AccountReport:
    """The findings of one reconciliation."""

    new_fills: int
    foreign_orders: tuple[str, ...]
    """Ids of resting orders that belong to no child of ours."""
    position_differences: dict[str, tuple[Decimal, Decimal]]
    """By symbol: (our quantity, the exchange's)."""
    called_back: tuple[str, ...] = ()
    """Orders of ours that rested although their children had ended here. They are cancelled."""
    orphans: tuple[ExchangeOrder, ...] = ()
    """Orders under our ids without a row here. Those that add are cancelled."""
    unfit: str | None = None
    """Why the account's positions can't be compared at all, for instance in hedge mode."""


class Reconciler:
    """Compares one account's rows with the exchange's record and adopts the missing facts."""

    def __init__(self, deps: Deps, *, rate_limiter: OrderRateLimiter | None = None) -> None:
        """`rate_limiter` limits the rate of cancels; without it only the exchange's limit holds."""
        absence.require_room(deps.exchange.recv_window_ms)
        self._deps = deps
        self._db = deps.db
        self._exchange = deps.exchange
        self._account = deps.account
        self._clock = deps.clock
        self._task_queue = deps.task_queue
        self._fills = FillBook(deps.db, deps.account, deps.task_queue)
        self._cancels = Cancels(deps.exchange, rate_limiter, deps.account)
        self._cash = CashFlows(deps)
        self._other_fees = OtherFees(deps)
        self._orphans = Orphans(deps, self._cancels)
        self._rules = TradingRules(deps.db, deps.exchange, deps.clock)
        self._executions = Executions(deps, self._fills)
        self._positions = PositionCheck(deps, self._executions)
        self._late = LateOrders(deps, self._executions, self._cancels)
        lost = LostOrders(deps, self._fills, self._cancels)
        self._lookup = ChildLookup(deps, self._fills, self._executions, lost)

    def resolve_child(self, child_id: int) -> ChildState | None:
        """Brings a child to the truth; never places anything itself."""
        return self._lookup.resolve_child(child_id)

    def resolve_all(self, *, older_than: timedelta) -> int:
        """Looks up every child that should have been heard of by now; returns how many."""
        return self._lookup.resolve_all(older_than=older_than)

    def follow_exits(self) -> None:
        """Reads the newest executions, and looks up every exit that may be at the exchange.

        A flattening needs no more: the fills of entries are executions too, and looking up hundreds
        of orders that a halt has cancelled would keep it waiting.
        """
        self.read_newest_executions()
        self._lookup.resolve_all(older_than=timedelta(0), exits_only=True)

    def recheck_expired(self) -> int:
        """Looks once more for orders that were given up; one that turns up is cancelled."""
        return self._late.recheck_expired()

    def position_differences(self) -> dict[str, tuple[Decimal, Decimal]]:
        """The positions that differ, by symbol: (ours, the exchange's)."""
        return self._positions.differences()

    def store_positions(self, reported: Iterable[ExchangePosition]) -> None:
        """Stores liquidation prices and marks of positions that a stream has just reported."""
        self._positions.store(reported, self._clock.now())

    def expire_overdue(self, limit: int = 500) -> int:
        """Ends planned children after their deadline, parent by parent.

        At most `limit` parents are looked at. Returns how many children ended.
        """
        now = self._clock.now()
        with self._db.reading() as session:
            overdue = orders.overdue_requests(session, self._account, now, limit)
        return sum(each(overdue, self._expire, "overdue children can't be ended"))

    def _expire(self, request_id: str) -> int:
        with self._deps.work() as uow:
            parent = lock_parent(uow.session, request_id)
            if parent is None:
                return 0
            ended = lifecycle.expire(uow, parent)
            hit(BEFORE_EXPIRY_COMMIT, parent.algorithm)
            uow.commit()
            hit(AFTER_EXPIRY_COMMIT, parent.algorithm)
        return ended

    def reconcile_account(self) -> AccountReport:
        """Reconciles open orders, executions since the last stored one, positions and wallet."""
        asked_at = self._clock.now()
        new_fills = self.read_newest_executions()
        foreign, resting, ended, orphans = [], set(), [], []
        open_orders = self._exchange.open_orders()
        known = self._rows_of(open_orders)
        for order in open_orders:
            if is_protective_stop(order.order_link_id) and order.reduce_only:
                continue  # triggered just now; `bot.safety.positions.stops` keeps them
            rows = known.get(order.order_link_id)
            if rows is None or not belonging.agrees(self._account, *rows, order):
                foreign.append(order.order_id)
                if rows is None and is_in_our_form(order.order_link_id):
                    orphans.append(order)
                continue
            resting.add(order.order_link_id)
            if ChildState(rows[1].state).is_final:
                ended.append(rows[1])
            else:
                self._fills.apply_order(order, self._clock.now())
        called_back = [child.order_link_id for child in ended if self._late.call_back(child)]
        called_back += [o.order_link_id for o in orphans if self._orphans.call_back(o)]
        self._resolve_vanished(asked_at, resting)
        differences, unfit = self._positions.differences_or_unfit()
        self._positions.park_unreadable()
        self._other_fees.price()
        return AccountReport(
            new_fills,
            tuple(foreign),
            differences,
            called_back=tuple(called_back),
            orphans=tuple(orphans),
            unfit=unfit,
        )

    def read_newest_executions(self) -> int:
        """Reads executions since the newest stored one; returns how many were new."""
        return self._executions.read_newest()

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

    def _resolve_vanished(self, asked_at: datetime, resting: set[str]) -> None:
        """Children that rest by our rows, were sent before we asked, and rest no more: they
        ended."""
        with self._db.reading() as session:
            believed = orders.unresolved_children(
                session, account=self._account, older_than=asked_at - VANISHED_MARGIN
            )
            gone = [
                c.child_id
                for c in believed
                if c.order_link_id not in resting and not waits(c, asked_at)
            ]
        self._lookup.resolve_each(gone)

    def record_wallet(self) -> Decimal:
        """Reads the wallet and stores it as the account's newest equity."""
        wallet = self._exchange.wallet()
        self.store_wallet(wallet)
        # After the wallet: a withdrawal that the wallet shows is in the log as well.
        self._cash.read(wallet)
        return wallet.equity

    def store_wallet(self, wallet: Wallet) -> None:
        """Stores a reading of the wallet, from REST or a stream, as the newest equity."""
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

    def refresh_instruments(self) -> int:
        """Reads the trading rules of every instrument; returns how many were stored."""
        return self._rules.refresh()
