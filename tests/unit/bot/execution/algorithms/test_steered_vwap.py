"""Steered VWAP: trades as its model was measured, exact to the lot through any failure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Infeasible
from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.steered_vwap import CLOCK, SteeredVwap, VolumeForecast
from bot.execution.algorithms.stepping import (
    Action,
    Done,
    DoneReason,
    LiveChild,
    Place,
    Progress,
    Terms,
    Touch,
    WaitUntil,
)
from bot.market.volume.model import VolumeModel
from bot.market.volume.panel import DAY_MINUTES, Panel, moment_of
from bot.market.volume.tracking import traded_shares
from bot.market.volume.training import MODELS
from models.enums import Style, TradeSide
from tests.unit.bot.market.volume.synthetic import SYMBOLS, panel

D = Decimal
START = datetime(2026, 8, 9, 12, tzinfo=UTC)
TERMS = Terms(TradeSide.BUY, price_limit=D(101), tick_size=D("0.5"))
RULES = LotRules(D("0.001"), D("0.001"), D(10**6), D(0))
BOOK = Touch(D(100), D("100.5"), D(9), D(9), D(10**6))


def forecast_of(
    *expected: float, traded: tuple[float, ...] = (), caution: float | None = None
) -> VolumeForecast:
    return VolumeForecast("learned", START, traded, expected, caution)


def final(slot: int, qty: str, filled: str, at: float) -> LiveChild:
    placed_at = START + timedelta(seconds=at)
    return LiveChild(slot, D(qty), D(filled), D(101), Style.IOC, placed_at, True, False)


def progress(total: str, *children: LiveChild, at: float, horizon: float = 600) -> Progress:
    filled = sum((c.filled for c in children), D(0))
    end = START + timedelta(seconds=horizon)
    return Progress(D(total), filled, children, START, end, START + timedelta(seconds=at))


def sizes(actions: tuple[Action, ...]) -> list[Decimal]:
    return [a.qty for a in actions if isinstance(a, Place)]


@pytest.fixture(scope="module")
def market() -> Panel:
    return panel(5)


@pytest.fixture(scope="module", params=sorted(MODELS))
def model(request: pytest.FixtureRequest, market: Panel) -> VolumeModel:
    end = market.first_minute + 4 * DAY_MINUTES
    return MODELS[request.param]().fit(market.until(end))


@pytest.mark.parametrize("hours", range(0, 20, 3))
def test_what_was_measured_is_what_trades(model: VolumeModel, market: Panel, hours: int) -> None:
    """The benchmark's own shares, minute for minute, but for the rounding to lots."""
    minutes, total = 60, D(1000)
    symbol, first = SYMBOLS[0], market.first_minute + 4 * DAY_MINUTES + 60 * hours
    volume = market.between(first, first + minutes).volume[market.row(symbol)]
    outlook = model.outlook(market, symbol)
    (measured,) = traded_shares(outlook, model.caution, np.array([first]), volume[None, :])
    start_at, deadline_at = moment_of(first), moment_of(first + minutes)
    children: list[LiveChild] = []
    for k in range(minutes):
        expected = outlook(np.array([first + k]), minutes - k)[0]
        forecast = VolumeForecast(
            model.name, start_at, tuple(volume[:k]), tuple(expected), model.caution
        )
        stepper = SteeredVwap(TERMS, 60, forecast)
        # What the bound holds back from the last minute's child follows within that minute.
        for second in (0, 10, 20) if k == minutes - 1 else (0,):
            filled = sum((child.filled for child in children), D(0))
            now = moment_of(first + k) + timedelta(seconds=second)
            state = Progress(total, filled, tuple(children), start_at, deadline_at, now)
            children += [
                LiveChild(len(children), qty, qty, D(101), Style.IOC, now, True, False)
                for qty in sizes(stepper.step(state, BOOK, RULES))
            ]
        share = sum((child.filled for child in children), D(0)) / total
        assert float(share) == pytest.approx(measured[: k + 1].sum(), abs=2e-5)
    assert share == 1


