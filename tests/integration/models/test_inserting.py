"""Rows that are inserted without a flush, on real Postgres."""

import pytest
from sqlalchemy import select

from models.database import Database
from models.inserting import insert_rows
from models.tables import AccountRow, EquityRow
from tests.support.fakes import T0

_STORED = select(EquityRow.equity_id, EquityRow.equity)


def reading(equity: int) -> EquityRow:
    return EquityRow(
        account="paper",
        at=T0,
        equity=equity,
        wallet_balance=0,
        available=0,
        unrealised_pnl=0,
    )


def test_generated_keys_come_back_in_the_order_of_the_rows(db: Database) -> None:
    rows = [reading(number) for number in range(50)]
    with db.transaction() as session:
        insert_rows(session, rows)
        stored = {row.equity_id: row.equity for row in session.execute(_STORED)}
        assert [stored[row.equity_id] for row in rows] == list(range(50))


def test_what_is_changed_after_the_insert_is_written_by_the_commit(db: Database) -> None:
    row = reading(1)
    with db.transaction() as session:
        insert_rows(session, [row])
        row.equity = row.equity + 1
    with db.reading() as session:
        assert session.scalars(select(EquityRow.equity)).one() == 2


def test_what_is_rolled_back_was_never_there(db: Database) -> None:
    with db.unit_of_work() as uow:
        insert_rows(uow.session, [AccountRow(account="paper", created_at=T0)])
    with db.reading() as session:
        assert session.get(AccountRow, "paper") is None


def test_rows_that_set_different_columns_are_refused(db: Database) -> None:
    other = reading(2)
    other.equity_id = 7
    with db.reading() as session, pytest.raises(ValueError, match="different columns"):
        insert_rows(session, [reading(1), other])


def test_no_rows_are_no_statement(db: Database) -> None:
    with db.reading() as session:
        insert_rows(session, [])
        assert not session.in_transaction()
