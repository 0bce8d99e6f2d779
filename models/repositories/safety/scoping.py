"""The rows that a scope of a trading state covers."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from models.enums import ScopeKind
from models.tables import ChildOrderRow, ParentOrderRow

_COLUMNS = {
    ScopeKind.ACCOUNT: ParentOrderRow.account,
    ScopeKind.STRATEGY: ParentOrderRow.strategy,
    ScopeKind.SYMBOL: ParentOrderRow.symbol,
}


def parents_of(kind: ScopeKind, key: str) -> ColumnElement[bool]:
    """The condition on parents of a scope."""
    if kind is ScopeKind.GLOBAL:
        return true()
    return _COLUMNS[kind] == key


def links_of(
    session: Session, only: ColumnElement[bool], order_link_ids: Sequence[str]
) -> frozenset[str]:
    """Those of these order ids whose parent meets the condition."""
    found = session.scalars(
        select(ChildOrderRow.order_link_id)
        .join(ParentOrderRow, ParentOrderRow.request_id == ChildOrderRow.request_id)
        .where(ChildOrderRow.order_link_id.in_(order_link_ids), only)
    )
    return frozenset(found)
