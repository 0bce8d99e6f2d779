"""Forecasts for live parents: the stored volume models on the exchange's newest minutes."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bot.errors import MlriskError
from bot.execution.algorithms.volume_forecast import VolumeForecast
from bot.execution.working.volume_history import NoHistory, VolumeHistory
from bot.execution.working.volume_models import ModelSource
from bot.market.bars import MINUTE, MinuteSource
from bot.market.volume.model import VolumeModel
from bot.market.volume.panel import DAY_MINUTES, Bars, Panel, minute_of, moment_of

log = logging.getLogger(__name__)

HISTORY = timedelta(days=2)
"""The history of a forecast: two spans of the models' longest average, after which their neutral
start has faded to a seventh."""
LEAST_MINUTES = DAY_MINUTES
"""The least history: one span. With less the neutral start is a large part of the average."""
MAX_LAG_MINUTES = 5
"""The most missing minutes with which a forecast still describes the present."""
PEERS_SECONDS = 4.0
"""The time for reading the other symbols, which a forecast can do without."""


class VolumeSource:
    """The forecasts of one process, from stored models and the exchange (or any source of
    minutes)."""

    def __init__(
        self,
        models: ModelSource,
        minutes: MinuteSource,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._models = models
        self._history = VolumeHistory(minutes)
        self._monotonic = monotonic

    def check(self, symbol: str, *, model: str, now: datetime) -> None:
        """Refuses a model that is missing, stale or not trained on the symbol; the exchange is not
        asked."""
        self._models.read().model(model, symbol=symbol, now=now)

    def forecast(
        self,
        symbol: str,
        *,
        model: str,
        start_at: datetime,
        deadline_at: datetime,
        now: datetime,
    ) -> VolumeForecast:
        """The forecast over the whole life of a parent, as known at `now`.

        Raises StaleModel, NotTrained or UnreadableModel for the model; NoHistory, or the error of
        the exchange's read, for the minutes: another step may succeed.
        """
        stored = self._models.read()
        chosen = stored.model(model, symbol=symbol, now=now)
        since = min(start_at, now - HISTORY)
        own = self._own(symbol, since, now)
        first = minute_of(start_at)
        if first < own.first_minute:
            raise NoHistory(f"the minutes of {symbol} don't reach back to {start_at.isoformat()}")
        panel = self._panel(own, stored.symbols, since, now)
        after = max(first, minute_of(deadline_at - timedelta.resolution)) + 1
        done = own.volume[first - own.first_minute : after - own.first_minute]
        return VolumeForecast(
            model=model,
            first_minute=moment_of(first),
            traded=tuple(done.tolist()),
            expected=_expected(chosen, panel, symbol, first, after),
            caution=chosen.caution,
        )

    def _own(self, symbol: str, since: datetime, now: datetime) -> Bars:
        own = self._history.bars(symbol, since, now)
        lag = minute_of(now) - own.end_minute
        if lag > MAX_LAG_MINUTES:
            raise NoHistory(f"the newest minute of {symbol} ended {lag} minutes ago")
        if len(own.volume) < LEAST_MINUTES:
            raise NoHistory(
                f"{len(own.volume)} minutes of {symbol} are known, {LEAST_MINUTES} are needed"
            )
        return own

    def _panel(self, own: Bars, symbols: Sequence[str], since: datetime, now: datetime) -> Panel:
        """The newest HISTORY of this symbol, and of those others that cover all of it."""
        end = own.end_minute
        first = max(own.first_minute, end - HISTORY // MINUTE)
        peers = self._peers([s for s in symbols if s != own.symbol], since, now)
        whole = [p for p in peers if p.first_minute <= first and p.end_minute >= end]
        return Panel.of([own, *whole]).between(first, end)

    def _peers(self, symbols: Sequence[str], since: datetime, now: datetime) -> list[Bars]:
        found = []
        until = self._monotonic() + PEERS_SECONDS
        for symbol in symbols:
            in_time = self._monotonic() < until
            read = self._history.bars if in_time else self._history.remembered
            try:
                found.append(read(symbol, since, now))
            except MlriskError as error:
                log.info(
                    "a forecast leaves out a related symbol: %s",
                    error,
                    extra={"event": "a_forecast_goes_without_a_peer", "symbol": symbol},
                )
        return found


def _expected(
    model: VolumeModel, panel: Panel, symbol: str, first: int, after: int
) -> tuple[float, ...]:
    """The minutes from `first` to before `after` that the panel doesn't hold yet."""
    horizon = after - panel.end_minute
    if horizon <= 0:
        return ()
    ahead = model.forecast(panel, symbol, horizon)
    return tuple(ahead[max(0, first - panel.end_minute) :].tolist())
