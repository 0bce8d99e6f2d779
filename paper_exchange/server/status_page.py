"""The status page at `/`: books, orders, positions, faults, and buttons for a test's hand.

It is plain HTML without scripts. Every text of a client is escaped.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from paper_exchange.server.exchange import Exchange
from paper_exchange.server.faults.catalogue import CATALOGUE
from paper_exchange.server.venue.venue import Key

LEVELS: Final = 5
MOST_ROWS: Final = 100
"""The most rows of one table, so that the page stays small."""
REFRESH_SECONDS: Final = 5
_STYLE: Final = (
    "body{font:14px sans-serif;margin:1em 2em}table{border-collapse:collapse;margin:.5em 0}"
    "td,th{border:1px solid #bbb;padding:2px 8px;text-align:right}form{display:inline}"
    "h2{margin:1em 0 .2em}.books{display:flex;flex-wrap:wrap;gap:1em}"
)
ORDER_FIELDS: Final = (
    *("symbol", "side", "orderType", "price", "qty", "cumExecQty", "orderStatus"),
    *("stopOrderType", "triggerPrice", "orderLinkId", "orderId"),
)
POSITION_FIELDS: Final = (
    *("symbol", "side", "size", "avgPrice", "markPrice", "liqPrice", "leverage", "unrealisedPnl"),
)
_BUTTONS: Final[Sequence[tuple[str, str, Sequence[tuple[str, str]]]]] = (
    ("freeze_clock", "freeze the clock", ()),
    ("step_clock", "step", (("ms", "1000"),)),
    ("resume_clock", "let the clock run", ()),
    ("print_trade", "print a trade", (("symbol", ""), ("price", ""), ("qty", ""))),
    ("set_price", "fix prices", (("symbol", ""), ("last", ""), ("mark", ""), ("index", ""))),
    ("release_price", "release prices", (("symbol", ""),)),
    ("fill_next", "fill the next order in part", (("share", "0.3"), ("rest_after_ms", "5000"))),
    ("close_sockets", "cut all sockets", ()),
)


def page(exchange: Exchange, actions: Iterable[str]) -> str:
    """The whole page at the present exchange time."""
    now = exchange.venue.catch_up()
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">',
        f"<title>paper exchange</title><style>{_STYLE}</style><h1>Paper exchange</h1>",
        f"<p>Exchange time {now} ms; {exchange.venue.events_applied} market events; "
        f"{len(exchange.connections)} sockets.</p>",
        "<h2>Faults</h2>",
        _faults(exchange),
        "<h2>Actions</h2><p>",
        *(_button(name, text, fields) for name, text, fields in _BUTTONS),
        f"</p><p>By POST /control/actions/…: {escape(', '.join(sorted(actions)))}</p>",
        "<h2>Books</h2><div class=books>",
        *(_book(exchange, key) for key in sorted(exchange.venue.specs)),
        "</div>",
        *(_account(exchange, uid, now) for uid in exchange.accounts),
        "</html>",
    ]
    return "".join(parts)


def _faults(exchange: Exchange) -> str:
    rows = [fault.describe() for fault in exchange.faults.active]
    listed = [
        "<p>"
        + escape(", ".join(f"{name} {value}" for name, value in row.items()))
        + _form(f"faults/off/{row['id']}", "off")
        + "</p>"
        for row in rows
    ]
    options = "".join(
        f'<option value="{name}">{name}: {escape(kind.about)}</option>'
        for name, kind in CATALOGUE.items()
    )
    inputs = (
        f"<select name=name>{options}</select> "
        '<input name=endpoint placeholder="endpoint, topic or symbol"> '
        '<input name=n size=4 placeholder="times">'
    )
    shown = "".join(listed) or "<p>None.</p>"
    return shown + _form("faults", "on", inputs) + _form("off", "all off")


def _button(action: str, text: str, fields: Sequence[tuple[str, str]]) -> str:
    inputs = "".join(
        f'<input name={name} size=8 value="{escape(value)}" placeholder={name}>'
        for name, value in fields
    )
    return _form(f"actions/{action}", text, inputs) + " "


def _form(path: str, text: str, inputs: str = "") -> str:
    return (
        f'<form method=post action="/control/form/{path}">{inputs}'
        f"<button>{escape(text)}</button></form>"
    )


def _book(exchange: Exchange, key: Key) -> str:
    tape = exchange.venue.tapes[key]
    bids, asks = exchange.venue.engine.book(key[0], key[1], LEVELS)
    price, qty = tape.price_text, tape.qty_text
    rows = [
        {"bid": qty(bids[i][1]) if i < len(bids) else "", "price": "", "ask": ""}
        | {"price": " / ".join(price(side[i][0]) if i < len(side) else "" for side in (bids, asks))}
        | {"ask": qty(asks[i][1]) if i < len(asks) else ""}
        for i in range(max(len(bids), len(asks)))
    ]
    title = f"{key[1]} {key[0]}, last {price(tape.last_price)}, mark {tape.mark_price or ''}"
    return f"<div>{escape(title)}{_table(('bid', 'price', 'ask'), rows)}</div>"


def _account(exchange: Exchange, uid: str, now: int) -> str:
    engine = exchange.venue.engine
    coins = sorted({spec.quote_coin for spec in exchange.venue.specs.values()})
    linear = [{"category": "linear", "settleCoin": coin} for coin in coins]
    orders = [row for scope in linear for row in engine.open_orders(uid, scope, now)]
    orders += engine.open_orders(uid, {"category": "spot"}, now)
    positions = [row for scope in linear for row in engine.positions(uid, scope)]
    wallet = engine.wallet(uid)
    return (
        f"<h2>Account {escape(uid)}</h2><p>Equity {wallet['totalEquity']} USD, "
        f"available {wallet['totalAvailableBalance']}.</p>"
        + _table(("coin", "walletBalance", "locked"), wallet["coin"])
        + f"<h3>Orders: {len(orders)}</h3>{_table(ORDER_FIELDS, orders)}"
        + f"<h3>Positions: {len(positions)}</h3>{_table(POSITION_FIELDS, positions)}"
    )


def _table(fields: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{name}</th>" for name in fields)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(row.get(name, '')))}</td>" for name in fields) + "</tr>"
        for row in rows[:MOST_ROWS]
    )
    return f"<table><tr>{head}</tr>{body}</table>"
