"""Migrations lead to exactly the tables in code, and back."""

from sqlalchemy import create_engine, inspect, text

from models import migrate


def test_a_migrated_database_has_the_tables_of_the_code(database_url: str) -> None:
    assert migrate.current(database_url) is None
    migrate.upgrade(database_url)
    assert migrate.current(database_url) == migrate.head()
    assert migrate.drift(database_url) == []


def test_migrating_twice_changes_nothing(database_url: str) -> None:
    migrate.upgrade(database_url)
    migrate.upgrade(database_url)
    assert migrate.current(database_url) == migrate.head()


def test_every_step_leads_back_to_nothing_and_forward_again(database_url: str) -> None:
    migrate.upgrade(database_url)
    migrate.downgrade(database_url, "base")
    engine = create_engine(database_url)
    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()
    migrate.upgrade(database_url)
    assert migrate.drift(database_url) == []


def test_fees_and_flows_from_before_get_what_can_be_known_of_them(database_url: str) -> None:
    """A fee in a third coin is still to be asked for; a flow in the settle coin is at par."""
    migrate.upgrade(database_url, "0021")
    engine = create_engine(database_url)
    with engine.begin() as connection:
        for name, coin, fee in (("e-1", "USDT", 1), ("e-2", "BTC", 1), ("e-3", "MNT", 2)):
            connection.execute(_OLD_FILL, {"exec_id": name, "coin": coin, "fee": fee})
        for name, coin in (("f-1", "USDT"), ("f-2", "BTC")):
            connection.execute(_OLD_FLOW, {"flow_id": name, "coin": coin})
    migrate.upgrade(database_url)
    with engine.connect() as connection:
        fees = connection.execute(
            text("SELECT exec_id, coin, amount, asked_at FROM other_fee ORDER BY exec_id")
        ).all()
        flows = connection.execute(
            text("SELECT flow_id, value FROM cash_flow ORDER BY flow_id")
        ).all()
    engine.dispose()
    assert [tuple(row) for row in fees] == [("e-3", "MNT", 2, None)]
    assert [tuple(row) for row in flows] == [("f-1", -5), ("f-2", None)]


_OLD_FILL = text(
    "INSERT INTO fill (account, exec_id, order_id, order_link_id, symbol, side, qty, price, fee,"
    " fee_currency, is_maker, exec_type, executed_at, recorded_at, source)"
    " VALUES ('paper', :exec_id, '', '', 'BTCUSDT', 'buy', 1, 100, :fee, :coin, false, 'Trade',"
    " now(), now(), 'stream')"
)
_OLD_FLOW = text(
    "INSERT INTO cash_flow (account, flow_id, at, kind, currency, amount, share, recorded_at)"
    " VALUES ('paper', :flow_id, now(), 'TRANSFER_OUT', :coin, -5, NULL, now())"
)
