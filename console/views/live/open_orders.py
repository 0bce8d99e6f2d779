"""The open parent orders as plain facts and as a table, each with its algorithm and obstacles."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.output import utc
from console.views.live import parent_words
from models.amounts import shortest
from models.enums import ChildState
from models.open_rows import CHILD_IS_OPEN
from models.repositories.trading import orders
from models.tables import ChildOrderRow, ParentOrderRow


def open_orders(session: Session, account: str) -> list[dict[str, Any]]:
    """One entry for each parent that may still place or fill something, by request_id."""
    parents = orders.open_parents(session, account)
    children = _open_children(session, [parent.request_id for parent in parents])
    return [_facts(parent, children[parent.request_id]) for parent in parents]


def _open_children(session: Session, request_ids: Sequence[str]) -> dict[str, list[ChildOrderRow]]:
    found: dict[str, list[ChildOrderRow]] = defaultdict(list)
    rows = session.scalars(
        select(ChildOrderRow)
        .where(
            ChildOrderRow.request_id.in_(request_ids),
            CHILD_IS_OPEN,
        )
        .order_by(ChildOrderRow.due_at, ChildOrderRow.child_id)
    )
    for row in rows:
        found[row.request_id].append(row)
    return found


def _facts(parent: ParentOrderRow, children: Sequence[ChildOrderRow]) -> dict[str, Any]:
    planned = [child for child in children if child.state == ChildState.PLANNED]
    return {
        "request_id": parent.request_id,
        "strategy": parent.strategy,
        "symbol": parent.symbol,
        "side": parent.side,
        "reduce_only": parent.reduce_only,
        "priority": parent.priority,
        "algorithm": parent.algorithm,
        "worked_by": parent_words.worked_by(parent.algorithm, parent.ladder),
        "chosen_because": parent.params.get("chosen_because"),
        "state": parent.state,
        "stop_reason": parent.stop_reason,
        "set_aside_for": parent_words.set_aside_for(parent),
        "approved_qty": parent.approved_qty,
        "filled_qty": parent.filled_qty,
        "released_qty": parent.released_qty,
        "open_qty": parent.approved_qty - parent.filled_qty - parent.released_qty,
        "price_limit": parent.price_limit,
        "pace": parent.pace,
        "ladder": parent.ladder,
        "resting": [_resting(child) for child in children if _rests(child)],
        "next_child_at": planned[0].due_at if planned else None,
        "next_step_at": parent.step_at,
        "start_at": parent.start_at,
        "deadline_at": parent.deadline_at,
    }


def _rests(child: ChildOrderRow) -> bool:
    return child.rests and child.state.may_be_at_exchange


def _resting(child: ChildOrderRow) -> dict[str, Any]:
    return {
        "order_link_id": child.order_link_id,
        "style": child.style,
        "price": child.price,
        "qty": child.qty,
        "filled_qty": child.filled_qty,
        "cancel_requested_at": child.cancel_requested_at,
    }


def print_orders(out: Console, entries: Sequence[Mapping[str, Any]]) -> None:
    """Prints the open orders for a person, or says that there is none."""
    if not entries:
        out.print("no order is open")
        return
    table = Table(
        "request", "algorithm", "state", "symbol", "side", "approved", "filled", "open", "rests",
        "in its way", "backup plan", "next", "deadline",
        box=None,
    )  # fmt: skip
    for entry in entries:
        table.add_row(*_cells(entry))
    out.print(table)


def _cells(entry: Mapping[str, Any]) -> tuple[str, ...]:
    following = [at for at in (entry["next_child_at"], entry["next_step_at"]) if at is not None]
    return (
        escape(entry["request_id"]),
        parent_words.algorithm_words(entry["algorithm"], entry["ladder"]),
        entry["state"],
        escape(entry["symbol"]),
        entry["side"],
        shortest(entry["approved_qty"]),
        shortest(entry["filled_qty"]),
        shortest(entry["open_qty"]),
        ", ".join(_resting_words(child) for child in entry["resting"]),
        escape(
            parent_words.standing_words(
                entry["state"],
                entry["stop_reason"],
                entry["pace"],
                set_aside_for=entry["set_aside_for"],
            )
        ),
        parent_words.ladder_words(entry["ladder"]),
        utc(min(following)) if following else "",
        utc(entry["deadline_at"]),
    )


def _resting_words(child: Mapping[str, Any]) -> str:
    price = "" if child["price"] is None else f" at {shortest(child['price'])}"
    called_back = " (called back)" if child["cancel_requested_at"] else ""
    return f"{shortest(child['qty'] - child['filled_qty'])}{price}{called_back}"
