"""A stored decision's inputs are read back, or the reason is told in a sentence."""

import pytest

from bot.decision.decide import gate_version
from bot.decision.recorded import RecordedInputs
from bot.risk import codec
from console.invariants.decoded import inputs_of, is_ours
from models.tables import DecisionRow
from tests.unit.bot.risk import cases


def stored(**changes: object) -> DecisionRow:
    facts: dict[str, object] = {
        "request_id": "r-1",
        "gate_version": gate_version(),
        "intent": codec.to_json(cases.intent()),
        "snapshot": codec.to_json(cases.snapshot()),
        "limits": codec.to_json(cases.LIMITS),
    }
    return DecisionRow(**(facts | changes))


def test_inputs_come_back_as_they_were() -> None:
    found = inputs_of(stored())
    assert found == RecordedInputs(cases.intent(), cases.snapshot(), cases.LIMITS)


@pytest.mark.parametrize("part", ["intent", "snapshot", "limits"])
def test_a_part_that_can_not_be_read_is_told_with_its_request(part: str) -> None:
    found = inputs_of(stored(**{part: {"odd": 1}}))
    assert isinstance(found, str)
    assert found.startswith("decision r-1 can't be read back")


def test_only_this_version_of_the_gate_must_repeat_itself() -> None:
    assert is_ours(stored())
    assert not is_ours(stored(gate_version="another"))
