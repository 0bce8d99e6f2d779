"""Models learn on one part of the bars and are measured on the other."""

from datetime import timedelta

import pytest

from bot.market.volume.training import Trained, train
from tests.unit.bot.market.volume.synthetic import FIRST_MINUTE, panel


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(panel(6))


def test_the_tested_part_begins_after_the_learning_part(trained: Trained) -> None:
    assert (trained.tested_from - trained.window_start) / timedelta(days=6) == pytest.approx(
        0.65, abs=0.01
    )
    assert trained.window_start.timestamp() == FIRST_MINUTE * 60
