"""Requests are what mlrisk's published message asks for, honest, bounded and not repeated."""

import ast
import itertools
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import examples.demo_strategy
from examples.demo_strategy.features import Sample
from examples.demo_strategy.model import Prediction
from examples.demo_strategy.strategy import (
    EXIT_ORDER,
    MIN_CONFIDENCE,
    MOST_LOSSES,
    MOST_LOTS,
    REST,
    Signal,
    Strategy,
)
from models.messages import MLTradeRequest
from paper_exchange.market.factory import open_source
from tests.support import properties
from tests.unit.examples.demo_strategy.market_frames import public_frames

START = datetime(2026, 1, 1, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT"]


def trade(seconds: int, rate: float = 0.5) -> tuple[Strategy, list[tuple[datetime, Signal]]]:
    """Replays the synthetic market with the exchange's time as the wall's."""
    strategy = Strategy(SYMBOLS, seed=1, rate=rate, notional=Decimal(2500))
    signals = []
    for frame in public_frames(open_source("synthetic", seed=3), seconds * 1000, START_MS):
        now = START + timedelta(milliseconds=frame["ts"] - START_MS)
        strategy.on_frame(frame, now, now)
        if now - START > timedelta(seconds=10) and (found := strategy.next_signal(now)) is not None:
            signals.append((now, found))
    return strategy, signals


@pytest.fixture(scope="module")
def traded() -> tuple[Strategy, list[tuple[datetime, Signal]]]:
    return trade(120)


def test_requests_begin_within_fifteen_seconds_of_market_data(
    traded: tuple[Strategy, list[tuple[datetime, Signal]]],
) -> None:
    assert traded[1][0][0] - START < timedelta(seconds=15)


def test_requests_keep_to_the_rate_and_rest_between_requests_of_a_symbol(
    traded: tuple[Strategy, list[tuple[datetime, Signal]]],
) -> None:
    times = [at for at, _ in traded[1]]
    assert all(b - a >= timedelta(seconds=2) for a, b in itertools.pairwise(times))
    for symbol in SYMBOLS:
        own = [at for at, s in traded[1] if s.prediction.sample.symbol == symbol]
        assert all(b - a >= timedelta(seconds=6) for a, b in itertools.pairwise(own))


def test_it_trades_both_directions_and_several_symbols(
    traded: tuple[Strategy, list[tuple[datetime, Signal]]],
) -> None:
    signals = [s.prediction for _, s in traded[1]]
    assert {p.rises for p in signals} == {True, False}
    assert len({p.sample.symbol for p in signals}) >= 3
    assert all(p.confidence >= MIN_CONFIDENCE for p in signals)


def test_the_message_is_accepted_by_the_published_model_after_json(
    traded: tuple[Strategy, list[tuple[datetime, Signal]]],
) -> None:
    strategy, signals = traded
    for number, (now, found) in enumerate(signals):
        text = json.dumps(strategy.request(f"demo-test-{number}", found, now))
        request = MLTradeRequest.model_validate(json.loads(text))
        assert request.signal_data.position_size == Decimal("2500.00")
        assert request.expires_at == now + timedelta(seconds=60)
        assert request.ml_predictions.confidence is not None
        assert request.ml_predictions.confidence >= 0.5
        assert request.strategy == "demo-imbalance"
        assert len(request.ml_predictions.member_probabilities) >= 3


def test_a_stale_prediction_is_not_traded() -> None:
    strategy, signals = trade(30, rate=0.1)
    last = signals[-1][0]
    assert strategy.next_signal(last + timedelta(seconds=60)) is None


def test_a_machine_that_is_too_slow_for_every_prediction_trades_all_the_same() -> None:
    """Seen: it fell behind for good, every prediction was old, and it asked for nothing more."""
    strategy = Strategy(SYMBOLS, seed=1, rate=0.5, notional=Decimal(2500))
    free_at, asked = START, list[datetime]()
    for frame in public_frames(open_source("synthetic", seed=3), 60_000, START_MS):
        received_at = START + timedelta(milliseconds=frame["ts"] - START_MS)
        now = max(free_at, received_at)
        before = len(strategy._recent)
        strategy.on_frame(frame, received_at, now)
        # Twenty predictions come in a second.
        takes = 0.2 if len(strategy._recent) > before else 0.0005
        free_at = now + timedelta(seconds=takes)
        if strategy.next_signal(free_at) is not None:
            asked.append(free_at)
    assert len([at for at in asked if at - START > timedelta(seconds=30)]) >= 3
    assert free_at - received_at < timedelta(seconds=5)


def test_after_a_reconnect_old_predictions_are_gone() -> None:
    strategy, _ = trade(20)
    strategy.on_connected()
    assert strategy.next_signal(START + timedelta(seconds=20)) is None


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="rate"):
        Strategy(SYMBOLS, seed=1, rate=0, notional=Decimal(1))


