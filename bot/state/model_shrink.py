"""A smaller size for a strategy whose model is right less often than it states.

The shrink is the share of a breaker's row that is not tripped. The gate multiplies each entry of
the scope by the smallest such share. It stays until a person resets `model_performance_shrink`.
"""

import logging
from datetime import datetime
from decimal import Decimal

from bot.risk.portfolio.kinds import AlertLevel
from bot.state.breakers import BreakerScope, row_of
from models.database import UnitOfWork

log = logging.getLogger(__name__)

KIND = "model_performance_shrink"
"""The kind of the row; stored, so never renamed."""
SHARE = Decimal("0.4")
"""It is no step of the ladder of recoveries, which would take it back by itself."""
SIZE_SHRUNK = "size_shrunk"


def shrink(
    uow: UnitOfWork, account: str, scope: BreakerScope, *, reason: str, now: datetime
) -> bool:
    """Cuts the scope's entries to `SHARE`; returns False when they are cut already."""
    row = row_of(uow.session, scope, KIND, now)
    if row.share is not None:
        return False
    row.share, row.reason, row.changed_at = SHARE, reason, now
    row.count += 1
    payload = {"share": format(SHARE, "f"), "reason": reason}
    uow.audit(account, SIZE_SHRUNK, str(scope), "monitor", payload, now)
    log.warning(
        "sizes of %s shrink: %s",
        scope,
        reason,
        extra={"event": SIZE_SHRUNK, "alert": AlertLevel.WARNING.value},
    )
    return True
