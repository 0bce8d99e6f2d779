"""Signs of life of processes and of what they do regularly."""

from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.tables import HeartbeatRow


def store(session: Session, name: str, pid: int, details: dict[str, Any], at: datetime) -> None:
    """Stores a sign of life under `name`, in place of the one before."""
    values = {"pid": pid, "at": at, "details": details}
    session.execute(
        insert(HeartbeatRow)
        .values(name=name, **values)
        .on_conflict_do_update(index_elements=["name"], set_=values)
    )
