"""The file of the limits that the workers run. Limits are changed from the same file only.

The caller's file decides whether a change loosens, and the change acts on the workers' file. From a
looser file, a loosening would look like a tightening.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from bot.errors import Refused
from bot.limits.source import LayeredConfig
from models.audit import GLOBAL_CHAIN
from models.database import Database
from models.tables import AccountBindingRow

_ONE = 1
_SHOWN = 12


def noted(session: Session) -> str | None:
    """SHA-256 of the workers' file; None when no worker has started on this database yet."""
    row = session.get(AccountBindingRow, _ONE, populate_existing=True)
    return None if row is None else row.limits_file_sha256


def note(db: Database, files: LayeredConfig, now: datetime) -> None:
    """Notes the file of a starting worker; the newest note counts."""
    sha256 = files.fingerprint()
    with db.reading() as session:
        if noted(session) == sha256:
            return
    with db.unit_of_work() as uow:
        row = uow.session.get(AccountBindingRow, _ONE, with_for_update=True)
        if row is None or row.limits_file_sha256 == sha256:
            return  # no process has proven its keys yet, or another worker was first
        said = {"before": row.limits_file_sha256, "sha256": sha256}
        row.limits_file_sha256 = sha256
        uow.audit(GLOBAL_CHAIN, "limits_file", row.account, "mlrisk", said, now)
        uow.commit()


def refuse_another(session: Session, files: LayeredConfig) -> None:
    """Raises Refused when the file is not the workers' file."""
    theirs, ours = noted(session), files.fingerprint()
    if theirs is None or theirs == ours:
        return
    raise Refused(
        f"the limits' file {files.path} is not the one that the workers run (SHA-256 "
        f"{ours[:_SHOWN]}, theirs {theirs[:_SHOWN]}): set MLRISK_CONFIG_PATH to theirs, or restart "
        "the workers with this one",
        code="other_limits_file",
    )
