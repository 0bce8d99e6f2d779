"""Stops all trading for what Postgres can't record: a database or an audit that stays away.

The stop goes to the halt journal of the home. From then on every claim and every decision of the
home's processes counts as HALTED, and Postgres records the halt when it is back.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import Error as PsycopgError
from sqlalchemy.exc import DBAPIError

from bot.clock import Clock
from bot.risk.portfolio.kinds import AlertLevel
from bot.safety.emergency import triggers as emergency_triggers
from bot.safety.emergency.trigger_rows import ACTOR
from bot.safety.emergency.triggers import Judgement, Lasting, TriggerKind
from bot.safety.lease.sensors import AUDIT_UNWRITABLE, Reading
from bot.state import halt_journal
from bot.state.halt_journal import JournalledHalt
from config.keys.emergency import EmergencyRules

log = logging.getLogger(__name__)

_SILENT_CLASSES = ("08", "57")
"""The classes of SQLSTATE in which the server gives no answer: lost connections, and a server that
stops or cancels."""
_WORDS = {
    TriggerKind.DATABASE_LOST: "the database can't be asked",
    TriggerKind.AUDIT_UNWRITABLE: AUDIT_UNWRITABLE,
}


def cause_of(error: DBAPIError) -> TriggerKind:
    """What a failed look shows: a database that does not answer, or one that refuses to write."""
    state = error.orig.sqlstate if isinstance(error.orig, PsycopgError) else None
    if state is None or state.startswith(_SILENT_CLASSES):
        return TriggerKind.DATABASE_LOST
    return TriggerKind.AUDIT_UNWRITABLE


def seen_in(readings: Mapping[str, Reading]) -> TriggerKind | None:
    """What a look shows that could read; None when the audit takes entries."""
    fault = readings.get("audit", Reading()).fault
    unwritable = fault is not None and fault.startswith(AUDIT_UNWRITABLE)
    return TriggerKind.AUDIT_UNWRITABLE if unwritable else None


@dataclass
class Outages:
    """Counts, look by look, how long the database or the audit of one home is away."""

    home: Path
    clock: Clock
    _lasting: dict[TriggerKind, Lasting] = field(default_factory=dict, init=False)
    _journalled: set[TriggerKind] = field(default_factory=set, init=False)

    def look(self, found: TriggerKind | None, rules: EmergencyRules) -> None:
        """Counts one look; stops all trading once when a deadline has passed.

        A stop that can't be written is tried again at the next look.
        """
        for kind in _WORDS:
            judged = self._judge(kind, found, rules)
            if not judged.fires:
                self._journalled.discard(kind)
            elif kind not in self._journalled and self._stop(judged):
                self._journalled.add(kind)

    def _judge(
        self, kind: TriggerKind, found: TriggerKind | None, rules: EmergencyRules
    ) -> Judgement:
        now = self.clock.now()
        # An audit is not written either while the database is away.
        lasts = found is kind or (
            kind is TriggerKind.AUDIT_UNWRITABLE and kind in self._lasting and found is not None
        )
        if lasts:
            self._lasting[kind] = Lasting.counted(self._lasting.get(kind), now, lasts=True)
        else:
            self._lasting.pop(kind, None)
        deadline = (
            rules.database_lost_seconds
            if kind is TriggerKind.DATABASE_LOST
            else rules.audit_unwritable_seconds
        )
        lasting = self._lasting.get(kind) or Lasting(now, now)
        return emergency_triggers.stays_away(kind, _WORDS[kind], lasting, deadline)

    def _stop(self, judged: Judgement) -> bool:
        halt = JournalledHalt(self.clock.now(), ACTOR, judged.sentence, "global", cancel=True)
        try:
            halt_journal.write(self.home, halt)
        except OSError as error:
            log.critical(
                "the emergency stop can't be written to the halt journal (%s): %s",
                error.strerror,
                judged.sentence,
                extra={
                    "event": "emergency_stop_not_journalled",
                    "alert": AlertLevel.EMERGENCY.value,
                },
            )
            return False
        log.critical(
            "EMERGENCY STOP of everything, by the halt journal: %s",
            judged.sentence,
            extra={"event": "emergency_stop", "alert": AlertLevel.EMERGENCY.value},
        )
        return True
