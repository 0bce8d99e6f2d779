"""Trading states as tests set them: with the audit entry that each of them has."""

from datetime import datetime

from models.database import Database
from models.enums import ScopeKind, TradingState
from models.repositories.safety import states


def set_state(
    db: Database, kind: ScopeKind, key: str, to: TradingState, *, now: datetime, reason: str = "why"
) -> None:
    with db.unit_of_work() as uow:
        row = states.lock_state(uow.session, kind, key, now=now, actor="test")
        said = states.move(row, to, reason=reason, actor="test", now=now)
        chain, subject = states.chain_of(kind, key), f"{kind}:{key}"
        uow.audit(chain, states.RECORDED, subject, "test", said, now)
        uow.commit()
