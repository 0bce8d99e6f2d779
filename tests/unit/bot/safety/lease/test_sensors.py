"""Sensors: any reading that is missing, late, from the future or a fault withholds the lease."""

import math

from hypothesis import given
from hypothesis import strategies as st

from bot.safety.lease.sensors import (
    FUTURE_SECONDS,
    SENSORS,
    Reading,
    faults,
    judge,
    oldest,
    sentence,
)
from config.keys.lease import LeaseRules
from models.documents.lease import Consequence, Judged
from models.documents.stored_form import from_json, to_json

RULES = LeaseRules()
DEADLINES = {sensor.name: sensor.deadline(RULES) for sensor in SENSORS}


@st.composite
def fresh(draw: st.DrawFn) -> dict[str, Reading]:
    """A reading of each sensor within its deadline."""
    return {
        name: Reading(draw(st.floats(-FUTURE_SECONDS, deadline)))
        for name, deadline in DEADLINES.items()
    }


def spoilt(name: str) -> st.SearchStrategy[Reading | None]:
    """A reading that must withhold; None leaves it out."""
    late = st.floats(min_value=DEADLINES[name], exclude_min=True)
    ahead = st.floats(max_value=-FUTURE_SECONDS, exclude_max=True)
    faulty = st.builds(Reading, st.floats(0, 1), st.text(min_size=1))
    return st.one_of(
        st.none(), st.just(Reading()), st.builds(Reading, late), st.builds(Reading, ahead),
        st.just(Reading(math.nan)), faulty,
    )  # fmt: skip


@given(fresh())
def test_the_lease_is_granted_while_every_sensor_is_fresh(readings: dict[str, Reading]) -> None:
    judged = judge(readings, RULES)
    assert [each.name for each in judged] == list(DEADLINES)
    assert faults(judged) == ()
    assert sentence(judged) == ""


@given(st.data())
def test_one_reading_that_is_not_fresh_withholds_it(data: st.DataObject) -> None:
    readings = data.draw(fresh())
    names = data.draw(st.sets(st.sampled_from(sorted(DEADLINES)), min_size=1))
    for name in names:
        worse = data.draw(spoilt(name))
        readings.pop(name)
        if worse is not None:
            readings[name] = worse
    judged = judge(readings, RULES)
    assert {each.name for each in faults(judged)} == names
    assert all(f"{name}: " in sentence(judged) for name in names)


def test_an_operator_tightens_a_deadline() -> None:
    readings = {name: Reading(12.0 if name == "beat" else 0.0) for name in DEADLINES}
    assert not faults(judge(readings, RULES))
    (late,) = faults(judge(readings, LeaseRules(beat_seconds=10.0)))
    assert (late.name, late.problem) == ("beat", "12.0 s old, at most 10 s are allowed")


def test_a_broken_audit_and_a_journalled_halt_take_the_lease_back_at_once() -> None:
    at_once = [each.name for each in SENSORS if each.consequence is Consequence.TAKEN_BACK]
    assert at_once == ["audit", "halt_journal"]


def test_a_judged_sensor_is_stored_and_read_back() -> None:
    for judged in judge({"market": Reading(1.5), "audit": Reading(fault="broken")}, RULES):
        assert from_json(Judged, to_json(judged)) == judged


def test_several_things_are_as_old_as_the_oldest_and_missing_if_one_is() -> None:
    assert oldest([1.0, 3.0, 2.0]) == 3.0
    assert oldest([1.0, None]) is None
    assert oldest([]) is None
