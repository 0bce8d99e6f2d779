"""The ensemble learns what is there, only from the past, and says honestly how sure it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.demo_strategy.features import FEATURES, SAMPLE_MS, Sample, SymbolMarket
from examples.demo_strategy.model import (
    HORIZON_MS,
    MEMBERS,
    Calibration,
    Ensemble,
    OnlineLogistic,
    Prediction,
    entropy_bits,
    sigmoid,
)
from paper_exchange.market.factory import open_source
from tests.unit.examples.demo_strategy.market_frames import public_frames


def sample(ts_ms: int, mid: float = 100.0, first: float = 0.0, symbol: str = "BTCUSDT") -> Sample:
    features = np.zeros(len(FEATURES))
    features[0] = first
    return Sample(symbol, ts_ms, mid, 1.0, 0.02, features)


def state(ensemble: Ensemble) -> list[list[float]]:
    return [member.weights.tolist() for member in ensemble._members]


def test_there_are_at_least_three_members_and_no_two_alike() -> None:
    assert len(MEMBERS) >= 3
    assert len({(m.features, m.drift, m.bootstrap) for m in MEMBERS}) == len(MEMBERS)


def test_nothing_is_learned_before_the_horizon_has_passed() -> None:
    ensemble = Ensemble(seed=1)
    before = state(ensemble)
    ensemble.predict(sample(0, first=2.0))
    ensemble.observe("BTCUSDT", HORIZON_MS - 1, mid=101.0)
    assert (state(ensemble), ensemble.labels) == (before, 0)
    ensemble.observe("BTCUSDT", HORIZON_MS, mid=101.0)
    assert ensemble.labels == 1
    assert state(ensemble) != before


def test_an_outcome_after_a_hole_in_the_stream_is_not_believed() -> None:
    ensemble = Ensemble(seed=1)
    before = state(ensemble)
    ensemble.predict(sample(0, first=2.0))
    ensemble.observe("BTCUSDT", HORIZON_MS + 60_000, mid=150.0)
    assert (state(ensemble), ensemble.labels) == (before, 0)


def test_a_reconnect_drops_what_waits_for_an_outcome() -> None:
    ensemble = Ensemble(seed=1)
    ensemble.predict(sample(0, first=2.0))
    ensemble.forget("BTCUSDT")
    ensemble.observe("BTCUSDT", HORIZON_MS, mid=101.0)
    assert ensemble.labels == 0


def test_online_logistic_regression_finds_the_true_weights() -> None:
    rng = np.random.default_rng(1)
    true = np.array([0.8, -0.5, 0.0])
    model = OnlineLogistic(np.zeros(3), 1.0, drift=1e-6)
    for _ in range(6000):
        x = rng.standard_normal(3)
        model.learn(x, float(rng.random() < sigmoid(float(true @ x))), 1.0)
    assert np.allclose(model.weights, true, atol=0.12)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=9))
def test_epistemic_entropy_lies_between_zero_and_one_bit(members: list[float]) -> None:
    p = np.array(members)
    epistemic = float(entropy_bits(np.array(p.mean())) - entropy_bits(p).mean())
    assert -1e-9 <= epistemic <= 1 + 1e-9


def test_epistemic_entropy_agrees_with_the_published_row() -> None:
    p = np.array([0.9, 0.9, 0.1])
    assert float(entropy_bits(np.array(p.mean()))) == pytest.approx(0.948, abs=1e-3)
    assert float(entropy_bits(p).mean()) == pytest.approx(0.469, abs=1e-3)


def test_calibration_learns_to_distrust_an_overconfident_model() -> None:
    rng = np.random.default_rng(2)
    calibration = Calibration()
    for _ in range(20_000):
        raw = float(rng.choice([0.1, 0.9]))
        honest = 0.3 if raw < 0.5 else 0.7
        outcome = float(rng.random() < honest)
        calibration.learn(raw, calibration.apply(raw), outcome, 1.0)
    assert calibration.apply(0.9) == pytest.approx(0.7, abs=0.03)
    assert calibration.hit_rate == pytest.approx(0.7, abs=0.02)
    assert calibration.expected_error < 0.06


def test_a_price_that_never_moves_has_no_edge_and_teaches_nothing() -> None:
    ensemble = Ensemble(seed=1)
    before = state(ensemble)
    for i in range(600):
        ensemble.observe("BTCUSDT", i * SAMPLE_MS, mid=100.0)
        last = ensemble.predict(sample(i * SAMPLE_MS, first=3.0))
    assert last.edge < 0.03
    assert (state(ensemble), ensemble.labels) == (before, 0)
    other = ensemble.predict(sample(0, first=3.0, symbol="ETHUSDT"))
    assert other.edge > last.edge


def test_agreement_uncertainty_and_stability_describe_the_members() -> None:
    ensemble = Ensemble(seed=1)
    calm = [ensemble.predict(sample(i * SAMPLE_MS, first=2.0)) for i in range(5)]
    assert calm[-1].agreement == 1
    assert calm[-1].stability == 1
    assert calm[-1].uncertainty < 0.01
    turned = ensemble.predict(sample(5 * SAMPLE_MS, first=-4.0))
    assert turned.stability < calm[-1].stability
    assert not turned.rises


def test_importance_is_a_share_of_every_feature() -> None:
    shares = Ensemble(seed=1).importance()
    assert set(shares) == set(FEATURES)
    assert sum(shares.values()) == pytest.approx(1)
    assert all(share >= 0 for share in shares.values())


def test_the_same_seed_and_stream_give_the_same_predictions() -> None:
    assert _learn(seed=1, seconds=20)[0] == _learn(seed=1, seconds=20)[0]
    assert _learn(seed=1, seconds=20)[0] != _learn(seed=2, seconds=20)[0]


@pytest.mark.long
def test_on_the_synthetic_market_it_beats_a_coin_and_is_calibrated() -> None:
    _, ensemble, predictions = _learn(seed=1, seconds=400, market_seed=3)
    assert ensemble.calibration.hit_rate > 0.54
    assert ensemble.calibration.expected_error < 0.06
    late = predictions[len(predictions) // 4 :]
    sure = np.mean([p.confidence >= 0.6 and p.agreement >= 0.7 for p in late])
    assert 0.05 < sure < 0.8  # some trades pass the gate's usual thresholds, some don't
    assert {p.rises for p in late} == {True, False}


def _learn(
    seed: int, seconds: int, market_seed: int = 1
) -> tuple[list[float], Ensemble, list[Prediction]]:
    source = open_source("synthetic", seed=market_seed)
    markets = {s.symbol: SymbolMarket(s.symbol) for s in source.instruments()}
    ensemble, predictions = Ensemble(seed), list[Prediction]()
    for frame in public_frames(source, until_ms=seconds * 1000):
        market = markets[frame["topic"].split(".")[-1]]
        if frame["topic"].startswith("publicTrade"):
            market.on_trades(frame)
        elif (seen := market.on_book(frame)) is not None:
            ensemble.observe(seen.symbol, seen.ts_ms, seen.mid)
            predictions.append(ensemble.predict(seen))
    return [p.probability for p in predictions], ensemble, predictions
