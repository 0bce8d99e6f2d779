"""The dynamic model follows the newest volume."""

from collections.abc import Mapping

import pytest

from bot.market.volume.model import VolumeModel
from bot.market.volume.panel import Panel
from bot.market.volume.training import MODELS
from tests.unit.bot.market.volume.synthetic import FIRST_MINUTE, SYMBOLS, panel

TRAIN_END = FIRST_MINUTE + 5 * 1440


NAMES = sorted(MODELS)


@pytest.fixture(scope="module")
def market() -> Panel:
    return panel(6)


@pytest.fixture(scope="module")
def fitted(market: Panel) -> Mapping[str, VolumeModel]:
    return {name: MODELS[name]().fit(market.until(TRAIN_END)) for name in NAMES}


@pytest.mark.parametrize("name", ["dynamic", "learned"])
def test_a_busy_half_hour_raises_the_next_minutes(
    fitted: Mapping[str, VolumeModel], market: Panel, name: str
) -> None:
    calm = market.until(TRAIN_END)
    volume = calm.volume.copy()
    volume[:, -30:] *= 5.0
    busy = Panel(calm.symbols, calm.first_minute, calm.high, calm.low, calm.close, volume)
    quiet, loud = (fitted[name].forecast(h, SYMBOLS[0], 10) for h in (calm, busy))
    assert (loud > 1.3 * quiet).all()
