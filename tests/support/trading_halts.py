"""What a scene's database says of halts, and which system owns it."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.state import binding
from bot.state.binding import Identity
from config.settings import Environment, TradingMode
from models.database import Database
from models.tables import TradingStateRow
from tests.support.scene import ACCOUNT, START, Scene, read_only_engine


def bind(scene: Scene, environment: Environment, mode: str = "paper") -> None:
    """As the first process did that started on the scene's database."""
    owner = Identity(ACCOUNT, mode, "17", environment, TradingMode.PAPER_TRADING)
    binding.bind(scene.db, owner, START)


def seal_of(db: Database) -> datetime | None:
    """The time of the global halt's seal; None without one."""
    asked = select(TradingStateRow.sealed_at).where(TradingStateRow.scope_kind == "global")
    with db.reading() as session:
        return session.scalar(asked)


def state_and_seal(scene: Scene) -> tuple[str, bool]:
    """The global trading state, and whether its halt is sealed."""
    engine = read_only_engine(scene.database_url)
    try:
        with Session(engine) as session:
            row = session.scalars(select(TradingStateRow)).one()
            return row.state, row.sealed_at is not None
    finally:
        engine.dispose()
