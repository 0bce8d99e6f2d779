"""Where the exchange contradicts our books, kept in rows so that no restart forgets it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.tables import DisagreementRow, ForeignOrderRow, UnreadableFactRow


def note_positions(
    session: Session,
    account: str,
    differences: Mapping[str, tuple[Decimal, Decimal]],
    now: datetime,
) -> Sequence[DisagreementRow]:
    """Counts a reading of (our quantity, the exchange's) by symbol; returns the symbols that still
    disagree.

    The exchange's quantity minus ours is compared, because it stays while both move by trading. A
    reading in the same direction confirms the smaller difference. A reading without a difference,
    or with one in the other direction, begins anew. The caller holds the lock of the account's row.
    """
    known = {row.symbol: row for row in of_account(session, account)}
    session.execute(
        delete(DisagreementRow).where(
            DisagreementRow.account == account, DisagreementRow.symbol.not_in(differences)
        )
    )
    found = []
    for symbol, (ours, theirs) in sorted(differences.items()):
        row, difference = known.get(symbol), theirs - ours
        if row is None:
            row = DisagreementRow(account=account, symbol=symbol, difference=Decimal(0))
            session.add(row)
        if row.difference * difference > 0:
            row.readings += 1
            row.difference = min(row.difference, difference, key=abs)
        else:
            row.readings, row.since, row.difference = 1, now, difference
        row.ours, row.theirs, row.seen_at = ours, theirs, now
        found.append(row)
    return found


def of_account(session: Session, account: str) -> Sequence[DisagreementRow]:
    """Every symbol of the account whose position disagrees with the exchange's."""
    return session.scalars(select(DisagreementRow).where(DisagreementRow.account == account)).all()


def forget(session: Session, account: str, symbol: str) -> None:
    """Deletes the note of a symbol that agrees again."""
    session.execute(
        delete(DisagreementRow).where(
            DisagreementRow.account == account, DisagreementRow.symbol == symbol
        )
    )


def note_foreign_orders(
    session: Session,
    account: str,
    order_ids: Collection[str],
    now: datetime,
    *,
    orphans: Mapping[str, str],
) -> Sequence[str]:
    """Notes foreign orders that rest now; returns the new ones. `orphans` has the ids in our form
    of orders without a row, by order id."""
    session.execute(
        delete(ForeignOrderRow).where(
            ForeignOrderRow.account == account, ForeignOrderRow.order_id.not_in(order_ids)
        )
    )
    if not order_ids:
        return []
    rows = [
        {
            "account": account,
            "order_id": order_id,
            "first_seen_at": now,
            "orphan_link_id": orphans.get(order_id),
        }
        for order_id in sorted(order_ids)
    ]
    statement = insert(ForeignOrderRow).values(rows).on_conflict_do_nothing()
    return session.scalars(statement.returning(ForeignOrderRow.order_id)).all()


def park(session: Session, rows: Sequence[Mapping[str, object]]) -> Sequence[tuple[str, str]]:
    """Keeps facts that can't be read; returns (kind, key) of those that weren't known."""
    if not rows:
        return []
    statement = insert(UnreadableFactRow).values(list(rows)).on_conflict_do_nothing()
    found = session.execute(statement.returning(UnreadableFactRow.kind, UnreadableFactRow.key))
    return [(kind, key) for kind, key in found]
