"""How long audit entries have waited for their place in the audit log, as this process sees it.

The time of an entry says nothing here: a fill that is learnt late has an old one.
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass
class Unsequenced:
    """Remembers the first entry of each chain that waits, and since when it is seen to wait."""

    _waiting: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def seconds(self, session: Session, at: datetime) -> float:
        """The longest time that an entry was seen to wait; 0 while none waits twice."""
        found = {row.chain: row.seq for row in session.execute(_FIRST_WAITING)}
        known = self._waiting
        self._waiting = {
            chain: known[chain] if known.get(chain, (0, at))[0] == seq else (seq, at)
            for chain, seq in found.items()
        }
        since = (since for _, since in self._waiting.values())
        return max(((at - each).total_seconds() for each in since), default=0.0)


_FIRST_WAITING = text(
    """
    SELECT head.chain, coalesce(last.seq, 0) + 1 AS seq
      FROM audit_chain_head head
      LEFT JOIN LATERAL (SELECT leaf.seq FROM audit_leaf leaf WHERE leaf.chain = head.chain
                          ORDER BY leaf.seq DESC LIMIT 1) last ON true
     WHERE head.seq > coalesce(last.seq, 0)
    """
)
