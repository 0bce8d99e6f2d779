"""An examination replays every decision, or the newest of them."""

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.dialects import postgresql

from console.invariants.evidence import Evidence
from tests.unit.bot.risk.cases import NOW


@pytest.mark.parametrize(("newest", "limited"), [(None, False), (3, True)])
def test_the_newest_come_first_and_may_be_all_that_is_asked_for(
    newest: int | None, limited: bool
) -> None:
    asked: list[str] = []

    def scalars(query: Any) -> list[Any]:
        asked.append(str(query.compile(dialect=postgresql.dialect())))
        return ["a decision"]

    session: Any = SimpleNamespace(scalars=scalars)
    found: list[Any] = list(Evidence(session, None, NOW, newest).decisions())
    assert found == ["a decision"]
    assert "ORDER BY decision.decided_at DESC" in asked[0]
    assert ("LIMIT" in asked[0]) is limited