def believing(strategy: Strategy, price: float, now: datetime, *, rises: bool) -> Signal | None:
    """What it asks for when it is sure of one symbol at this price."""
    sample = Sample("BTCUSDT", 0, price, 1.0, 0.02, np.zeros(11))
    likely = 0.7 if rises else 0.3
    strategy._recent.append(0.7)
    strategy._signals = {
        "BTCUSDT": Signal(Prediction(sample, likely, np.array([likely] * 3), 1, 0, 1, 1), now)
    }
    return strategy.next_signal(now)


def a_strategy() -> Strategy:
    return Strategy(SYMBOLS, seed=1, rate=0.5, notional=Decimal(800))


def test_a_position_is_closed_when_the_price_pays_for_both_trades_and_not_before() -> None:
    strategy, now = a_strategy(), START
    for price in (100.0, 100.1):
        assert believing(strategy, price, now, rises=True)
        now += REST
    assert believing(strategy, 100.05, now, rises=False) is None
    assert believing(strategy, 100.2, now, rises=False) is None
    found = believing(strategy, 100.28, now, rises=False)
    assert found is not None
    request = strategy.request("x", found, now)
    assert request["side"] == "sell"
    assert request["signal_data"] == {**EXIT_ORDER, "position_size": "1600.00"}
    MLTradeRequest.model_validate(json.loads(json.dumps(request)))
    assert strategy.held() == {}


def test_an_exit_waits_for_the_entries_and_the_next_entry_for_the_exit() -> None:
    strategy = a_strategy()
    assert believing(strategy, 100.0, START, rises=False)
    early = START + REST - timedelta(seconds=1)
    assert believing(strategy, 99.0, early, rises=True) is None
    assert believing(strategy, 99.0, early, rises=False) is None, "it adds nothing to what pays"
    assert believing(strategy, 99.0, START + REST, rises=True)
    assert believing(strategy, 99.0, START + 2 * REST - timedelta(seconds=1), rises=True) is None
    assert believing(strategy, 99.0, START + 2 * REST, rises=True)


def test_it_asks_for_so_many_lots_of_a_symbol_and_no_more() -> None:
    strategy, now = a_strategy(), START
    found = []
    for _ in range(MOST_LOTS + 3):
        now += REST
        found.append(believing(strategy, 100.0, now, rises=True))
    assert [signal is not None for signal in found] == [True] * MOST_LOTS + [False] * 3


def test_what_can_grow_no_more_is_closed_at_a_loss_a_few_times_in_a_row_and_then_held() -> None:
    strategy, now = a_strategy(), START

    def filled_up_and_turned() -> Signal | None:
        nonlocal now
        for _ in range(MOST_LOTS):
            assert believing(strategy, 100.0, now, rises=True)
            now += REST
        found = believing(strategy, 99.0, now, rises=False)
        now += REST
        return found

    for _ in range(MOST_LOSSES):
        found = filled_up_and_turned()
        assert found is not None
        assert found.closes == MOST_LOTS
    assert filled_up_and_turned() is None
    assert believing(strategy, 101.0, now, rises=False), "a gain"
    now += REST
    assert filled_up_and_turned(), "it may lose again"


@settings(max_examples=properties.examples(40))
@given(st.integers(0, 2**32))
def test_it_never_loses_five_trades_in_a_row_whatever_the_market_does(seed: int) -> None:
    """A taker's fee of 5.5 bps and half a spread of one at each trade; every other entry is
    granted, at random."""
    chance = Random(seed)
    strategy, now, price = a_strategy(), START, 100.0
    held: list[float] = []
    losses = most = 0
    for _ in range(300):
        now += timedelta(seconds=6)
        price *= 1 + chance.gauss(0, 3e-4)
        signal = believing(strategy, price, now, rises=chance.random() < 0.5)
        if signal is None:
            continue
        way = 1 if signal.prediction.rises else -1
        if not signal.closes:
            if chance.random() < 0.5:
                held.append(price * (1 + way * 6e-4))
            continue
        if held:
            gained = (price * (1 + way * 6e-4) / (sum(held) / len(held)) - 1) * -way
            losses = losses + 1 if gained < 0 else 0
            most = max(most, losses)
        held = []
    assert most < 5


def test_another_run_goes_on_with_what_the_last_one_held() -> None:
    first, second = a_strategy(), a_strategy()
    assert believing(first, 100.0, START, rises=True)
    second.take_up(json.loads(json.dumps(first.held())))
    assert second.held() == first.held() != {}
    assert believing(second, 99.0, START + REST, rises=False) is None
    assert believing(second, 101.0, START + REST, rises=False)


def test_nothing_of_the_project_is_imported() -> None:
    folder = Path(examples.demo_strategy.__file__).parent
    ours = {"config", "models", "bot", "tasks", "workers", "console"}
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            assert not {name.split(".")[0] for name in names} & ours, path.name
