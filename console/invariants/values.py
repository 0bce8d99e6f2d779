"""I7: money is finite Decimal in every row and plain digits on every wire."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import DateTime, Numeric, Table, func, literal, select
from sqlalchemy.orm import Session

from console.invariants.evidence import Evidence
from models.tables import Base, ChildOrderRow

_PLAIN = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_NUMBERS = ("qty", "price")
# Columns of a fixed scale can't hold infinities, but they can hold NaN.
_NAN = Decimal("NaN")


def i7_numbers_are_exact(evidence: Evidence) -> list[str]:
    """No NaN in any money column, no naive time column, no exponent and no float on the wire."""
    found = _columns(evidence.session)
    for child in evidence.session.scalars(
        select(ChildOrderRow).where(ChildOrderRow.body.is_not(None))
    ):
        name = f"child {child.order_link_id}"
        body = child.body or {}
        found += _body(name, body)
        sent = body.get("qty")
        if not isinstance(sent, str) or not _PLAIN.fullmatch(sent) or body.get("closeOnTrigger"):
            continue  # an order that closes a whole position goes out as 0
        if Decimal(sent) != child.qty:
            found.append(f"{name}: {sent} was sent, its quantity is {child.qty:f}")
    if evidence.record is not None:
        for order in evidence.record.orders:
            found += _body(f"order {order.order_link_id}", order.raw)
    return found


def _columns(session: Session) -> list[str]:
    found: list[str] = []
    for table in Base.metadata.sorted_tables:
        found += [
            f"{table.name}.{column.name} has no time zone"
            for column in table.columns
            if isinstance(column.type, DateTime) and not column.type.timezone
        ]
        found += _not_finite(session, table)
    return found


def _not_finite(session: Session, table: Table) -> list[str]:
    money = [column for column in table.columns if isinstance(column.type, Numeric)]
    if not money:
        return []
    bad = [func.count().filter(column == literal(_NAN, column.type)) for column in money]
    counts = session.execute(select(*bad).select_from(table)).one()
    return [
        f"{table.name}.{column.name} is not a number in {count} rows"
        for column, count in zip(money, counts, strict=True)
        if count
    ]


def _body(name: str, body: Mapping[str, Any]) -> list[str]:
    found = [f"{name}: {path} is a float ({value!r})" for path, value in _floats("body", body)]
    for key in _NUMBERS:
        value = body.get(key)
        if value in (None, ""):
            continue
        if not isinstance(value, str) or not _PLAIN.fullmatch(value):
            found.append(f"{name}: {key} went out as {value!r}, not as plain digits")
    return found


def _floats(path: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _floats(f"{path}.{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _floats(f"{path}[{index}]", inner)
