"""Requests are what mlrisk's published message asks for, honest, bounded and not repeated."""

import ast
import itertools
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import examples.demo_strategy
from examples.demo_strategy.strategy import MIN_CONFIDENCE, Signal, Strategy
from models.messages import MLTradeRequest
from paper_exchange.market.factory import open_source
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
        strategy.on_frame(frame, now)
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


def test_after_a_reconnect_old_predictions_are_gone() -> None:
    strategy, _ = trade(20)
    strategy.on_connected()
    assert strategy.next_signal(START + timedelta(seconds=20)) is None


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="rate"):
        Strategy(SYMBOLS, seed=1, rate=0, notional=Decimal(1))


def test_nothing_of_the_project_is_imported() -> None:
    folder = Path(examples.demo_strategy.__file__).parent
    ours = {"config", "models", "bot", "tasks", "workers", "console"}
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            assert not {name.split(".")[0] for name in names} & ours, path.name
