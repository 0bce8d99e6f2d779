"""Worlds in which the worth of every check's blocks is known, because it was planted.

A world is one market of minutes with heavy tails and changing volatility. Each check blocks trades
in spells, with sides that persist and with horizons that overlap, so that neighbouring outcomes
share their market. A trade gains what the market moves in its favour, and an edge that was planted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import sqrt

import numpy as np
import numpy.typing as npt

from bot.gate_value.attribution import Blocker
from bot.gate_value.figures import JudgedBlock

SINCE = datetime(2026, 1, 5, tzinfo=UTC)
DAY = 1440
HORIZONS = (5, 30, 120)
WEIGHT = 0.05
"""A trade's notional as a share of equity."""
MINUTE_BPS = 6.0
"""The market's typical move in a minute."""
ON, OFF, CHANCE = 90.0, 400.0, 0.1
"""Mean minutes of a spell and between two, and the chance of a block in each minute of a spell."""
PLANTED = {"nearly worthless": 0.0, "worthless": 0.0, "costs": 1.0, "saves": -1.0}
"""The edge of the trades that each check blocks, in standard errors of a world of its length."""
_SHARED = 0.15
"""The share of blocks in which the next check has a half."""


@dataclass(frozen=True, slots=True)
class World:
    """The blocks of one world, and what each check's are worth in bps a day by the plan."""

    blocks: tuple[JudgedBlock, ...]
    truth: Mapping[str, float]
    until: datetime


def world(seed: int, *, days: int = 30, strength: float = 4.0) -> World:
    """One world. An edge of `strength` is that many standard errors of independent outcomes."""
    chance = np.random.default_rng(seed)
    path = np.concatenate(([0.0], np.cumsum(_returns(chance, days * DAY + max(HORIZONS)))))
    names = list(PLANTED)
    daily = DAY * CHANCE * ON / (ON + OFF)
    truth = dict.fromkeys(names, 0.0)
    blocks: list[JudgedBlock] = []
    for place, (name, sign) in enumerate(PLANTED.items()):
        horizon = int(chance.choice(HORIZONS))
        at = _spells(chance, days * DAY)
        noise = WEIGHT * MINUTE_BPS * sqrt(horizon)
        edge = sign * strength * noise / sqrt(daily * days)
        gained = WEIGHT * _sides(chance, len(at)) * (path[at + horizon] - path[at]) + edge
        other = names[(place + 1) % len(names)]
        shared = chance.random(len(at)) < _SHARED
        truth[name] -= edge * daily * (1 - _SHARED / 2)
        truth[other] -= edge * daily * _SHARED / 2
        for minute, bps, both in zip(at, gained, shared, strict=True):
            blocks.append(_block(int(minute), horizon, float(bps), name, other if both else None))
    return World(tuple(blocks), truth, SINCE + timedelta(days=days))


def _returns(chance: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
    """Student's t with three degrees of freedom, times a volatility that changes over hours."""
    shocks = chance.normal(0.0, 0.05, count)
    level = np.empty(count)
    now = 0.0
    for place, shock in enumerate(shocks):
        now = 0.99 * now + shock
        level[place] = now
    returns: npt.NDArray[np.float64] = np.exp(level) * chance.standard_t(3, count)
    return returns * (MINUTE_BPS / sqrt(3.0))


def _spells(chance: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
    """The minutes of blocks: spells of random length, and silence between them."""
    active = np.zeros(count, dtype=bool)
    at, on = 0, bool(chance.random() < ON / (ON + OFF))
    while at < count:
        length = int(chance.geometric(1 / (ON if on else OFF)))
        active[at : at + length] = on
        at, on = at + length, not on
    return np.flatnonzero(active & (chance.random(count) < CHANCE))


def _sides(chance: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
    """Buys and sells that persist for about ten blocks."""
    flips = np.where(chance.random(count) < 0.1, -1.0, 1.0)
    sides: npt.NDArray[np.float64] = np.cumprod(flips) * chance.choice((-1.0, 1.0))
    return sides


def _block(minute: int, horizon: int, bps: float, name: str, other: str | None) -> JudgedBlock:
    at = SINCE + timedelta(minutes=minute)
    both = (Blocker(name, 1.0),) if other is None else (Blocker(name, 0.5), Blocker(other, 0.5))
    return JudgedBlock(
        decided_at=at,
        known_at=at + timedelta(minutes=horizon),
        strategy="planted",
        symbol="BTCUSDT",
        blockers=both,
        profit=Decimal(repr(bps)),
        profit_bps=bps,
        not_valued=None,
    )
