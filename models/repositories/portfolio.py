"""Money and exposure of an account: positions, reservations, equity, instruments."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.repositories.safety import bases
from models.tables import (
    AccountRow,
    EquityDayRow,
    EquityRow,
    InstrumentRow,
    PositionRow,
)


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """A position that is not flat: quantity in base units (negative is short), prices in quote
    currency."""

    symbol: str
    qty: Decimal
    entry_price: Decimal | None
    liquidation_price: Decimal | None
    mark_price: Decimal | None = None
    marked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HeldReservation:
    """A reservation that is held: quantity in base units, notional in quote currency."""

    symbol: str
    side: str
    reduce_only: bool
    qty: Decimal
    notional: Decimal


def ensure_account(session: Session, account: str, now: datetime) -> None:
    """Makes the account's row, which decisions lock; an existing row stays as it is."""
    session.execute(
        insert(AccountRow).values(account=account, created_at=now).on_conflict_do_nothing()
    )


def record_equity(
    session: Session,
    account: str,
    at: datetime,
    *,
    equity: Decimal,
    wallet_balance: Decimal,
    available: Decimal,
    unrealised_pnl: Decimal,
) -> None:
    """Stores a reading, which may begin a day. The bases of losses are confirmed later
    (`bases.confirm`)."""
    session.add(
        EquityRow(
            account=account,
            at=at,
            equity=equity,
            wallet_balance=wallet_balance,
            available=available,
            unrealised_pnl=unrealised_pnl,
        )
    )
    day = equity_day(session, account, at) or bases.begin_day(session, account, at, equity)
    session.execute(
        update(EquityDayRow)
        .where(EquityDayRow.account == account, EquityDayRow.day == day.day)
        .values(low_equity=func.least(EquityDayRow.low_equity, equity))
    )


def equity_day(session: Session, account: str, now: datetime) -> EquityDayRow | None:
    """The account's row of the UTC day of `now`; None before its first reading of equity."""
    return session.get(
        EquityDayRow, (account, now.astimezone(UTC).date().isoformat()), populate_existing=True
    )


def instrument(session: Session, symbol: str) -> InstrumentRow | None:
    """The stored trading rules of a symbol; None when the exchange was never seen to list it."""
    return session.get(InstrumentRow, symbol, populate_existing=True)


def store_instruments(session: Session, rows: Iterable[dict[str, object]]) -> int:
    """Inserts or replaces trading rules; returns how many."""
    values = list(rows)
    if not values:
        return 0
    statement = insert(InstrumentRow).values(values)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["symbol"],
            set_={key: statement.excluded[key] for key in values[0] if key != "symbol"},
        )
    )
    return len(values)


def positions(session: Session, account: str) -> Sequence[PositionRow]:
    """The account's positions, flat ones included, by symbol."""
    return session.scalars(
        select(PositionRow).where(PositionRow.account == account).order_by(PositionRow.symbol)
    ).all()


def lock_position(session: Session, account: str, symbol: str, now: datetime) -> PositionRow:
    """The net position of a symbol, locked; a new one begins at zero."""
    key = (account, symbol)
    held = session.get(PositionRow, key, with_for_update=True, populate_existing=True)
    if held is not None:
        return held
    session.execute(
        insert(PositionRow)
        .values(
            account=account,
            symbol=symbol,
            qty=Decimal(0),
            entry_price=None,
            realised_pnl=Decimal(0),
            fees=Decimal(0),
            updated_at=now,
        )
        .on_conflict_do_nothing()
    )
    return session.get_one(PositionRow, key, with_for_update=True, populate_existing=True)


@dataclass(frozen=True, slots=True)
class ReportedPosition:
    """The exchange's data of a position besides its quantity, which comes from fills."""

    qty: Decimal
    liquidation_price: Decimal | None
    mark_price: Decimal | None


def store_reported(
    session: Session, account: str, reported: Mapping[str, ReportedPosition], said_at: datetime
) -> None:
    """Liquidation prices and marks, by symbol.

    Data of a position that has turned since is ignored, and so is an older mark than the known one.
    """
    for symbol, position in sorted(reported.items()):
        values: dict[str, object] = {"liquidation_price": position.liquidation_price}
        if position.mark_price is not None:
            is_old = PositionRow.marked_at > said_at
            values |= {
                "mark_price": case((is_old, PositionRow.mark_price), else_=position.mark_price),
                "marked_at": case((is_old, PositionRow.marked_at), else_=said_at),
            }
        session.execute(
            update(PositionRow)
            .where(
                PositionRow.account == account,
                PositionRow.symbol == symbol,
                func.sign(PositionRow.qty) == func.sign(position.qty),
            )
            .values(**values)
        )


def forget_liquidation_prices(session: Session, account: str, held: Collection[str]) -> None:
    """Of positions that the exchange doesn't list among those that it holds."""
    session.execute(
        update(PositionRow)
        .where(PositionRow.account == account, PositionRow.symbol.not_in(held))
        .values(liquidation_price=None)
    )
