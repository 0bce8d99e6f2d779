"""A system's long past, inserted in bulk: copies of one approved trade and its rows."""

from collections.abc import Mapping

from sqlalchemy import Table, text

from models.database import Database
from models.tables import (
    Base,
    ChildOrderRow,
    DecisionFiguresRow,
    DecisionRow,
    FillRow,
    ParentOrderRow,
    ReservationRow,
    TradeRequestRow,
)

_LONG_AGO = "timestamptz '2020-01-01 00:00:00Z' + n * interval '1 millisecond'"
FINISHED_CHILD = {
    "state": "'filled'",
    "sent_at": _LONG_AGO,
    "final_at": _LONG_AGO,
    "filled_qty": "model.qty",
    "posts": "1",
    "exchange_order_id": "'order-' || n",
    "exchange_status": "'filled'",
}
"""What a child that was filled long ago has; SQL of each column, `n` counts the children."""
FINISHED_PARENT = {
    "state": "'completed'",
    "filled_qty": "model.approved_qty",
    "finished_at": _LONG_AGO,
    "step_at": "NULL",
}


_RELEASED = {"state": "'released'", "open_qty": "0", "released_at": _LONG_AGO}
_SMALL = 1_000_000
"""Trades under way are so much smaller than the model: a thousand leave room for one more."""
_HELD = {
    "state": "'held'",
    "approved_qty": f"model.approved_qty / {_SMALL}",
    "open_qty": f"model.approved_qty / {_SMALL}",
    "released_at": "NULL",
}
PLANNED_CHILD = {
    "state": "'planned'",
    "due_at": "timestamptz '2099-01-01 00:00:00Z' + n * interval '1 second'",
    "planned_at": "timestamptz '2099-01-01 00:00:00Z' + n * interval '1 second'",
    "deadline_at": "timestamptz '2099-02-01 00:00:00Z'",
    "qty": f"model.qty / {_SMALL * 100}",
    "filled_qty": "0",
    "wake_at": "NULL",
    "sent_at": "NULL",
    "acked_at": "NULL",
    "final_at": "NULL",
}
"""One of a hundred of a schedule that begins in years."""
PARENT_UNDER_WAY = {
    "state": "'working'",
    "approved_qty": f"model.approved_qty / {_SMALL}",
    "filled_qty": "0",
    "finished_at": "NULL",
    "step_at": "NULL",
}


class Bulk:
    """Copies a model trade's rows with `generate_series`; every column is as in life but for what
    is named."""

    def __init__(self, db: Database, model: str, *, prefix: str = "load") -> None:
        """`prefix` begins the ids of the copies."""
        self._db = db
        self._model = model
        self._prefix = prefix
        self._copied = 0

    def children(
        self,
        count: int,
        *,
        of_a_parent: int = 100,
        child: Mapping[str, str] | None = None,
        parent: Mapping[str, str] | None = None,
    ) -> None:
        """Adds `count` children and their requests, decisions, reservations and parents."""
        first, self._copied = self._copied, self._copied + count
        requests = f"generate_series({first}, {self._copied - 1}, {of_a_parent})"
        over = parent is None
        key = {"request_id": f"'{self._prefix}-' || n"}
        self._copy(
            TradeRequestRow,
            requests,
            {**key, **({"status": "'executed_successfully'"} if over else {})},
        )
        decided = {**key, "decided_at": _LONG_AGO}
        self._copy(DecisionRow, requests, decided)
        self._copy(DecisionFiguresRow, requests, decided)
        self._copy(ReservationRow, requests, {**key, **(_RELEASED if over else _HELD)})
        self._copy(ParentOrderRow, requests, {**key, **(FINISHED_PARENT if over else parent or {})})
        own = {
            "request_id": (
                f"'{self._prefix}-' || ({first} + (n - {first}) - (n - {first}) % {of_a_parent})"
            ),
            "slot": f"(n - {first}) % {of_a_parent}",
            "order_link_id": f"'{self._prefix}-' || n",
        }
        changes = FINISHED_CHILD if child is None else child
        self._copy(
            ChildOrderRow, f"generate_series({first}, {self._copied - 1})", {**own, **changes}
        )

    def past_children(self, request_id: str, count: int) -> None:
        """Adds finished children to one parent that is still worked, before its own slots."""
        first, self._copied = self._copied, self._copied + count
        own = {
            "request_id": f"'{request_id}'",
            "slot": f"n - {self._copied} - 1",
            "order_link_id": "'load-' || n",
        }
        series = f"generate_series({first}, {self._copied - 1})"
        self._copy(ChildOrderRow, series, {**own, **FINISHED_CHILD})

    def fills(self) -> None:
        """Adds one fill for each finished child that was added since the last call."""
        with self._db.transaction() as session:
            session.execute(
                text(
                    f"INSERT INTO {FillRow.__tablename__} (account, exec_id, child_id, order_id,"
                    " order_link_id, symbol, side, qty, price, fee, fee_currency, is_maker,"
                    " exec_type, executed_at, recorded_at, source)"
                    " SELECT account, 'load-' || child_id, child_id, 'order-' || child_id,"
                    " order_link_id, symbol, side, qty, 50000, 0, 'USDT', false, 'Trade',"
                    " final_at, final_at, 'stream' FROM child_order"
                    " WHERE state = 'filled' AND order_link_id LIKE 'load-%' AND child_id >"
                    " (SELECT coalesce(max(child_id), 0) FROM fill WHERE exec_id LIKE 'load-%')"
                )
            )

    def equity(self, account: str, count: int) -> None:
        """Adds readings of the wallet, one a second, of years ago."""
        with self._db.transaction() as session:
            session.execute(
                text(
                    "INSERT INTO equity (account, at, equity, wallet_balance, available,"
                    " unrealised_pnl) SELECT :account, timestamptz '2020-01-01 00:00:00Z'"
                    " + n * interval '1 second', 100000, 100000, 100000, 0"
                    " FROM generate_series(1, :count) AS n"
                ),
                {"account": account, "count": count},
            )

    def analyse(self) -> None:
        """Takes statistics, as autovacuum does in time."""
        with self._db.autocommit_connection() as connection:
            connection.execute(text("VACUUM ANALYZE"))

    def _copy(self, row: type[Base], series: str, changes: Mapping[str, str]) -> None:
        table = row.__table__
        assert isinstance(table, Table)
        names = [column.name for column in table.columns if column.identity is None]
        values = ", ".join(changes.get(name, f"model.{name}") for name in names)
        statement = (
            f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {values} "
            f"FROM (SELECT * FROM {table.name} WHERE request_id = :model LIMIT 1) AS model, "
            f"{series} AS n"
        )
        with self._db.transaction() as session:
            session.execute(text(statement), {"model": self._model})
