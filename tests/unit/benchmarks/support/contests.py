"""One order in one recorded window, and what it costs by an algorithm."""

from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.support.contenders import Contest, Field, contenders
from benchmarks.support.recorded_windows import cut
from benchmarks.support.replayed_market import mid_at_start
from benchmarks.support.replaying import Order, work
from bot.market.volume.files import read_folder
from bot.market.volume.learned import PooledRidge
from bot.market.volume.panel import FloatArray, IntArray, minute_of
from bot.market.volume.static import StaticCurve
from bot.tca.analysis import TradeCost
from models.enums import TradeSide
from tests.unit.benchmarks.support.recorded import START, SYMBOL, write

D = Decimal
MINUTES = 10
FIRST = minute_of(START) + 1450


def flat(minutes: IntArray, horizon: int) -> FloatArray:
    return np.full((len(minutes), horizon), 60.0)


@lru_cache(maxsize=1)
def field() -> Field:
    with TemporaryDirectory() as place:
        folder = write(Path(place))
        panel = read_folder(folder)
        window = cut(folder, panel, SYMBOL, FIRST, MINUTES)
    outlooks = {StaticCurve.name: flat, PooledRidge.name: flat}
    return Field(window, panel, outlooks, caution=1.1)


def contest(
    qty: str = "30", side: TradeSide = TradeSide.BUY, within: Field | None = None
) -> Contest:
    where = within or field()
    window, price = where.window, mid_at_start(where.window)
    limit = (price * (1 + side.sign * D("0.02"))).quantize(D("0.1"))
    deadline = window.start + timedelta(minutes=MINUTES)
    return Contest(where, Order(side, D(qty), limit, window.start, deadline), price)


def cost(name: str, at: Contest, **more: float) -> TradeCost:
    return work(at.window, at.order, name, contenders()[name](at), **more)
