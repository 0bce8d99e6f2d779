"""Bets against stated probabilities: fair under the null, and alarms within the budget."""

import random
from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from bot.model_risk.betting import (
    ALARM,
    SHORTFALLS,
    Detector,
    Interleaved,
    fraction,
    growth,
)

PROBABILITIES = st.floats(0.0, 1.0)


@given(PROBABILITIES, st.sampled_from(SHORTFALLS), PROBABILITIES)
def test_no_bet_wins_on_average_when_predictions_come_true_as_stated_or_more_often(
    stated: float, shortfall: float, better: float
) -> None:
    true = stated + (1 - stated) * better
    won, lost = growth(stated, 0, shortfall), growth(stated, 1, shortfall)
    assert min(won, lost) >= 0.1 - 1e-9
    assert (1 - true) * won + true * lost <= 1 + 1e-9


@given(PROBABILITIES, st.floats(0, 1))
def test_an_outcome_that_says_nothing_leaves_the_sum(stated: float, stake: float) -> None:
    after = Detector().after(stated, stated, stake)
    assert isclose(after.evidence, stake, abs_tol=1e-300)


def test_the_best_bet_against_a_coin_that_is_called_sixty_percent() -> None:
    assert isclose(fraction(0.6, 0.1), 0.1 / 0.24)


def test_predictions_whose_labels_overlap_never_share_a_lane() -> None:
    stream = Interleaved([])
    lanes = [stream.occupy(float(at), at + 10.0) for at in range(30)]
    assert lanes == [*range(10)] * 3
    assert len(stream.lanes) == 10


def run_length(true: float, seed: int, *, stated: float = 0.6, most: int = 5000) -> int:
    """Predictions until an alarm, with a stake of a five-hundredth each."""
    chance, detector = random.Random(seed), Detector()
    for number in range(1, most + 1):
        detector = detector.after(stated, float(chance.random() < true), 1 / 500)
        if detector.evidence >= ALARM:
            return number
    return most


def test_false_alarms_are_rarer_than_the_stakes_and_a_coin_is_found() -> None:
    good = [run_length(0.6, seed) for seed in range(60)]
    coin = [run_length(0.5, seed) for seed in range(60)]
    assert sum(good) / len(good) > 500
    assert sum(coin) / len(coin) < 300
