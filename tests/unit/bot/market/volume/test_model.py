"""The one interface: every model forecasts, goes through JSON unchanged and ignores the future."""

import json
from collections.abc import Mapping

import numpy as np
import pytest

from benchmarks.volume_models import looks_ahead, shuffled_after
from bot.market.volume.curve import NotEnoughBars
from bot.market.volume.model import NotTrained, VolumeModel
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


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("horizon", [1, 60, 240, 700])
def test_a_forecast_is_positive_for_every_minute(
    fitted: Mapping[str, VolumeModel], market: Panel, name: str, horizon: int
) -> None:
    ahead = fitted[name].forecast(market.until(TRAIN_END), SYMBOLS[1], horizon)
    assert ahead.shape == (horizon,)
    assert (ahead > 0.0).all()


@pytest.mark.parametrize("name", NAMES)
def test_many_minutes_at_once_give_what_each_gives_alone(
    fitted: Mapping[str, VolumeModel], market: Panel, name: str
) -> None:
    minutes = np.array([TRAIN_END, TRAIN_END + 77, market.end_minute])
    together = fitted[name].outlook(market, SYMBOLS[0])(minutes, 30)
    alone = [fitted[name].forecast(market.until(m), SYMBOLS[0], 30) for m in minutes]
    assert together == pytest.approx(np.stack(alone), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cut", [TRAIN_END + 241, TRAIN_END + 900])
def test_shuffling_the_future_changes_no_forecast_and_no_share(
    fitted: Mapping[str, VolumeModel], market: Panel, name: str, cut: int
) -> None:
    assert not looks_ahead(fitted[name], market, cut, seed=3)


@pytest.mark.parametrize("name", NAMES)
def test_shuffling_what_follows_the_training_window_changes_no_parameter(
    fitted: Mapping[str, VolumeModel], market: Panel, name: str
) -> None:
    other = shuffled_after(market, TRAIN_END, seed=3).until(TRAIN_END)
    assert MODELS[name]().fit(other).parameters() == fitted[name].parameters()


@pytest.mark.parametrize("name", NAMES)
def test_a_model_comes_back_from_json_as_it_was(
    fitted: Mapping[str, VolumeModel], market: Panel, name: str
) -> None:
    text = json.dumps(fitted[name].parameters(), allow_nan=False)
    back = MODELS[name]().restore(json.loads(text))
    assert back.caution == fitted[name].caution
    here, there = (m.forecast(market, SYMBOLS[0], 90) for m in (fitted[name], back))
    assert np.array_equal(here, there)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_symbol_is_refused(
    fitted: Mapping[str, VolumeModel], market: Panel, name: str
) -> None:
    with pytest.raises(NotTrained, match="CCCUSDT"):
        fitted[name].forecast(market, "CCCUSDT", 10)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_horizon_is_refused(
    fitted: Mapping[str, VolumeModel], market: Panel, name: str
) -> None:
    with pytest.raises(ValueError, match="horizon"):
        fitted[name].forecast(market, SYMBOLS[0], 0)


@pytest.mark.parametrize("name", NAMES)
def test_too_short_a_window_is_refused(name: str) -> None:
    with pytest.raises(NotEnoughBars):
        MODELS[name]().fit(panel(0.5))
