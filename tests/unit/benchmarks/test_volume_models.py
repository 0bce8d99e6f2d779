"""The benchmark finds a model that sees the future."""

import numpy as np

from benchmarks.volume_models import looks_ahead
from bot.market.volume.model import Outlook
from bot.market.volume.panel import FloatArray, IntArray, Panel
from bot.market.volume.static import StaticCurve
from tests.unit.bot.market.volume.synthetic import FIRST_MINUTE, panel

TRAIN_END = FIRST_MINUTE + 5 * 1440


class _Cheat(StaticCurve):
    """Knows the volume of the minute that begins now."""

    def outlook(self, history: Panel, symbol: str) -> Outlook:
        volume = np.append(history.volume[history.row(symbol)], 1.0)

        def expect(minutes: IntArray, horizon_minutes: int) -> FloatArray:
            now = volume[minutes - history.first_minute] + 1.0
            return np.repeat(now[:, None], horizon_minutes, axis=1)

        return expect


def test_the_shuffled_future_finds_a_model_that_knows_one_minute_too_much() -> None:
    market = panel(6)
    assert looks_ahead(_Cheat().fit(market), market, TRAIN_END + 300, seed=3)
