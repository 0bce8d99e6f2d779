"""Turns the engine's state into JSON-able values and back, exactly.

Decimals become text. Books and marks are not kept, because the source replays them.
"""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from heapq import heapify
from typing import Any, Final

from paper_exchange.engine.accounts.account import Account, Position
from paper_exchange.engine.accounts.ledger import LogRow
from paper_exchange.engine.orders.order import Exits, Order, Trigger
from paper_exchange.engine.records import Execution
from paper_exchange.engine.world import World

VERSION: Final = 1
State = dict[str, Any]


def plain_value(value: Any) -> Any:
    """A value for JSON. A Decimal gets a mark of its own; every other value is JSON already."""
    return {"d": str(value)} if isinstance(value, Decimal) else value


def real_value(value: Any) -> Any:
    """The value that `plain_value` wrote."""
    if isinstance(value, Mapping) and value.keys() == {"d"}:
        return Decimal(value["d"])
    return value


def dump_fields(item: Any, skip: frozenset[str] = frozenset()) -> State:
    """The fields of a dataclass as JSON values, without those in `skip`."""
    return {
        field.name: plain_value(getattr(item, field.name))
        for field in fields(item)
        if field.name not in skip
    }


def load_fields(state: Mapping[str, Any]) -> State:
    """The fields that `dump_fields` wrote."""
    return {name: real_value(value) for name, value in state.items()}


def dump_money(table: Mapping[str, Decimal]) -> dict[str, str]:
    """Amounts by coin, as text."""
    return {coin: str(amount) for coin, amount in table.items()}


def load_money(table: Mapping[str, str]) -> dict[str, Decimal]:
    """The amounts that `dump_money` wrote."""
    return {coin: Decimal(amount) for coin, amount in table.items()}


ORDER_SKIP: Final = frozenset({"market", "trigger", "exits", "fees", "versions"})
POSITION_SKIP: Final = frozenset({"market", "reducers", "exits", "partials"})


def _dump_order(order: Order) -> State:
    state = dump_fields(order, ORDER_SKIP)
    state["market"] = [order.market.category, order.market.symbol]
    state["trigger"] = None if order.trigger is None else dump_fields(order.trigger)
    state["exits"] = None if order.exits is None else dump_fields(order.exits)
    state["fees"] = dump_money(order.fees)
    state["versions"] = [[at, dict(record)] for at, record in order.versions]
    return state


def _load_order(world: World, state: Mapping[str, Any]) -> Order:
    values = load_fields(state)
    category, symbol = values["market"]
    values["market"] = world.market(category, symbol)
    values["trigger"] = None if state["trigger"] is None else Trigger(**state["trigger"])
    values["exits"] = None if state["exits"] is None else Exits(**state["exits"])
    values["fees"] = load_money(state["fees"])
    values["versions"] = [(at, record) for at, record in state["versions"]]
    return Order(**values)


def _dump_position(position: Position) -> State:
    state = dump_fields(position, POSITION_SKIP)
    state["market"] = position.market.symbol
    state["reducers"] = list(position.reducers)
    state["exits"] = {kind: order.order_id for kind, order in position.exits.items()}
    state["partials"] = list(position.partials)
    return state


def _load_position(world: World, account: Account, state: Mapping[str, Any]) -> Position:
    values = load_fields(state)
    values["market"] = world.market("linear", values["market"])
    orders = account.orders
    values["reducers"] = {one: orders[one] for one in state["reducers"]}
    values["exits"] = {kind: orders[one] for kind, one in state["exits"].items()}
    values["partials"] = {one: orders[one] for one in state["partials"]}
    return Position(**values)


def _dump_account(account: Account) -> State:
    return {
        "wallet": dump_money(account.wallet),
        "locked": dump_money(account.locked),
        "realised": dump_money(account.realised),
        "leverage": {s: [str(b), str(a)] for s, (b, a) in account.leverage.items()},
        "modes": dict(account.modes),
        "hedge": account.hedge,
        "reprice": account.reprice,
        "isolated": account.isolated,
        "no_collateral": sorted(account.no_collateral),
        "order_loss": str(account.order_loss),
        "orders": [_dump_order(order) for order in account.orders.values()],
        "open": list(account.open),
        "links": dict(account.links),
        "recent": {category: list(orders) for category, orders in account.recent.items()},
        "closing": [_dump_order(o) for i, o in account.closing.items() if i not in account.orders],
        "closing_ids": list(account.closing),
        "active": [[*key, count] for key, count in account.active.items()],
        "positions": [_dump_position(position) for position in account.positions.values()],
    }


