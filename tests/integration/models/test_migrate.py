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


def test_causes_of_ends_from_before_are_read_out_of_their_words_once(database_url: str) -> None:
    ends = {
        "r-1": ("halted", "halted"),
        "r-2": ("cancelled by the operator: drill", "cancelled_by_operator"),
        "r-3": ("cancelled_at_exchange", "cancelled_at_exchange"),
        "r-4": ("replaced by exit r-9", "replaced_by_exit"),
        "r-5": ("no position is left to reduce", "nothing_to_reduce"),
        "r-6": ("deadline passed", "other"),
        "r-7": (None, None),
    }
    migrate.upgrade(database_url, "0040")
    engine = create_engine(database_url)
    with engine.begin() as connection:
        for name, (words, _) in ends.items():
            connection.execute(_OLD_REQUEST, {"id": name})
            connection.execute(_OLD_PARENT, {"id": name, "words": words})
        for slot, (status, note) in enumerate(
            (
                ("cancelled", "EC_PerCancelRequest, CancelByUser"),
                ("rejected", "EC_PostOnlyWillTakeLiquidity, CancelByAdmin"),
                ("cancelled", "EC_Unheard"),
                ("filled", None),
                ("open", None),
                (None, "held"),
            )
        ):
            connection.execute(_OLD_CHILD, {"slot": slot, "status": status, "note": note})
    migrate.upgrade(database_url)
    with engine.connect() as connection:
        parents = connection.execute(
            text("SELECT request_id, stop_cause, end_cause FROM parent_order")
        ).all()
        children = connection.execute(
            text("SELECT venue_reason, note FROM child_order ORDER BY slot")
        ).all()
    engine.dispose()
    assert {row[0]: (row[1], row[2]) for row in parents} == {
        name: (cause, cause) for name, (_, cause) in ends.items()
    }
    assert [tuple(row) for row in children] == [
        ("requested", "EC_PerCancelRequest, CancelByUser"),
        ("account", "EC_PostOnlyWillTakeLiquidity, CancelByAdmin"),
        ("other", "EC_Unheard"),
        ("unstated", None),
        (None, None),
        (None, "held"),
    ]


_OLD_REQUEST = text(
    "INSERT INTO trade_request (request_id, account, strategy, symbol, side, status, payload,"
    " payload_sha256, created_at, received_at, updated_at)"
    " VALUES (:id, 'paper', 's', 'BTCUSDT', 'buy', 'executing', '{}', '', now(), now(), now())"
)
_OLD_PARENT = text(
    "INSERT INTO parent_order (request_id, account, strategy, symbol, side, algorithm, params,"
    " approved_qty, filled_qty, released_qty, filled_notional, fees, reference_price, price_limit,"
    " reduce_only, priority, permit_epoch, state, end_reason, stop_reason, start_at, deadline_at)"
    " VALUES (:id, 'paper', 's', 'BTCUSDT', 'buy', 'twap', '{}', 1, 0, 0, 0, 0, 100, 100, false,"
    " 'normal', 0, 'working', :words, :words, now(), now())"
)
_OLD_CHILD = text(
    "INSERT INTO child_order (request_id, slot, attempt, order_link_id, account, symbol, side,"
    " qty, filled_qty, reduce_only, planned_at, due_at, deadline_at, state, exchange_status, note)"
    " VALUES ('r-1', :slot, 0, 'c-' || CAST(:slot AS text), 'paper', 'BTCUSDT', 'buy', 1, 0,"
    " false, now(), now(), now(), 'working', :status, :note)"
)
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
