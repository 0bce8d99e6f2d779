"""Stored models: the same after a round trip, refused when stale, damaged or of another symbol."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.market.volume.model import NotTrained
from bot.market.volume.store import MAX_AGE, StaleModel, UnreadableModel, dumps, load, loads
from bot.market.volume.training import Trained, train
from tests.unit.bot.market.volume.synthetic import SYMBOLS, panel


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(panel(6))


@pytest.fixture(scope="module")
def text(trained: Trained) -> str:
    return dumps(trained)


def test_the_same_bars_give_the_same_text(text: str) -> None:
    assert dumps(train(panel(6))) == text


def test_a_file_says_when_on_what_and_how_well(text: str, trained: Trained) -> None:
    stored = loads(text)
    assert stored.symbols == SYMBOLS
    assert stored.window_end - stored.window_start == timedelta(days=6)
    assert stored.window_start < stored.tested_from < stored.window_end
    assert stored.errors == trained.errors
    assert set(stored.errors["60"]) == {"twap", "static", "dynamic", "learned"}


@pytest.mark.parametrize("name", ["static", "dynamic", "learned"])
def test_a_stored_model_forecasts_as_the_trained_one(
    text: str, trained: Trained, name: str
) -> None:
    model = loads(text).model(name, symbol=SYMBOLS[0], now=trained.window_end)
    history = panel(6)
    expected = trained.models[name].forecast(history, SYMBOLS[0], 60)
    assert model.forecast(history, SYMBOLS[0], 60).tolist() == expected.tolist()


def test_a_model_is_good_for_seven_days_and_not_a_second_longer(
    text: str, trained: Trained
) -> None:
    stored, last = loads(text), trained.window_end + MAX_AGE
    stored.model("learned", symbol=SYMBOLS[0], now=last)
    with pytest.raises(StaleModel, match="7 days"):
        stored.model("learned", symbol=SYMBOLS[0], now=last + timedelta(seconds=1))


def test_the_bound_on_age_can_be_set(text: str, trained: Trained) -> None:
    day = timedelta(days=1)
    with pytest.raises(StaleModel):
        loads(text).model(
            "static", symbol=SYMBOLS[0], now=trained.window_end + 2 * day, max_age=day
        )


def test_a_window_that_ends_in_the_future_is_refused(text: str, trained: Trained) -> None:
    with pytest.raises(UnreadableModel, match="future"):
        loads(text).model("static", symbol=SYMBOLS[0], now=trained.window_end - timedelta(hours=1))


def test_what_the_file_does_not_hold_is_refused(text: str, trained: Trained) -> None:
    stored, now = loads(text), trained.window_end
    with pytest.raises(UnreadableModel, match="best"):
        stored.model("best", symbol=SYMBOLS[0], now=now)
    with pytest.raises(NotTrained, match="CCCUSDT: run `mlrisk volume train`"):
        stored.model("static", symbol="CCCUSDT", now=now)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"window_end": "2025-06-01T00:00:00"},
        {"models": {"other": {}}},
        {"models": {"static": {"symbols": list(SYMBOLS), "curves": [[1.0]]}}},
        {"models": {"static": {"symbols": list(SYMBOLS)}}},
        {"symbols": None},
    ],
)
def test_a_damaged_file_is_refused(text: str, changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableModel):
        loads(json.dumps(json.loads(text) | changes))


@pytest.mark.parametrize("content", ["", "[]", "no json", "{}"])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "models.json"
    path.write_text(content)
    with pytest.raises(UnreadableModel):
        load(path)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnreadableModel, match="mlrisk volume train"):
        load(tmp_path / "none.json")
