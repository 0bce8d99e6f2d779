"""The seal of a halt: proof that nothing risk-adding is on its way any more (`sealed_at`).

Once the halt's state is committed, every uncommitted claim fails. Only sessions that were sending
or claiming at that moment may still reach the exchange. The seal waits for claims, which are short,
and then for posts: until their senders are done, or until the exchange refuses every request that
was claimed. It refuses one after the window for orders that add risk (`adding_window_ms`), however
late it arrives, so that a post which hangs delays no seal for longer than that. The exchange counts
the window by its own clock, which may be behind ours by `max_clock_offset_ms`: the seal waits for
both.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, select, true

from models.database import Database
from models.enums import ChildState
from models.locks import Holder, end_session, sending_holders
from models.open_rows import CHILD_MAY_BE_AT_EXCHANGE
from models.tables import ChildOrderRow, ParentOrderRow

TIMEOUT_SECONDS = 30.0
"""Longer than the slowest POST (3 s to connect, 8 s to read) and its bookkeeping."""
HOLD_LIMIT_SECONDS = 15.0
"""Also longer than the slowest POST: a session that takes longer is frozen or hung."""
_POLL_SECONDS = 0.01


class Sealer:
    """Waits for every sender that is under way at the call."""

    def __init__(
        self,
        db: Database,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        hold_limit_seconds: float = HOLD_LIMIT_SECONDS,
    ) -> None:
        self._db = db
        self._timeout_seconds = timeout_seconds
        self._hold_limit_seconds = hold_limit_seconds

    def wait(
        self,
        ended: Callable[[str], None],
        acceptable_for: Callable[[], float],
        *,
        at_most: float | None = None,
        goes_on: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Returns False when a sender could not be waited for; `ended` gets the sessions that were
        ended.

        The time to wait does not end while `goes_on`. `acceptable_for` is the time in seconds in
        which the exchange may still accept a claimed request. It is asked once no claim is under
        way. Later holders are not waited for, because their claims see the halt.
        """
        until = time.monotonic() + (self._timeout_seconds if at_most is None else at_most)
        refused_from: float | None = None
        with self._db.autocommit_connection() as connection:
            awaited = set(sending_holders(connection))
            while awaited:
                now = sending_holders(connection)
                awaited &= now.keys()
                if awaited and not any(holder.may_claim for holder in awaited):
                    if refused_from is None:
                        refused_from = time.monotonic() + acceptable_for()
                    if time.monotonic() >= refused_from:
                        return True
                for holder in sorted(awaited, key=lambda h: h.pid):
                    if now[holder] >= self._hold_limit_seconds and self._end(connection, holder):
                        awaited.discard(holder)
                        ended(
                            f"a sender was silent for {now[holder]:.0f} s, so its database "
                            f"session {holder.pid} was ended: look at its worker; mlrisk is "
                            "looking up the orders that it may have placed"
                        )
                if awaited and time.monotonic() >= until and not goes_on():
                    return False
                if awaited:
                    time.sleep(_POLL_SECONDS)
        return True

    def _end(self, connection: Connection, holder: Holder) -> bool:
        return end_session(connection, holder.pid)


def unsettled(db: Database, only: ColumnElement[bool] | None = None) -> Sequence[ChildOrderRow]:
    """Risk-adding children that the exchange may still accept or have accepted unheard.

    `only` is a condition on their parents; all by default.
    """
    with db.reading() as session:
        return session.scalars(
            select(ChildOrderRow)
            .join(ParentOrderRow, ParentOrderRow.request_id == ChildOrderRow.request_id)
            .where(
                CHILD_MAY_BE_AT_EXCHANGE,
                ChildOrderRow.state.in_((ChildState.SENDING, ChildState.UNKNOWN)),
                ChildOrderRow.reduce_only.is_(False),
                true() if only is None else only,
            )
            .order_by(ChildOrderRow.child_id)
        ).all()


def accepted_until(children: Sequence[ChildOrderRow], window: timedelta) -> datetime | None:
    """The time when the last of these requests can no longer be accepted; None without any."""
    sent = [child.sent_at for child in children if child.sent_at is not None]
    return max(sent) + window if sent else None
