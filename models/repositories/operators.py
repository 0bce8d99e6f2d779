"""Rows of operators."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.enums import OperatorRole
from models.tables import OperatorRow


def everybody(session: Session) -> Sequence[OperatorRow]:
    """All operators in the order in which they came."""
    return session.scalars(select(OperatorRow).order_by(OperatorRow.operator_id)).all()


def named(session: Session, name: str, *, lock: bool = False) -> OperatorRow | None:
    """The operator of a name, locked until the transaction ends if asked; None when unknown."""
    found = select(OperatorRow).where(OperatorRow.name == name)
    if lock:
        found = found.with_for_update()
    return session.scalar(found.execution_options(populate_existing=True))


def count(session: Session) -> int:
    """The number of operators, disabled ones included."""
    return session.scalar(select(func.count()).select_from(OperatorRow)) or 0


def risk_officers(session: Session) -> int:
    """The number of risk officers that are not disabled."""
    return (
        session.scalar(
            select(func.count())
            .select_from(OperatorRow)
            .where(OperatorRow.role == OperatorRole.RISK_OFFICER, OperatorRow.disabled_at.is_(None))
        )
        or 0
    )