def test_each_interval_gets_the_share_that_the_forecast_gives_it() -> None:
    stepper = SteeredVwap(TERMS, 60, forecast_of(10, 30, 40, 20))
    first = progress("1", at=0, horizon=240)
    assert stepper.source == "learned"
    assert stepper.step(first, BOOK, RULES) == (
        Place(D("0.1"), Style.IOC, D(101)),
        WaitUntil(START + timedelta(seconds=60)),
    )
    second = progress("1", final(0, "0.1", "0.1", 0), at=60, horizon=240)
    assert sizes(stepper.step(second, BOOK, RULES)) == [D("0.3")]


def test_one_child_an_interval_whatever_wakes_it() -> None:
    stepper = SteeredVwap(TERMS, 60, forecast_of(*[10] * 10))
    placed = progress("1", final(0, "0.1", "0.02", 3), at=30)
    assert stepper.step(placed, BOOK, RULES) == (WaitUntil(START + timedelta(seconds=60)),)


def test_a_step_that_comes_late_in_its_interval_keeps_its_distance_to_the_next() -> None:
    stepper = SteeredVwap(TERMS, 60, forecast_of(*[10] * 10))
    late = progress("1", final(0, "0.1", "0.1", 59), at=60)
    assert stepper.step(late, BOOK, RULES) == (WaitUntil(START + timedelta(seconds=69)),)


def test_without_a_forecast_it_follows_the_clock() -> None:
    stepper = SteeredVwap(TERMS, 60, None)
    assert stepper.source == CLOCK
    assert sizes(stepper.step(progress("1", at=0), BOOK, RULES)) == [D("0.1")]
    half = progress("1", final(0, "0.5", "0.5", 240), at=300)
    assert sizes(stepper.step(half, BOOK, RULES)) == [D("0.1")]


def test_a_forecast_that_is_lost_midway_leaves_the_rest_to_the_clock() -> None:
    """The second half is even, whatever the first half did."""
    busy_start = progress("1", final(0, "0.8", "0.8", 240), at=300)
    assert sizes(SteeredVwap(TERMS, 60, None).step(busy_start, BOOK, RULES)) == [D("0.04")]


def test_after_a_surge_a_steering_model_catches_up_with_the_market_at_once() -> None:
    """Nine of ten parts of the volume are over: all of them in one child, but for the caution."""
    traded, expected = (10.0, 170.0), (10.0, 10.0)
    first = progress(
        "1", final(0, "0.05", "0.05", 0), final(1, "0.05", "0.05", 60), at=120, horizon=240
    )
    steering = SteeredVwap(TERMS, 60, forecast_of(*expected, traded=traded, caution=1.0))
    assert sizes(steering.step(first, BOOK, RULES)) == [D("0.85")]
    splitting = SteeredVwap(TERMS, 60, forecast_of(*expected, traded=traded))
    assert sizes(splitting.step(first, BOOK, RULES)) == [D("0.45")]


@pytest.mark.parametrize("caution", [None, 1.0])
def test_what_an_outage_made_late_comes_back_under_the_bound(caution: float | None) -> None:
    forecast = forecast_of(*[10] * 5, traded=(10.0,) * 5, caution=caution)
    stepper = SteeredVwap(TERMS, 60, forecast)
    first = final(0, "0.1", "0.1", 0)
    late = progress("1", first, at=300)
    assert stepper.target(late) == pytest.approx(D("0.6"))
    assert sizes(stepper.step(late, BOOK, RULES)) == [D("0.3")]


def test_catching_up_obeys_the_participation_cap() -> None:
    forecast = forecast_of(*[10] * 5, traded=(10.0,) * 5, caution=1.0)
    stepper = SteeredVwap(TERMS, 60, forecast, participation_cap=D("0.1"))
    late = progress("1", final(0, "0.1", "0.1", 0), at=300)
    for volume, expected in (("100", "0.3"), ("2.5", "0.15"), ("0", "0.1")):
        shown = replace(BOOK, traded_volume_since_start=D(volume))
        assert sizes(stepper.step(late, shown, RULES)) == [D(expected)]


