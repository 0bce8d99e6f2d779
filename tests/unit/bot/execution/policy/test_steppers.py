"""What is stored with a stepped parent makes its stepper again, and risk changes it as it says."""

import json
from decimal import Decimal
from typing import Any

import pytest

from bot.errors import Infeasible
from bot.execution.algorithms.algorithm import Order, ThrottleFactors
from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.iceberg import Iceberg
from bot.execution.algorithms.passive import Passive
from bot.execution.algorithms.pov import Pov
from bot.execution.algorithms.steered_vwap import SteeredVwap
from bot.execution.algorithms.stepping import Terms
from bot.execution.algorithms.table import ALGORITHMS
from bot.execution.policy.steppers import stepper
from bot.risk.snapshot import AlgorithmOptions
from config.keys.working import WorkingRules
from models.enums import Algorithm, TradeSide
from tests.unit.bot.risk.cases import intent, market

D = Decimal
QTY, PRICE = D("1"), D("30000")
TERMS = Terms(TradeSide.BUY, D("30100"), D("0.1"))
RULES = WorkingRules()


def order(options: AlgorithmOptions, **changes: Any) -> Order:
    facts: dict[str, Any] = {
        "wish": intent(options=options),
        "qty": QTY,
        "price": PRICE,
        "worst": PRICE,
        "rules": LotRules(D("0.001"), D("0.001"), D(100), D(5)),
        "reduce_only": False,
        "horizon_seconds": 60.0,
        "interval_seconds": 2.0,
        "max_slices": 100,
        "market": market(traded_qty=D(5)),
        "max_catch_up": RULES.max_catch_up,
        "participation_cap": RULES.participation_cap,
    }
    return Order(**(facts | changes))


def made(
    algorithm: Algorithm,
    options: AlgorithmOptions | None = None,
    pace: ThrottleFactors | None = None,
) -> object:
    """Through JSON, as the row stores it."""
    store = ALGORITHMS[algorithm].stored
    assert store is not None
    params = store(order(options or AlgorithmOptions()))
    return stepper(algorithm, json.loads(json.dumps(params)), TERMS, QTY, pace=pace)


def test_pov_takes_the_strategys_rates_or_the_configured_cap() -> None:
    chosen = made(
        Algorithm.POV, AlgorithmOptions(participation_rate=0.07, min_participation_rate=0.02)
    )
    assert chosen == Pov(TERMS, D("0.07"), D("0.02"), interval_seconds=2.0)
    assert made(Algorithm.POV) == Pov(TERMS, D("0.1"), interval_seconds=2.0)


def test_an_iceberg_shows_what_it_was_told_or_a_tenth() -> None:
    told = made(Algorithm.ICEBERG, AlgorithmOptions(display_notional=D("3000")))
    assert isinstance(told, Iceberg)
    assert told.display == D("0.1")
    by_itself = made(Algorithm.ICEBERG)
    assert isinstance(by_itself, Iceberg)
    assert by_itself.display == D("0.1")


def test_passive_keeps_its_defaults_where_nothing_is_said() -> None:
    assert made(Algorithm.PASSIVE) == Passive(TERMS)
    options = AlgorithmOptions(improve_after=0.3, cross_margin_seconds=9, requote_seconds=1)
    assert made(Algorithm.PASSIVE, options) == Passive(
        TERMS, cross_margin_seconds=9, improve_after=D("0.3"), requote_seconds=1
    )


def test_vwap_is_bound_by_catch_up_and_participation() -> None:
    found = made(Algorithm.VWAP, AlgorithmOptions(volume_model="learned"))
    assert isinstance(found, SteeredVwap)
    assert (found.max_catch_up, found.participation_cap) == (D(3), D("0.1"))
    assert found.source == "clock", "without a forecast the clock steers"


def test_what_has_no_steps_is_refused_by_name() -> None:
    with pytest.raises(Infeasible, match="twap"):
        stepper(Algorithm.TWAP, {}, TERMS, QTY)


def test_a_backup_plan_needs_no_parameters_of_the_algorithm_it_goes_to() -> None:
    assert stepper(Algorithm.PASSIVE, {}, TERMS, QTY) == Passive(TERMS)
    crossing = stepper(Algorithm.IMMEDIATE, {}, TERMS, QTY)
    assert isinstance(crossing, Passive)
    assert crossing.cross_margin_seconds == 86_400


def test_a_slower_pace_follows_less_of_the_volume_and_shows_less() -> None:
    slow = ThrottleFactors(speed=D("0.5"))
    pov, iceberg = made(Algorithm.POV, pace=slow), made(Algorithm.ICEBERG, pace=slow)
    assert isinstance(pov, Pov) and isinstance(iceberg, Iceberg)
    assert (pov.cap_rate, iceberg.display) == (D("0.05"), D("0.05"))
    passive = made(Algorithm.PASSIVE, pace=slow)
    assert isinstance(passive, Passive)
    assert passive.improve_after == 1, "it stays at the touch until its deadline"


def test_a_shrunk_pace_makes_every_child_smaller() -> None:
    small = ThrottleFactors(size=D("0.5"))
    pov, iceberg = made(Algorithm.POV, pace=small), made(Algorithm.ICEBERG, pace=small)
    passive, vwap = made(Algorithm.PASSIVE, pace=small), made(Algorithm.VWAP, pace=small)
    assert isinstance(pov, Pov) and isinstance(iceberg, Iceberg)
    assert isinstance(passive, Passive) and isinstance(vwap, SteeredVwap)
    assert (pov.cap_rate, iceberg.display) == (D("0.05"), D("0.05"))
    assert passive.max_child == D("0.5")
    assert vwap.max_catch_up == D("1.5")


def test_a_hurried_pace_never_shows_or_follows_more_than_was_approved_of() -> None:
    fast = ThrottleFactors(speed=D(2))
    assert made(Algorithm.POV, pace=fast) == made(Algorithm.POV)
    assert made(Algorithm.ICEBERG, pace=fast) == made(Algorithm.ICEBERG)
