"""The benchmark of a halt: a figure without a proof reaches no goal."""

import logging
from dataclasses import replace

from benchmarks.halt import FAULTY, FROZEN, HEALTHY, Escalations, Goal, Trip, goals
from bot.safety.halting.flat_watch import tell_not_flat
from bot.state.scope import EVERYTHING

TRIP = Trip(HEALTHY, 10.0, 20.0, 100.0, 900.0, None, 0, 0, ())


def reached(trips: list[Trip]) -> dict[str, bool | None]:
    return {goal.name: goal.facts()["reached"] for goal in goals(trips, 2000)}


def test_a_goal_is_reached_by_its_quantile_and_only_if_every_trip_was_proven() -> None:
    assert Goal("x", [1.0, 5.0], "max", 5).facts()["reached"] is True
    assert Goal("x", [1.0, 5.1], "max", 5).facts()["reached"] is False
    assert Goal("x", [1.0, None], "max", 5).facts()["reached"] is False
    assert Goal("x", [None], "max", 5).facts()["reached"] is False
    assert Goal("x", [], "max", 5).facts()["reached"] is None


def test_each_kind_of_trip_has_its_goals() -> None:
    frozen = replace(TRIP, mode=FROZEN, sealed=2400.0, clean=None, flat=None)
    faulty = replace(TRIP, mode=FAULTY, sealed=2600.0, clean=None, flat=None, escalated=30_001.0)
    found = reached([TRIP, frozen, faulty])
    assert found["sealed, healthy"] is True
    assert found["sealed, frozen"] is True, "it is flattened later, which is not measured"
    assert found["sealed, faulty"] is False
    assert found["the same, faulty"] is False
    assert found["clean, healthy"] is True


def test_one_order_after_a_seal_misses_its_goal_and_so_does_a_missing_seal() -> None:
    assert reached([TRIP])["adding after the seal"] is True
    assert reached([TRIP, replace(TRIP, adding_after_seal=1)])["adding after the seal"] is False
    unsealed = replace(TRIP, sealed=None, adding_after_seal=None)
    assert reached([TRIP, unsealed])["adding after the seal"] is False


def test_it_hears_when_people_are_told_that_positions_remain() -> None:
    heard = Escalations()
    logger = logging.getLogger("bot.safety.halting.flat_watch")
    logger.addHandler(heard)
    try:
        logger.info("something else", extra={"event": "other"})
        tell_not_flat(EVERYTHING, ["BTCUSDT"])
    finally:
        logger.removeHandler(heard)
    assert len(heard.told_at) == 1