def test_the_last_interval_takes_the_rest_and_tries_again_what_was_cut() -> None:
    stepper = SteeredVwap(TERMS, 60, forecast_of(*[10] * 10))
    last = progress("1", final(0, "0.9", "0.9", 480), at=540)
    assert sizes(stepper.step(last, BOOK, RULES)) == [D("0.1")]
    cut = progress("1", final(0, "0.9", "0.9", 480), final(1, "0.1", "0.04", 540), at=541)
    assert stepper.step(cut, BOOK, RULES) == (WaitUntil(START + timedelta(seconds=550)),)
    again = replace(cut, now=START + timedelta(seconds=550))
    assert sizes(stepper.step(again, BOOK, RULES)) == [D("0.06")]
    over = replace(cut, now=cut.deadline_at)
    assert stepper.step(over, BOOK, RULES) == (Done(DoneReason.DEADLINE),)


def test_a_horizon_that_is_no_multiple_makes_the_last_interval_longer() -> None:
    stepper = SteeredVwap(TERMS, 60, None)
    last = progress("1", final(0, "0.5", "0.5", 0), at=60, horizon=125)
    assert sizes(stepper.step(last, BOOK, RULES)) == [D("0.5")]
    short = progress("1", at=0, horizon=20)
    assert sizes(stepper.step(short, BOOK, RULES)) == [D("1")]


@pytest.mark.parametrize("caution", [None, 1.0])
def test_intervals_that_are_too_small_for_the_venue_add_up(caution: float | None) -> None:
    """A share of 0.01 an interval under a minimum of 0.025: a child every third interval."""
    rules = LotRules(D("0.001"), D("0.025"), D(10**6), D(0))
    children: list[LiveChild] = []
    at = []
    for minute in range(100):
        forecast = forecast_of(*[7] * (100 - minute), traded=(7.0,) * minute, caution=caution)
        state = progress("1", *children, at=60 * minute, horizon=6000)
        for qty in sizes(SteeredVwap(TERMS, 60, forecast).step(state, BOOK, rules)):
            children.append(final(len(children), str(qty), str(qty), 60 * minute))
            at.append(minute)
    assert sum((c.filled for c in children), D(0)) == 1
    assert max(b - a for a, b in zip([0, *at], at, strict=False)) <= 4
    assert max(c.qty for c in children) <= D("0.05")


def test_beyond_the_price_limit_or_without_a_book_nothing_is_placed() -> None:
    stepper = SteeredVwap(TERMS, 60, None)
    for bid, ask in ((D(101), D("101.5")), (D(0), D(100)), (D(101), D(100))):
        actions = stepper.step(progress("1", at=0), replace(BOOK, bid=bid, ask=ask), RULES)
        assert actions == (WaitUntil(START + timedelta(seconds=1)),)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"interval_seconds": 0.0}, "interval_seconds"),
        ({"interval_seconds": float("nan")}, "interval_seconds"),
        ({"max_catch_up": D("0.9")}, "max_catch_up"),
        ({"participation_cap": D(0)}, "participation_cap"),
    ],
)
def test_an_impossible_parameter_is_refused_by_name(change: dict[str, Any], name: str) -> None:
    with pytest.raises(Infeasible, match=name):
        SteeredVwap(TERMS, **{"interval_seconds": 60.0, "forecast": None, **change})


