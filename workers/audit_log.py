"""The thread that keeps the audit log: it numbers what waits, and asks the witness to sign.

It runs in the safety process, which withholds the lease to trade when entries wait for too long.
"""

import logging
import threading
import time

from sqlalchemy.exc import DBAPIError

from bot.clock import Clock
from bot.risk.portfolio.kinds import AlertLevel
from bot.safety.audit.sequencing import BATCH, Sequencer
from bot.safety.audit.submitting import Outbox
from models.database import Database
from models.transparency.notes import LogSigner
from models.transparency.stored import TornLogError
from models.transparency.submission import LogDirectory, WitnessDirectory
from workers.stop_event import StopEvent

log = logging.getLogger(__name__)

SECONDS = 1.0
"""The time between two checkpoints while there are new entries."""


class AuditLogKeeper(threading.Thread):
    """Keeps the log of one database until `stop` is set."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        directories: tuple[LogDirectory, WitnessDirectory],
        stop: StopEvent,
    ) -> None:
        super().__init__(name="audit-log", daemon=True)
        self._db, self._clock, self._stop_event = db, clock, stop
        self._own, self._witness = directories
        self._parts: tuple[Sequencer, Outbox] | None = None
        self._fault: str | None = None

    def fault(self) -> str | None:
        """What is wrong with the log or between it and its witness; None when nothing is."""
        if self.ident is not None and not self.is_alive():
            return "the audit log's thread has ended"
        return self._fault

    def run(self) -> None:
        """Looks once a second. A failure is told and tried again."""
        while True:
            begun = time.monotonic()
            self.look()
            if self._stop_event.wait(max(0.1, begun + SECONDS - time.monotonic())):
                return

    def look(self) -> None:
        """Numbers everything that waits, and submits the newest head."""
        try:
            self._tell(self._look())
        except TornLogError as error:
            self._tell(str(error))
        except OSError as error:
            self._tell(f"the audit log's files can't be written: {error.strerror}")
        except DBAPIError as error:
            # The entries wait, which the sensor sees.
            log.warning(
                "the audit log can't be extended now: %s",
                type(error).__name__,
                extra={"event": "the_audit_log_cant_be_extended"},
            )

    def _look(self) -> str | None:
        if self._parts is None:
            signer = LogSigner(self._own.secret())
            outbox = Outbox(self._own, self._witness, signer.key)
            outbox.publish_key()
            self._parts = Sequencer(self._db, signer, self._clock), outbox
        sequencer, outbox = self._parts
        while sequencer.extend() >= BATCH and not self._stop_event.is_set():
            pass
        with self._db.reading() as session:
            return outbox.submit(session)

    def _tell(self, fault: str | None) -> None:
        if fault is not None and fault != self._fault:
            log.critical(
                "the audit log: %s",
                fault,
                extra={"event": "the_audit_log_has_a_fault", "alert": AlertLevel.CRITICAL.value},
            )
        self._fault = fault
