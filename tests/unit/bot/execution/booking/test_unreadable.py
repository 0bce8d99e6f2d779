"""What can't be stored is kept as text, within bounds."""

from bot.execution.booking import unreadable
from tests.unit.bot.execution.booking.test_fills import executed
from tests.unit.bot.risk.cases import D


def test_an_execution_is_named_by_its_id_and_its_text_is_bounded() -> None:
    execution = executed(1, D(1), D(100), D("0.1"))
    fact = unreadable.of_execution(execution, ValueError("y" * 1000))
    assert (fact.kind, fact.key, fact.symbol) == ("execution", "e-1", "BTCUSDT")
    assert len(fact.why) == 500
    assert len(fact.row) <= 2000
    assert "e-1" in fact.row