def _load_account(world: World, account: Account, state: Mapping[str, Any]) -> None:
    account.wallet = load_money(state["wallet"])
    account.locked = load_money(state["locked"])
    account.realised = load_money(state["realised"])
    account.leverage = {s: (Decimal(b), Decimal(a)) for s, (b, a) in state["leverage"].items()}
    account.modes, account.hedge = dict(state["modes"]), state["hedge"]
    account.reprice = state["reprice"]
    # States of earlier versions have neither.
    account.isolated = state.get("isolated", False)
    account.no_collateral = set(state.get("no_collateral", ()))
    account.order_loss = Decimal(state["order_loss"])
    loaded = [_load_order(world, one) for one in state["orders"]]
    account.orders = {order.order_id: order for order in loaded}
    account.open = {one: account.orders[one] for one in state["open"]}
    account.links = dict(state["links"])
    account.recent = {
        category: {one: account.orders[one] for one in ids if one in account.orders}
        for category, ids in state["recent"].items()
    }
    older = {o.order_id: o for o in (_load_order(world, one) for one in state["closing"])}
    account.closing = {one: older.get(one) or account.orders[one] for one in state["closing_ids"]}
    account.active = {(a, b, c): count for a, b, c, count in state["active"]}
    positions = [_load_position(world, account, one) for one in state["positions"]]
    account.positions = {(p.market.symbol, p.idx): p for p in positions}


def _dump_execution(item: Execution) -> State:
    state = dump_fields(item, frozenset({"market"}))
    state["market"] = [item.market.category, item.market.symbol]
    return state


def _load_execution(world: World, state: Mapping[str, Any]) -> Execution:
    values = load_fields(state)
    values["market"] = world.market(*values["market"])
    return Execution(**values)


def dump(world: World) -> State:
    """The whole state. Drain the events first, because they are not part of it."""
    return {
        "version": VERSION,
        "now": world.now,
        "target": world.target,
        "seq": world.seq,
        "ids": world.ids,
        "timer_count": world.timer_count,
        "insurance": None if world.insurance is None else str(world.insurance),
        "timers": [[due, number, action, list(args)] for due, number, action, args in world.timers],
        "accounts": {uid: _dump_account(account) for uid, account in world.accounts.items()},
        "executions": {
            uid: [_dump_execution(item) for item in items]
            for uid, items in world.executions.items()
        },
        "ledger": {
            uid: [dump_fields(row) for row in rows] for uid, rows in world.ledger.rows.items()
        },
        "books": {
            f"{market.category}/{market.symbol}": [
                [order.uid, order.order_id] for side in (1, -1) for order in market.own.same(side)
            ]
            for market in world.markets.values()
            if market.resting
        },
        "funding": {
            market.symbol: market.next_funding_ms
            for market in world.markets.values()
            if market.next_funding_ms is not None
        },
    }


def load(world: World, state: Mapping[str, Any]) -> None:
    """Puts a dumped state into a fresh world with the same accounts and instruments."""
    if state.get("version") != VERSION:
        raise ValueError(f"snapshot version {state.get('version')!r}, expected {VERSION}")
    missing = set(state["accounts"]) - set(world.accounts)
    if missing:
        raise ValueError(f"snapshot has accounts that are not configured: {sorted(missing)}")
    world.now, world.target = state["now"], state["target"]
    # A server may have set the counters higher so that identifiers never repeat.
    world.seq, world.ids = max(world.seq, state["seq"]), max(world.ids, state["ids"])
    world.timer_count = state["timer_count"]
    if world.insurance is not None and state.get("insurance") is not None:
        world.insurance = Decimal(state["insurance"])
    world.timers = [(d, n, a, tuple(args)) for d, n, a, args in state["timers"]]
    heapify(world.timers)
    for uid, saved in state["accounts"].items():
        _load_account(world, world.accounts[uid], saved)
    world.executions = {
        uid: [_load_execution(world, one) for one in items]
        for uid, items in state["executions"].items()
    }
    world.ledger.rows = {
        uid: [LogRow(**load_fields(one)) for one in rows] for uid, rows in state["ledger"].items()
    }
    for symbol, due in state["funding"].items():
        world.market("linear", symbol).next_funding_ms = due
    _rebuild_markets(world, state)


def _rebuild_markets(world: World, state: Mapping[str, Any]) -> None:
    """Puts resting and waiting orders back where market events find them."""
    for key, orders in state["books"].items():
        category, _, symbol = key.partition("/")
        market = world.market(category, symbol)
        for uid, order_id in orders:
            order = world.accounts[uid].orders[order_id]
            if order.held:
                continue
            market.own.same(order.side).add(order)
            market.resting += 1
    for account in world.accounts.values():
        for order in account.open.values():
            if order.status == "Untriggered":
                order.market.triggers.add(order)
        for position in account.positions.values():
            if position.size:
                position.market.holders[account.uid] = None
            if position.trailing:
                position.market.trailing[account.uid, position.idx] = position
