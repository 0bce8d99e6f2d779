"""Fees in neither coin of their symbol: kept apart at the fill, and added once they have a price.

The price is the exchange's own at the time of the fill, asked for once and stored with the fee, so
that every later reading gives the same. A fill never waits for it.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from bot.errors import MlriskError
from bot.exchange.protocol import CoinPrice, Execution
from bot.execution.booking import fees, ledger
from bot.execution.booking.coin_prices import price_at
from bot.execution.orders.attempts import SERVERS_AWAY, failure_text
from bot.execution.orders.one_by_one import FAILURES_IN_A_ROW, each
from bot.execution.ports import Deps
from models import amounts
from models.database import UnitOfWork
from models.locks import lock_parent
from models.repositories import portfolio
from models.tables import ChildOrderRow, FillRow, OtherFeeRow, ParentOrderRow, PositionRow

log = logging.getLogger(__name__)

AT_ONCE = 50
"""The fees in one coin that a turn handles, oldest first."""

_Minute = tuple[str, datetime]


def keep(
    session: Session,
    account: str,
    execution: Execution,
    parent: ParentOrderRow | None,
    position: PositionRow,
    now: datetime,
) -> None:
    """Stores the fees that a fill's row can't hold or the fill can't value, before the fill moves
    the position."""
    for coin, fee in execution.paid:
        cost = fees.in_quote(execution.symbol, coin, fee, execution.price)
        if cost is not None and coin == execution.fee_currency:
            continue
        row = OtherFeeRow(
            account=account,
            exec_id=execution.exec_id,
            coin=coin,
            request_id=None if parent is None else parent.request_id,
            symbol=execution.symbol,
            side=execution.side,
            amount=fee,
            qty=execution.qty,
            closed_qty=ledger.closes(position, execution),
            executed_at=execution.executed_at,
        )
        if cost is not None:
            row.asked_at, row.cost, row.price_source = now, amounts.stored(cost), "fill"
            row.price = amounts.stored(cost / fee) if fee else None
        session.add(row)


class OtherFees:
    """Gives one account's fees in third coins their price."""

    def __init__(self, deps: Deps) -> None:
        self._db = deps.db
        self._exchange = deps.exchange
        self._account = deps.account
        self._clock = deps.clock

    def price(self) -> int:
        """Asks for missing prices; returns how many fees got one.

        The next turn repeats an unanswered question. A coin without any answer delays no other
        coin.
        """
        answered: list[OtherFeeRow] = []
        prices: dict[_Minute, CoinPrice | None] = {}
        failures = 0
        for coin in self._coins():
            try:
                self._ask(coin, prices, answered)
            except MlriskError as error:
                log.warning(
                    "the price of %s, the coin of a fee, can't be read now: %s",
                    coin,
                    error,
                    extra={"event": "the_price_of_a_fee_in_cant_be_read_now"},
                )
                failures += 1
                if failures == FAILURES_IN_A_ROW:
                    break
        try:
            return sum(
                each(answered, lambda row: self._book(row, prices), "a fee has no known value")
            )
        except (MlriskError, *SERVERS_AWAY) as error:
            # The reconciliation has other findings too, and they must be judged nevertheless.
            log.error(
                "fees can't be valued now: %s",
                failure_text(error),
                extra={"event": "fees_stay_apart_for_now"},
            )
            return 0

    def _coins(self) -> list[str]:
        """The coins of the fees without a price."""
        with self._db.reading() as session:
            query = select(OtherFeeRow.coin).distinct().where(*self._to_ask())
            return sorted(session.scalars(query))

    def _ask(
        self, coin: str, prices: dict[_Minute, CoinPrice | None], answered: list[OtherFeeRow]
    ) -> None:
        """Adds the prices of a coin, and the fees that have one now."""
        with self._db.reading() as session:
            rows = session.scalars(
                select(OtherFeeRow)
                .where(*self._to_ask(), OtherFeeRow.coin == coin)
                .order_by(OtherFeeRow.executed_at, OtherFeeRow.exec_id)
                .limit(AT_ONCE)
            ).all()
        for row in rows:
            if _minute(row) not in prices:
                now = self._clock.now()
                prices[_minute(row)] = price_at(self._exchange, coin, row.executed_at, now)
            answered.append(row)

    def _to_ask(self) -> tuple[ColumnElement[bool], ...]:
        return OtherFeeRow.account == self._account, OtherFeeRow.asked_at.is_(None)

    def _book(self, found: OtherFeeRow, prices: Mapping[_Minute, CoinPrice | None]) -> int:
        now, price = self._clock.now(), prices[_minute(found)]
        with self._db.unit_of_work() as uow:
            closer = _next_closer(uow.session, found)
            names = {name for name in (found.request_id, closer) if name is not None}
            parents = {name: lock_parent(uow.session, name) for name in sorted(names)}
            position = portfolio.lock_position(uow.session, self._account, found.symbol, now)
            row = uow.session.get_one(
                OtherFeeRow, (self._account, found.exec_id, found.coin), populate_existing=True
            )
            if row.asked_at is not None:
                return 0
            row.asked_at = now
            if price is not None:
                row.price, row.price_source = price.price, price.source
                row.cost = amounts.worth(row.amount, price.price)
                own = parents.get(row.request_id or "")
                _charge(row, row.cost, position, own, parents.get(closer or ""), now)
            self._tell(uow, row, now)
            uow.commit()
        return 1

    def _tell(self, uow: UnitOfWork, row: OtherFeeRow, now: datetime) -> None:
        if row.cost is None:
            log.warning(
                "no price is known for a fee of %s %s: the fee counts in no result",
                format(row.amount, "f"),
                row.coin,
                extra={
                    "event": "nobody_can_say_what_a_fee_of_was_worth_it_stays_apart",
                    "exec_id": row.exec_id,
                },
            )
        details = {
            "exec_id": row.exec_id,
            "coin": row.coin,
            "fee": format(row.amount, "f"),
            "cost": None if row.cost is None else format(row.cost, "f"),
            "price_source": row.price_source,
        }
        subject = row.request_id or row.exec_id
        uow.audit(self._account, "fee_priced", subject, "exchange", details, now)


def _minute(row: OtherFeeRow) -> _Minute:
    """Fills of one minute have one price."""
    return row.coin, row.executed_at.replace(second=0, microsecond=0)


def _charge(
    row: OtherFeeRow,
    cost: Decimal,
    position: PositionRow,
    own: ParentOrderRow | None,
    closer: ParentOrderRow | None,
    now: datetime,
) -> None:
    """Books a fee as if its price had been known at the fill. The closed part belongs to that
    trade; the rest is carried by the present position, or belongs to the closing trade if the
    position is gone."""
    of_close = amounts.share(cost, row.closed_qty, row.qty)
    rest = cost - of_close
    held = position.qty * row.side.sign > 0
    ledger.price_other_fee(position, row.coin, row.amount, cost, rest if held else Decimal(0), now)
    if own is not None:
        own.fees += cost
        own.realised_pnl -= of_close
    if not held and closer is not None:
        closer.realised_pnl -= rest


def _next_closer(session: Session, row: OtherFeeRow) -> str | None:
    """The trade of the next fill in the other direction."""
    return session.scalar(
        select(ChildOrderRow.request_id)
        .join(FillRow, FillRow.child_id == ChildOrderRow.child_id)
        .where(
            FillRow.account == row.account,
            FillRow.symbol == row.symbol,
            FillRow.side != row.side,
            FillRow.executed_at >= row.executed_at,
        )
        .order_by(FillRow.executed_at, FillRow.exec_id)
        .limit(1)
    )
