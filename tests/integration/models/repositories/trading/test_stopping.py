"""Many parents are ended in a fixed number of statements."""

import pytest

from tests.support.desk import Desk
from tests.support.statements import statements

pytestmark = pytest.mark.services


def test_a_halt_takes_as_many_statements_for_many_parents_as_for_few(desk: Desk) -> None:
    counts = []
    for name, parents in (("few", 2), ("many", 5)):
        for number in range(parents):
            desk.approve_twap(f"{name}-{number}", size="1000")
        with statements(desk.db) as said:
            report = desk.trading_halt.halt(reason="test", actor="me")
        assert report.children_cancelled == parents * 6
        counts.append(len(said))
        desk.trading_halt.resume(reason="on", actor="me", development=True)
        desk.pass_time(60)
    assert counts[0] == counts[1]
