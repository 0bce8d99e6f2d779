"""Columns of documents hold typed values, and nothing reads their JSON by hand."""

import ast
from collections.abc import Hashable
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from models.documents.orders import VolumeMark
from models.documents.stored_form import UnreadDocument
from models.stored_documents import StoredDocument
from models.tables import Base
from tests.unit.bot.risk.cases import NOW

ROOT = Path(__file__).parents[3]
ROOMS = ("bot", "tasks", "workers", "console", "models")
DIALECT = PGDialect_psycopg()
COLUMN = StoredDocument(VolumeMark)
STORED = {"since": NOW.isoformat(), "counter": "2.50", "counted": "1"}


def test_a_document_is_stored_as_its_json_and_read_back() -> None:
    mark = VolumeMark(NOW, Decimal("2.50"), Decimal(1))
    assert COLUMN.process_bind_param(mark, DIALECT) == STORED
    assert COLUMN.process_result_value(STORED, DIALECT) == mark


def test_nothing_stays_nothing() -> None:
    assert COLUMN.process_bind_param(None, DIALECT) is None
    assert COLUMN.process_result_value(None, DIALECT) is None


def test_a_value_of_another_type_is_not_stored() -> None:
    with pytest.raises(TypeError, match="VolumeMark"):
        COLUMN.process_bind_param(STORED, DIALECT)


def test_what_cannot_be_read_is_loaded_and_stored_as_it_was() -> None:
    found = COLUMN.process_result_value({"odd": 1}, DIALECT)
    assert isinstance(found, UnreadDocument)
    assert COLUMN.process_bind_param(found, DIALECT) == {"odd": 1}


def test_two_columns_of_one_type_are_one_in_the_cache_of_statements() -> None:
    kinds: tuple[Hashable, ...] = (VolumeMark, tuple[VolumeMark, ...])
    first, second = (StoredDocument(kind)._static_cache_key for kind in kinds)
    assert first == COLUMN._static_cache_key
    assert first != second


_ROWS = frozenset({"parent", "child", "row", "position", "watch"})
_READERS = frozenset({"from_json", "model_validate", "loads", "dict"})


def test_what_a_column_holds_already_is_not_read_again() -> None:
    documents = {
        column.name
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, StoredDocument)
    }
    assert documents >= {
        "pace",
        "ladder",
        "volume_mark",
        "arrival",
        "readings",
        "changes",
        "other_fees",
        "told",
    }
    again = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if _reads(node, documents)
    ]
    assert again == []


def _reads(node: ast.AST, documents: set[str]) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments):
            return name in _READERS and any(
                isinstance(each, ast.Attribute)
                and each.attr in documents
                and isinstance(each.value, ast.Name)
                and each.value.id in _ROWS
                for each in arguments
            )
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id=owner), attr=column)):
            return owner in _ROWS and column in documents
        case _:
            return False
