"""Keeps the engine's state in a directory, so that it survives a stop and `kill -9`.

`snapshot.json` holds the whole state at one moment. Each line of `changes.jsonl` holds the changes
of a later request or event. A line is handed to the operating system before the reply or the stream
message that tells of it goes out.

After `kill -9` everything that a client was told is there again: orders with their fills,
positions, wallets, ledger, used orderLinkIds, identifiers, and accepted requests that had not taken
effect yet.

Books, marks and trades are not kept, because the market comes again from its source. Queue places
are kept only as the order of arrival. The distance that a trailing stop has trailed is kept as of
the position's last change.

A power cut may lose the last lines, because only snapshots are fsynced. On a full disk the exchange
goes on, and lines without room wait in memory.
"""

import copy
import dataclasses
import json
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from paper_exchange.engine.core import PaperEngine
from paper_exchange.engine.orders.order import FINAL_STATUSES
from paper_exchange.engine.persistence import dump
from paper_exchange.errors import PaperExchangeError
from paper_exchange.line_file import LineFile
from paper_exchange.server.wire import dumps
from paper_exchange.types import PrivateEvent

log = logging.getLogger(__name__)

MAX_CHANGES_BYTES = 64 << 20
"""Beyond this size a new snapshot is cheaper to load than the changes; in bytes."""
_RESTING = ("New", "PartiallyFilled")
_MERGED = frozenset({"orders", "open", "links", "recent", "closing", "closing_ids"})

_DAMAGE = (
    *(ValueError, LookupError, TypeError),
    *(AttributeError, ArithmeticError, RecursionError),
)

State = dict[str, Any]


class StateError(PaperExchangeError):
    """The state directory holds something that cannot be restored."""


class StateKeeper:
    """Loads at start, records while running, saves at the end."""

    def __init__(self, directory: Path, engine: PaperEngine) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._snapshot = directory / "snapshot.json"
        self._changes = directory / "changes.jsonl"
        self._engine = engine
        self._number = 0
        self._file: LineFile | None = None
        self._bytes = 0
        self._known: dict[str, int] = {}
        self._booked: dict[str, int] = {}
        """The executions and ledger rows of each account that were recorded, dropped ones too."""
        self._touched: dict[str, dict[str, None]] = {}
        """Changed orders by account. The order that changed last is at the end."""

    def load(self) -> bool:
        """Restores a stored state; returns whether there was one. Call `save` before recording."""
        if not self._snapshot.exists():
            return False
        try:
            whole = json.loads(self._snapshot.read_bytes())
            self._number = whole["number"]
            cache = self._engine.world.settings.closed_order_cache
            state = merge(whole["state"], self._read_changes(), cache)
            self._engine.restore(state)
        except OSError as error:
            raise StateError(f"{error.filename} can't be read ({error.strerror})") from error
        except _DAMAGE as error:
            why = f"{type(error).__name__}: {error}"
            raise StateError(
                f"{self._snapshot.parent} holds a damaged state ({why}): put {self._snapshot.name} "
                f"and {self._changes.name} back from a copy, or take them away to begin anew"
            ) from error
        return True

    def _read_changes(self) -> Iterable[State]:
        if not self._changes.exists():
            return
        with self._changes.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return
                change = json.loads(line)
                # Changes of an older snapshot stay behind if the process dies between the two
                # writes.
                if change["number"] == self._number:
                    yield change["state"]

    def save(self) -> None:
        """Writes a whole snapshot and begins an empty list of changes.

        Raises OSError when there is no room. The earlier snapshot and its changes stay valid then.
        """
        world = self._engine.world
        temporary = self._snapshot.with_suffix(".tmp")
        try:
            with temporary.open("w") as file:
                file.write(dumps({"number": self._number + 1, "state": dump(world)}))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        temporary.replace(self._snapshot)
        self._number += 1
        if self._file is not None:
            self._file.close()
        self._file = LineFile(self._changes, "wb")
        self._bytes = 0
        gone = world.forgotten
        self._known = {
            uid: len(items) + gone.get(uid, (0, 0))[0] for uid, items in world.executions.items()
        }
        self._booked = {
            uid: len(rows) + gone.get(uid, (0, 0))[1] for uid, rows in world.ledger.rows.items()
        }
        self._touched = {}

    def touch(self, uid: str, order_id: str | None = None) -> None:
        """Notes that a request changed this account, and this order, without an event."""
        orders = self._touched.setdefault(uid, {})
        if order_id is not None:
            orders.pop(order_id, None)
            orders[order_id] = None

    def record(self, events: Iterable[PrivateEvent]) -> None:
        """Appends the present state of the touched accounts and orders."""
        ended: set[str] = set()
        for event in events:
            ident = event.data["orderId"] if event.topic == "order" else None
            # A lost cancel reports a filled order again. It keeps its place among the ended orders.
            self.touch(event.uid, None if ident in ended else ident)
            if ident is not None and event.data["orderStatus"] in FINAL_STATUSES:
                ended.add(ident)
        if self._file is None:
            return
        self._file.flush()
        if not self._touched:
            return
        line = dumps({"number": self._number, "state": self._change()})
        self._file.append(line)
        self._touched = {}
        self._bytes += len(line)
        if self._bytes > MAX_CHANGES_BYTES:
            self._try_to_save()

    def _try_to_save(self) -> None:
        """Saves a snapshot if there is room.

        The changes hold everything as well, so that the next try has time.
        """
        try:
            self.save()
        except OSError as error:
            self._bytes = 0
            log.error("no snapshot was written to %s: %s", self._snapshot.parent, error.strerror)

    def _change(self) -> State:
        """A dump of the world's touched parts only."""
        world = self._engine.world
        part = copy.copy(world)
        part.accounts, part.executions = {}, {}
        part.ledger = copy.copy(world.ledger)
        part.ledger.rows = {}
        part.markets = {}
        for uid, order_ids in self._touched.items():
            account = world.accounts[uid]
            orders = {one: account.orders[one] for one in order_ids if one in account.orders}
            part.accounts[uid] = dataclasses.replace(
                account,
                orders=orders,
                open={},
                links={order.link_id: one for one, order in orders.items() if order.link_id},
                recent={},
                closing={one: order for one, order in orders.items() if one in account.closing},
            )
            items, rows = world.executions.get(uid, []), world.ledger.rows.get(uid, [])
            dropped_items, dropped_rows = world.forgotten.get(uid, (0, 0))
            part.executions[uid] = items[max(0, self._known.get(uid, 0) - dropped_items) :]
            part.ledger.rows[uid] = rows[max(0, self._booked.get(uid, 0) - dropped_rows) :]
            self._known[uid] = len(items) + dropped_items
            self._booked[uid] = len(rows) + dropped_rows
        return dump(part)

    def close(self) -> None:
        """Saves the whole state and closes the file."""
        self._try_to_save()
        if self._file is not None:
            self._file.close()
            self._file = None


