"""The stored volume models: each training is a row, and the newest one counts."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.tables import VolumeModelRow


def newest_id(session: Session) -> int | None:
    """None before the first training."""
    return session.scalar(select(func.max(VolumeModelRow.model_id)))


def document(session: Session, model_id: int) -> str:
    """The text that `bot.market.volume.store.loads` reads."""
    return session.scalars(
        select(VolumeModelRow.document).where(VolumeModelRow.model_id == model_id)
    ).one()


def add(session: Session, text: str, *, source: str, at: datetime) -> int:
    """Makes these models the newest; gives their id."""
    row = VolumeModelRow(document=text, source=source, stored_at=at)
    session.add(row)
    session.flush()
    return row.model_id