@dataclass(frozen=True)
class Replanned:
    """A stepper made anew at each step from what is known then; now and then nothing is."""

    terms: Terms
    interval_seconds: float
    market: tuple[float, ...]
    guess: tuple[float, ...]
    caution: float | None
    gaps: int
    max_catch_up: Decimal
    participation_cap: Decimal | None

    def at(self, progress: Progress) -> SteeredVwap:
        known = max(0, (progress.now - START) // timedelta(minutes=1))
        forecast = None
        if self.gaps == 0 or known % self.gaps != 0:
            forecast = VolumeForecast(
                "dynamic", START, self.market[:known], self.guess[known:], self.caution
            )
        return SteeredVwap(
            self.terms, self.interval_seconds, forecast, self.max_catch_up, self.participation_cap
        )

    def step(self, progress: Progress, touch: Touch, rules: LotRules) -> tuple[Action, ...]:
        return self.at(progress).step(progress, touch, rules)


MINUTES = 12
market_volumes = st.lists(st.floats(0, 1e6), min_size=MINUTES, max_size=MINUTES).map(tuple)
guesses = st.lists(st.floats(1e-6, 1e6), min_size=MINUTES, max_size=MINUTES).map(tuple)
cautions = st.one_of(st.none(), st.floats(0.5, 2))


@given(
    total=st.integers(1, 500),
    minimum=st.integers(1, 20),
    market=market_volumes,
    guess=guesses,
    caution=cautions,
    gaps=st.integers(0, 3),
    horizon=st.floats(1, 60 * MINUTES),
    interval=st.floats(0.5, 200),
    catch_up=st.integers(1, 4),
    cap=st.one_of(st.none(), st.integers(1, 100)),
    sell=st.booleans(),
    dust=st.sampled_from(["0", "0.5"]),
    seed=st.integers(0, 10**9),
)
def test_through_any_volume_fills_and_failures_the_bounds_and_the_total_hold(
    venue: Callable[..., Any],
    total: int,
    minimum: int,
    market: tuple[float, ...],
    guess: tuple[float, ...],
    caution: float | None,
    gaps: int,
    horizon: float,
    interval: float,
    catch_up: int,
    cap: int | None,
    sell: bool,
    dust: str,
    seed: int,
) -> None:
    """The venue asserts the rest: no child under the minimum, beyond the remainder, after the
    deadline or past the price limit, and the same actions for the same arguments."""
    terms = replace(TERMS, side=TradeSide.SELL if sell else TradeSide.BUY)
    share = None if cap is None else D(cap) / 100
    algorithm = Replanned(terms, interval, market, guess, caution, gaps, D(catch_up), share)
    rules = LotRules(D(1), D(minimum), D(10**6), D(0))
    run = venue(algorithm, terms, rules, D(total) + D(dust), horizon, Random(seed)).run(3000)
    length = timedelta(seconds=max(interval, 1))
    previous = None
    for place, before in zip(run.placed, run.befores, strict=True):
        stepper = algorithm.at(before)
        # A rest too small to be sent alone comes on top.
        most = max(stepper.slice_due(before) * catch_up, D(minimum)) + minimum
        assert place.qty < most
        assert before.committed <= stepper.target(before) <= before.total
        if previous is not None:
            assert before.now - previous >= length / 6
        previous = before.now


@given(
    total=st.integers(1, 500),
    market=market_volumes,
    guess=guesses,
    caution=cautions,
    minutes=st.integers(1, MINUTES),
)
def test_where_nothing_fails_all_is_traded_to_the_last_lot_before_the_deadline(
    venue: Callable[..., Any],
    total: int,
    market: tuple[float, ...],
    guess: tuple[float, ...],
    caution: float | None,
    minutes: int,
) -> None:
    terms = replace(TERMS, price_limit=D(10**6))
    algorithm = Replanned(terms, 60, market, guess, caution, 0, D(1000), None)
    rules = LotRules(D(1), D(1), D(10**6), D(0))
    calm = venue(algorithm, terms, rules, D(total), 60.0 * minutes, Random(1), calm=True)
    calm.mid_ticks = -10_000
    run = calm.run()
    assert run.done == Done(DoneReason.FILLED)
    assert len(run.placed) <= minutes


@given(
    guess=guesses,
    traded=st.floats(0, 1e6),
    more=st.floats(1, 1e6),
    caution=cautions,
    done=st.integers(0, 900),
)
def test_a_busier_present_never_lowers_the_share(
    guess: tuple[float, ...], traded: float, more: float, caution: float | None, done: int
) -> None:
    state = progress("1", final(0, str(D(done) / 1000), str(D(done) / 1000), 0), at=60)
    if not done:
        state = progress("1", at=60)
    calm = VolumeForecast("learned", START, (traded,), guess[1:], caution)
    busy = VolumeForecast("learned", START, (traded,), (guess[1] + more, *guess[2:]), caution)
    shares = [SteeredVwap(TERMS, 60, f).target(state) for f in (calm, busy)]
    assert shares[0] <= shares[1] + D("1e-9")