def merge(state: State, changes: Iterable[State], closed_order_cache: int) -> State:
    """The whole state after all changes."""
    books, funding = state["books"], state["funding"]
    accounts, executions, ledger = state["accounts"], state["executions"], state["ledger"]
    orders = {uid: {o["order_id"]: o for o in a["orders"]} for uid, a in accounts.items()}
    for change in changes:
        for uid, part in change["accounts"].items():
            _merge_account(accounts[uid], orders[uid], part)
        for table, name in ((executions, "executions"), (ledger, "ledger")):
            for uid, rows in change[name].items():
                table.setdefault(uid, []).extend(rows)
        state = change
    for uid, account in accounts.items():
        account["orders"] = list(orders[uid].values())
        account["open"] = [
            one for one, o in orders[uid].items() if o["status"] not in FINAL_STATUSES
        ]
        recent = account["recent"]
        account["recent"] = {c: ids[-closed_order_cache:] for c, ids in recent.items()}
    funding |= {args[0]: due for due, _, action, args in state["timers"] if action == "funding"}
    return {
        **state,
        "accounts": accounts,
        "executions": executions,
        "ledger": ledger,
        "books": _books(books, orders),
        "funding": funding,
    }


def _merge_account(account: State, orders: dict[str, State], part: Mapping[str, Any]) -> None:
    recent = account["recent"]
    for order in part["orders"]:
        ident, category = order["order_id"], order["market"][0]
        orders[ident] = order
        shown = recent.setdefault(category, [])
        if order["status"] in FINAL_STATUSES and ident not in shown[-1000:]:
            shown.append(ident)
    account["links"].update(part["links"])
    for ident in part["closing_ids"]:
        if ident in account["closing_ids"]:
            account["closing_ids"].remove(ident)
        account["closing_ids"].append(ident)
    account.update({name: value for name, value in part.items() if name not in _MERGED})


def _books(known: Mapping[str, Any], orders: Mapping[str, Mapping[str, State]]) -> State:
    """Resting orders by market.

    The orders of the snapshot keep its order. The others follow by arrival.
    """
    books: dict[str, dict[tuple[str, str], None]] = {}
    resting = {
        (uid, ident): f"{order['market'][0]}/{order['market'][1]}"
        for uid, table in orders.items()
        for ident, order in table.items()
        if order["status"] in _RESTING
    }
    for key, rows in known.items():
        for uid, ident in rows:
            if resting.get((uid, ident)) == key:
                books.setdefault(key, {})[uid, ident] = None
    for (uid, ident), key in resting.items():
        books.setdefault(key, {})[uid, ident] = None
    return {key: [list(one) for one in rows] for key, rows in books.items()}
