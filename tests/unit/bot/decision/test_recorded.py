"""The inputs of a stored decision are the ones that the gate looked at."""

import pytest

from bot.decision.recorded import RecordedInputs, recorded_inputs
from bot.risk import codec
from models.tables import DecisionRow
from tests.unit.bot.risk import cases


def stored(**changes: object) -> DecisionRow:
    inputs = {"intent": cases.intent(), "snapshot": cases.snapshot(), "limits": cases.LIMITS}
    return DecisionRow(**({name: codec.to_json(one) for name, one in inputs.items()} | changes))


def test_inputs_come_back_as_they_were() -> None:
    found = recorded_inputs(stored())
    assert found == RecordedInputs(cases.intent(), cases.snapshot(), cases.LIMITS)


@pytest.mark.parametrize("part", ["intent", "snapshot", "limits"])
def test_a_row_of_another_gate_is_held_and_refused_when_it_is_read(part: str) -> None:
    row = stored(**{part: {"odd": 1}})
    with pytest.raises(codec.Unreadable):
        recorded_inputs(row)
