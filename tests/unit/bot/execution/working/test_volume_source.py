"""Forecasts for live parents: the stored model on the newest minutes, or a clear refusal."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from bot.errors import DependencyDown
from bot.execution.algorithms.volume_forecast import VolumeForecast
from bot.execution.working.volume_history import NoHistory
from bot.execution.working.volume_models import ModelFile
from bot.execution.working.volume_source import LEAST_MINUTES, VolumeSource
from bot.market.bars import MINUTE
from bot.market.volume import MODELS_FILE
from bot.market.volume.model import NotTrained
from bot.market.volume.panel import DAY_MINUTES, Panel, moment_of
from bot.market.volume.store import StaleModel, UnreadableModel, dumps
from bot.market.volume.training import Trained, train
from tests.unit.bot.market.volume.exchange import PanelExchange
from tests.unit.bot.market.volume.synthetic import FIRST_MINUTE, SYMBOLS, panel

SYMBOL, PEER = SYMBOLS
DAY = timedelta(days=1)
START = moment_of(FIRST_MINUTE + 6 * DAY_MINUTES + 100) + timedelta(seconds=20)
DEADLINE = START + timedelta(hours=1)


@pytest.fixture(scope="module")
def market() -> Panel:
    return panel(9)


@pytest.fixture(scope="module")
def trained(market: Panel) -> Trained:
    return train(market.until(FIRST_MINUTE + 6 * DAY_MINUTES))


@pytest.fixture
def file(tmp_path: Path, trained: Trained) -> Path:
    path = tmp_path / MODELS_FILE
    path.write_text(dumps(trained))
    return path


@pytest.fixture
def venue(market: Panel) -> PanelExchange:
    return PanelExchange(market, now=START)


@pytest.fixture
def source(file: Path, venue: PanelExchange) -> VolumeSource:
    return VolumeSource(ModelFile(file), venue)


def ask(
    source: VolumeSource, venue: PanelExchange, now: datetime, model: str = "learned"
) -> VolumeForecast:
    venue.now = now
    return source.forecast(SYMBOL, model=model, start_at=START, deadline_at=DEADLINE, now=now)


@pytest.mark.parametrize("model", ["static", "dynamic", "learned"])
def test_a_forecast_is_the_models_on_what_is_known_now(
    source: VolumeSource, venue: PanelExchange, trained: Trained, market: Panel, model: str
) -> None:
    now = START + timedelta(minutes=10)
    found = ask(source, venue, now, model)
    first, known = FIRST_MINUTE + 6 * DAY_MINUTES + 100, FIRST_MINUTE + 6 * DAY_MINUTES + 110
    assert found.first_minute == moment_of(first)
    assert found.traded == tuple(market.between(first, known).volume[0].tolist())
    history = market.between(known - 2 * DAY_MINUTES, known)
    expected = trained.models[model].forecast(history, SYMBOL, 61 - 10)
    assert found.expected == pytest.approx(tuple(expected.tolist()))
    assert (found.model, found.caution) == (model, trained.models[model].caution)
    assert found.end >= DEADLINE


def test_no_later_minute_changes_a_forecast(
    source: VolumeSource, venue: PanelExchange, market: Panel, file: Path
) -> None:
    now = START + timedelta(minutes=10)
    known = FIRST_MINUTE + 6 * DAY_MINUTES + 110 - market.first_minute
    other = Panel(
        market.symbols,
        market.first_minute,
        *(np.concatenate([c[:, :known], c[:, known:][:, ::-1]], axis=1) for c in (
            market.high, market.low, market.close, market.volume
        )),
    )  # fmt: skip
    shuffled = PanelExchange(other, now=now)
    assert ask(source, venue, now) == ask(VolumeSource(ModelFile(file), shuffled), shuffled, now)


def test_a_parent_that_starts_later_has_only_expectations(
    source: VolumeSource, venue: PanelExchange
) -> None:
    venue.now = START - timedelta(minutes=5)
    found = source.forecast(
        SYMBOL, model="learned", start_at=START, deadline_at=DEADLINE, now=venue.now
    )
    assert found.traded == ()
    assert len(found.expected) == 61
    assert found.volume(START, DEADLINE) > 0.0


def test_at_its_deadline_nothing_is_left_to_expect(
    source: VolumeSource, venue: PanelExchange
) -> None:
    found = ask(source, venue, DEADLINE + MINUTE)
    assert (len(found.traded), found.expected) == (61, ())


def test_steps_of_one_minute_share_its_reads(source: VolumeSource, venue: PanelExchange) -> None:
    for minute in range(3):
        for _ in range(4):
            ask(source, venue, START + minute * MINUTE)
    assert (venue.reads(SYMBOL), venue.reads(PEER)) == (3, 3)


@pytest.mark.parametrize("model", ["static", "learned"])
def test_without_its_peers_a_symbol_is_forecast_alone(
    source: VolumeSource, venue: PanelExchange, trained: Trained, market: Panel, model: str
) -> None:
    venue.down = {PEER}
    found = ask(source, venue, START, model)
    known = FIRST_MINUTE + 6 * DAY_MINUTES + 100
    whole = market.between(known - 2 * DAY_MINUTES, known)
    columns = (whole.high[:1], whole.low[:1], whole.close[:1], whole.volume[:1])
    alone = Panel((SYMBOL,), whole.first_minute, *columns)
    expected = trained.models[model].forecast(alone, SYMBOL, 61)
    assert found.expected == pytest.approx(tuple(expected.tolist()))


def test_peers_are_read_for_a_bounded_time_only(file: Path, venue: PanelExchange) -> None:
    ticks: Iterator[int] = count(0, 10)
    hurried = VolumeSource(ModelFile(file), venue, monotonic=lambda: float(next(ticks)))
    assert ask(hurried, venue, START).expected
    assert (venue.reads(SYMBOL), venue.reads(PEER)) == (1, 0)


def test_a_missing_file_names_the_command(tmp_path: Path, venue: PanelExchange) -> None:
    source = VolumeSource(ModelFile(tmp_path / MODELS_FILE), venue)
    with pytest.raises(UnreadableModel, match="mlrisk volume train"):
        ask(source, venue, START)
    with pytest.raises(UnreadableModel, match="mlrisk volume train"):
        source.check(SYMBOL, model="static", now=START)
    assert venue.asked == []


def test_a_model_that_is_not_to_be_used_is_refused_before_anybody_is_asked(
    source: VolumeSource, venue: PanelExchange
) -> None:
    with pytest.raises(StaleModel, match="mlrisk volume train"):
        source.check(SYMBOL, model="learned", now=START + 8 * DAY)
    with pytest.raises(StaleModel):
        ask(source, venue, START + 8 * DAY)
    with pytest.raises(NotTrained, match="XXXUSDT"):
        source.check("XXXUSDT", model="learned", now=START)
    with pytest.raises(UnreadableModel, match="best"):
        source.check(SYMBOL, model="best", now=START)
    assert venue.asked == []


def test_a_model_that_was_trained_anew_is_used_at_once(
    source: VolumeSource, venue: PanelExchange, file: Path, market: Panel
) -> None:
    before = ask(source, venue, START)
    file.write_text(dumps(train(market.until(FIRST_MINUTE + 4 * DAY_MINUTES))))
    os.utime(file, ns=(0, 1))
    assert ask(source, venue, START).expected != before.expected
    file.write_text("half a fi")
    with pytest.raises(UnreadableModel):
        ask(source, venue, START)


def test_too_little_history_is_no_forecast(file: Path, market: Panel) -> None:
    known = FIRST_MINUTE + 6 * DAY_MINUTES + 100
    young = PanelExchange(market.between(known - LEAST_MINUTES + 1, market.end_minute), now=START)
    with pytest.raises(NoHistory, match=f"{LEAST_MINUTES} are needed"):
        ask(VolumeSource(ModelFile(file), young), young, START)


def test_minutes_that_stopped_coming_are_no_forecast(
    source: VolumeSource, venue: PanelExchange
) -> None:
    ask(source, venue, START)
    venue.down = {SYMBOL}
    assert ask(source, venue, START + 5 * MINUTE).expected
    with pytest.raises(NoHistory, match="6 minutes ago"):
        ask(source, venue, START + 6 * MINUTE)


def test_a_start_before_the_known_past_is_no_forecast(
    source: VolumeSource, venue: PanelExchange
) -> None:
    outage = range(FIRST_MINUTE + 6 * DAY_MINUTES + 105, FIRST_MINUTE + 6 * DAY_MINUTES + 145)
    venue.silent, venue.now = set(outage), START + DAY + timedelta(hours=1)
    with pytest.raises(NoHistory, match="reach back"):
        source.forecast(
            SYMBOL, model="static", start_at=START, deadline_at=START + 2 * DAY, now=venue.now
        )


def test_an_exchange_that_is_away_is_said(source: VolumeSource, venue: PanelExchange) -> None:
    venue.down = {SYMBOL}
    with pytest.raises(DependencyDown):
        ask(source, venue, START)
