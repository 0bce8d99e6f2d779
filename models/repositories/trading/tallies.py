"""Counts of requests, decisions, orders and fills by state, at a constant cost."""

from collections import defaultdict

from sqlalchemy import select, text, union_all
from sqlalchemy.orm import Session

from models.tables import TallyChangeRow, TallyRow


def counts(session: Session) -> dict[str, dict[str, int]]:
    """Table -> value -> rows that have it, as of one moment; values without a row are absent."""
    folded = select(TallyRow.name, TallyRow.value, TallyRow.count)
    changes = select(TallyChangeRow.name, TallyChangeRow.value, TallyChangeRow.change)
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for name, value, count in session.execute(union_all(folded, changes)):
        found[name][value] += count
    return {
        name: {value: count for value, count in values.items() if count}
        for name, values in found.items()
    }


def fold(session: Session) -> None:
    """Adds the changes up, so that few are left to be read. A simultaneous call waits and finds
    nothing left."""
    session.execute(_FOLD)


_FOLD = text(
    """
    WITH gone AS (DELETE FROM tally_change RETURNING name, value, change)
    INSERT INTO tally (name, value, count)
    SELECT name, value, sum(change) FROM gone GROUP BY name, value ORDER BY name, value
    ON CONFLICT (name, value) DO UPDATE SET count = tally.count + excluded.count
    """
)
