"""A database of which every text that an outsider can fill is an attack on whoever reads it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from sqlalchemy import ARRAY, Column, Table, text
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeDecorator

from bot.safety import assurance
from models.database import Database
from models.stored_enums import StoredEnum
from models.tables import Base

TAG = "[red]"
MARK = "EVIL"
"""Seen without the tag before it, markup has acted."""
STORABLE = (
    f" {TAG}{MARK}[/red] [link=http://127.0.0.1]\x1b[2J\x1b]0;owned\x07\x1b[38;5;201m\x9b31m"
    "\r\b\u202e\u2066\u200b\ufeff\U000e0041 "
)
"""Codes that clear, name, colour and move; marks that reorder or hide; markup; no NUL, no lone
surrogate: no column holds these."""
HOSTILE = STORABLE + "[/] \udcff"
LONG = "A" * 10_000

SYMBOLS = ("BTCUSDT", "ETHUSDT")
_MADE_BY_US = re.compile(r"[0-9a-f]{32,}|-?[0-9.]+|\d{4}-\d\d-\d\d.*|[A-Z]{2,12}|order_link_id|")
_KEPT = {
    # What commands name, and what ties the rows of an account together.
    "account",
    "chain",
    "scope_key",
    "environment",
    "trading_mode",
    "exchange",
    "mode",
}


_OURS: dict[str, dict[str, Any]] = {
    "account_binding": {"exchange_uid": "1", "mode": "paper", "environment": "development",
                        "trading_mode": "conservative"},
    "assurance_report": {"kind": assurance.CALIBRATION, "report": {"counts": {"keep": STORABLE}}},
    "breaker": {"scope_kind": "account", "scope_key": "paper", "kind": "daily_loss_limit"},
    "config_version": {"environment": "development", "mode": "conservative", "state": "proposed",
                       "direction": "loosening", "override": {}, "approved_by": None,
                       "changes": [{"path": STORABLE, "before": STORABLE, "after": STORABLE,
                                    "direction": "loosening", "unset": False}]},
    "drill": {"kind": "halt", "report": {"why": STORABLE}},
    "recovery": {"asked_by": f"a {STORABLE}", "scope_kind": "global"},
    "gate_value": {"not_valued": None},
    "operator": {"role": "risk_officer"},
    "refused_messages": {"kind": "bad_message"},
    "unreadable_fact": {"kind": "order"},
}  # fmt: skip
"""The words of rows that nothing here writes; the rest of such a row is made up."""


def spoil(db: Database) -> None:
    """Every table has a row, and every text of one is hostile that is none of our own words."""
    words = {*_words(Enum), assurance.CALIBRATION}
    with db.engine.begin() as connection:
        # Past foreign keys and triggers: outsiders' text is as old as the rows.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in Base.metadata.sorted_tables:
            rows = connection.execute(table.select()).mappings().all()
            if not rows:
                connection.execute(table.insert().values(_made_up(table)))
            _spoil_table(connection, table, rows, words)


def spoiled(value: str) -> str:
    """What a text has become: markup that acts, or, in every third, markup that breaks."""
    return value + STORABLE + ("" if sum(map(ord, value)) % 3 else "[/] ")


def _made_up(table: Table) -> dict[str, Any]:
    given = _OURS.get(table.name, {})
    return {
        column.name: given.get(column.name, _any(column))
        for column in table.columns
        if column.identity is None
    }


def _any(column: Column[Any]) -> Any:
    if column.name == "account":
        return "paper"
    if column.name == "symbol":
        return SYMBOLS[0]
    made: dict[type, Any] = {
        dict: {"why": STORABLE},
        str: STORABLE,
        bool: True,
        datetime: datetime.now(UTC),
        bytes: b"1",
    }
    kind = column.type
    if isinstance(kind, StoredEnum):
        return next(iter(kind.vocabulary))  # such a column takes nobody's words
    plain = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    if isinstance(plain, ARRAY):
        return [made.get(plain.item_type.python_type, 1)]
    return made.get(plain.python_type, 1)


def _spoil_table(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], words: set[str]
) -> None:
    for row in rows:
        changes = {
            column.name: new
            for column in table.columns
            if (new := _spoiled(column, row[column.name], words)) != row[column.name]
        }
        if not changes:
            continue
        same = [column == row[column.name] for column in table.primary_key.columns]
        connection.execute(table.update().where(*same).values(changes))


def _spoiled(column: Column[Any], value: Any, words: set[str]) -> Any:
    if column.name in _KEPT:
        return value
    return _spoiled_json(value, words)


def _spoiled_json(value: Any, words: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _spoiled_json(item, words) for key, item in value.items()}
    if isinstance(value, list):
        return [_spoiled_json(item, words) for item in value]
    return _spoiled_text(value, words) if isinstance(value, str) else value


def _spoiled_text(value: str, words: set[str]) -> str:
    if value in words or _MADE_BY_US.fullmatch(value):
        return value
    return spoiled(value)


def _words(kind: type[Enum]) -> Iterator[str]:
    for each in kind.__subclasses__():
        yield from (str(member.value) for member in each)
        yield from _words(each)
