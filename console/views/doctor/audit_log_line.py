"""The doctor's line about the audit log: its size, and whether its witness keeps up."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.settings import Settings
from console.context import reading
from console.output import utc
from console.runtime.health_check import HealthCheck
from console.views.live.queries import database_now
from models.tables import AuditTreeRow
from models.transparency.offline_verifier import Checkpoint, ProofError
from models.transparency.submission import WitnessDirectory, read, read_note
from tasks.bootstrap import audit_directories

NAME = "audit log"
LATE = timedelta(minutes=1)
"""The age from which a checkpoint that the witness has not signed is a warning."""


def audit_log_line(settings: Settings) -> HealthCheck:
    """A refusal of the witness is a fault. A witness that doesn't keep up is a warning: nothing is
    wrong, and what it has not signed is protected less."""
    _, witness = audit_directories(settings)
    try:
        refusal, witnessed = read(witness.refused), _witnessed(witness)
    except (OSError, ProofError) as error:
        return HealthCheck(NAME, False, f"what the witness says can't be read: {error}", down=False)
    if refusal is not None:
        told = f"the witness refuses it: look into {witness.refused} and `mlrisk audit verify`"
        return HealthCheck(NAME, False, told, down=False)
    with reading(settings.require_database_url()) as session:
        size = session.scalar(select(func.max(AuditTreeRow.size))) or 0
        late = _late(session, witnessed)
    told = f"{size} entries, {witnessed} of them witnessed"
    if late is not None:
        told += (
            f"; the witness has not signed what was there at {utc(late)}: does the watchdog run?"
        )
    return HealthCheck(NAME, True, told, warning=late is not None)


def _witnessed(witness: WitnessDirectory) -> int:
    note = read_note(witness.cosigned)
    return 0 if note is None else Checkpoint.parse(note.text).size


def _late(session: Session, witnessed: int) -> datetime | None:
    """When the oldest checkpoint that the witness should have signed was made."""
    oldest = session.scalar(select(func.min(AuditTreeRow.at)).where(AuditTreeRow.size > witnessed))
    return oldest if oldest is not None and database_now(session) - oldest > LATE else None
