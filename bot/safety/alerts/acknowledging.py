"""An operator's acknowledgement of an alert: it is repeated no more and escalates no further."""

from dataclasses import dataclass

from bot.authority.actors import Actor, Power, named, record, require, stated
from bot.clock import Clock
from bot.errors import Refused
from bot.state import binding
from models.database import Database
from models.enums import AlertState
from models.tables import AlertRow

ACKNOWLEDGED = "alert_acknowledged"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Acknowledges alerts for operators."""

    db: Database
    clock: Clock

    def acknowledge(self, alert_id: int, *, reason: str, actor: Actor) -> AlertRow:
        """Acknowledges an open alert; returns its row. A second acknowledgement changes nothing.

        Raises Refused for an unknown or cleared alert, and NotAuthorised where this needs a login.
        """
        why = stated(reason)
        with self.db.unit_of_work() as uow:
            row = uow.session.get(AlertRow, alert_id, with_for_update=True)
            if row is None:
                raise Refused(f"no alert {alert_id} is known", code="unknown_alert")
            if binding.is_guarded(uow.session):
                require(actor, Power.ACKNOWLEDGE_ALERTS, f"acknowledging alert {alert_id}")
            if row.state is AlertState.CLEARED:
                raise Refused(f"alert {alert_id} is cleared already", code="alert_is_cleared")
            if row.state is AlertState.ACKNOWLEDGED:
                return row
            now = self.clock.now()
            row.state = AlertState.ACKNOWLEDGED
            row.acknowledged_at, row.acknowledged_by = now, named(actor)
            row.acknowledge_reason = why
            said = {"alert": alert_id, "level": row.level, "key": row.key, "reason": why}
            record(uow, row.chain, ACKNOWLEDGED, f"alert:{alert_id}", actor, said, now)
            uow.commit()
        return row
