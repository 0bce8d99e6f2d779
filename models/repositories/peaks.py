"""The busiest minutes of an account: messages that came, orders that were sent, and volume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

MONTHS_6 = timedelta(days=183)

_RECEIVED = text(
    """
    SELECT minute, sum(many) AS most FROM (
        SELECT date_trunc('minute', received_at) AS minute, count(*) AS many
          FROM trade_request
          WHERE account = :account AND strategy <> ALL(:without)
            AND received_at >= :since AND received_at < :until
          GROUP BY 1
        UNION ALL
        SELECT minute, sum(count) FROM refused_messages
          WHERE minute >= :since AND minute < :until AND sender <> ALL(:without)
          GROUP BY 1
    ) AS both_kinds
    GROUP BY minute ORDER BY most DESC, minute LIMIT 1
    """
)
_SENT = text(
    """
    SELECT date_trunc('minute', child.sent_at) AS minute, sum(greatest(child.posts, 1)) AS most
      FROM child_order AS child JOIN trade_request USING (request_id)
      WHERE child.account = :account AND strategy <> ALL(:without)
        AND child.sent_at >= :since AND child.sent_at < :until
      GROUP BY 1 ORDER BY most DESC, minute LIMIT 1
    """
)
_VOLUME = text(
    """
    SELECT date_trunc('minute', fill.executed_at) AS minute, sum(fill.qty * fill.price) AS most
      FROM fill JOIN child_order AS child USING (child_id)
        JOIN trade_request USING (request_id)
      WHERE fill.account = :account AND strategy <> ALL(:without)
        AND fill.executed_at >= :since AND fill.executed_at < :until
      GROUP BY 1 ORDER BY most DESC, minute LIMIT 1
    """
)


@dataclass(frozen=True, slots=True)
class Peak:
    """The most within one minute; without a minute there was nothing."""

    most: Decimal
    minute: datetime | None


@dataclass(frozen=True, slots=True)
class Peaks:
    """The busiest minutes of [since, until)."""

    since: datetime
    until: datetime
    received: Peak
    """Messages that strategies sent to us, refused ones included."""
    sent: Peak
    """Orders that we sent to the exchange; cancels are not counted."""
    volume: Peak
    """What was traded. Unit: quote currency."""


def peaks(
    session: Session, account: str, since: datetime, until: datetime, without: Sequence[str]
) -> Peaks:
    """The busiest minutes of an account. What the strategies `without` did is left out."""
    span: Mapping[str, Any] = {
        "account": account,
        "since": since,
        "until": until,
        "without": list(without),
    }

    def peak(query: Any) -> Peak:
        found = session.execute(query, span).one_or_none()
        return Peak(Decimal(0), None) if found is None else Peak(Decimal(found[1]), found[0])

    return Peaks(since, until, peak(_RECEIVED), peak(_SENT), peak(_VOLUME))
