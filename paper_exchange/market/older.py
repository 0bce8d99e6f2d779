"""Draws the years before the minutes that a market knows, one day at a time.

Each day is drawn on its own from the coin's name and the day's distance, so that a request costs
the days that it asks for. The bars of all intervals agree, because all are made of the same
minutes.
"""

import zlib
from functools import lru_cache
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from paper_exchange.market import parameters as P  # noqa: N812 - a table of named figures

DAYS: Final = 1000
"""How many days there are before the first known one. One reply holds at most 1,000 bars."""
DAY_MINUTES: Final = 1440
_SD = 0.03  # of a day's log return
_RETURN = 0.995  # a day's pull towards the present price: a thousand days stay within its reach
_WICK = 0.4  # the mean of what a minute's extremes exceed its ends by, in minute deviations
_KEPT_DAYS = 64
_SALT = 0x01DE

Columns = NDArray[np.int64]
"""One row per bar: open, high, low and close in ticks, volume in steps, turnover in tick-steps."""


class History(Protocol):
    """Minutes before the first known one; day 0 ends there, day k is k days before it."""

    def minutes(self, day: int) -> Columns:
        """The minutes of a day, oldest first: 1,440, and those before the first known one for 0."""

    def days(self) -> Columns:
        """The bars of days 1 to `DAYS`, the newest first."""


class FlatHistory:
    """A past of one price without trades. `minute` is the first known minute of its day."""

    def __init__(self, minute: int, price: int) -> None:
        self._minute = minute
        self._price = price

    def minutes(self, day: int) -> Columns:
        """As `History.minutes`."""
        return self._rows(DAY_MINUTES if day else self._minute)

    def days(self) -> Columns:
        """As `History.days`."""
        return self._rows(DAYS)

    def _rows(self, count: int) -> Columns:
        row = [self._price] * 4 + [0, 0]
        return np.tile(np.array(row, np.int64), (count, 1))


class OlderHistory:
    """The minutes before the first known one of an instrument.

    `coin` names the draws: the markets of one coin move together. `minute` is the first known
    minute of its day, from 0; `price` its opening price in ticks. `volume` is the mean volume of a
    minute in steps.
    """

    def __init__(self, coin: str, minute: int, price: int, volume: float) -> None:
        self._seed = zlib.crc32(coin.encode())
        self._minute = minute
        self._price = price
        self._volume = max(1.0, volume)
        self._edges = self._drawn_edges()
        # The hours' curve begins with the first known minute, as that of the known ones does.
        hours = (np.arange(DAY_MINUTES) - minute) % DAY_MINUTES / 60 - 0.5
        self._busy = np.interp(hours, np.arange(24), P.HOURLY_VOLUME, period=24.0)
        self._days: Columns | None = None
        self._cached = lru_cache(_KEPT_DAYS)(self._minutes)

    def minutes(self, day: int) -> Columns:
        """As `History.minutes`. The days that were asked for last are kept."""
        return self._cached(day)

    def days(self) -> Columns:
        """As `History.days`."""
        if self._days is None:
            rows = [joined(self._minutes(day), DAY_MINUTES) for day in range(1, DAYS + 1)]
            self._days = np.concatenate(rows)
        return self._days

    def _drawn_edges(self) -> NDArray[np.float64]:
        """The log prices at the starts of days 0 to `DAYS`, relative to the first known price."""
        steps = np.random.default_rng([self._seed, _SALT]).normal(0, _SD, DAYS + 1)
        steps[0] *= np.sqrt(self._minute / DAY_MINUTES)
        edges = np.empty(DAYS + 1)
        level = 0.0
        for day, step in enumerate(steps.tolist()):
            level = edges[day] = _RETURN * level + step
        return edges

    def _minutes(self, day: int) -> Columns:
        length = DAY_MINUTES if day else self._minute
        if not length:
            return np.empty((0, 6), np.int64)
        rng = np.random.default_rng([self._seed, _SALT, day + 1])
        first, last = self._edges[day], self._edges[day - 1] if day else 0.0
        walk = np.concatenate([[0.0], np.cumsum(rng.standard_normal(length))])
        walk -= walk[-1] * np.arange(length + 1) / length
        minute_sd = _SD / np.sqrt(DAY_MINUTES)
        path = np.linspace(first, last, length + 1) + minute_sd * walk
        wicks = rng.exponential(_WICK * minute_sd, (2, length))
        busy = self._busy[:length]
        return self._columns(path, wicks, busy * rng.gamma(2.0, self._volume / 2, length))

    def _columns(
        self,
        path: NDArray[np.float64],
        wicks: NDArray[np.float64],
        volumes: NDArray[np.float64],
    ) -> Columns:
        opened, closed = path[:-1], path[1:]
        high = np.maximum(opened, closed) + wicks[0]
        low = np.minimum(opened, closed) - wicks[1]
        prices = [
            np.maximum(1, np.rint(self._price * np.exp(curve))).astype(np.int64)
            for curve in (opened, high, low, closed)
        ]
        volume = np.maximum(1, np.rint(volumes)).astype(np.int64)
        turnover = volume * ((prices[1] + prices[2]) // 2)
        return np.column_stack([*prices, volume, turnover])


def joined(minutes: Columns, length: int) -> Columns:
    """The bars of `length` minutes each; the number of minutes is a multiple of it."""
    parts = minutes.reshape(len(minutes) // length, length, 6)
    return np.column_stack(
        [
            parts[:, 0, 0],
            parts[:, :, 1].max(axis=1),
            parts[:, :, 2].min(axis=1),
            parts[:, -1, 3],
            parts[:, :, 4].sum(axis=1),
            parts[:, :, 5].sum(axis=1),
        ]
    )
