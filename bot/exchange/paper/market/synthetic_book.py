"""Turns one coin's efficient price into the order book and trades of one instrument.

The book is a touch at an exact tick on each side plus levels on an absolute grid behind it, so that
a price move deletes and adds few levels, as a real delta does. Takers trade only what is displayed:
whoever exhausts a level first publishes its deletion, then trades at the next.
"""

from itertools import islice

import numpy as np
from numpy.typing import NDArray

from bot.exchange.paper.market import parameters as P  # noqa: N812 - a table of named figures
from bot.exchange.paper.market.parameters import InstrumentParameters
from bot.exchange.paper.market.synthetic_path import PathBlock, autoregress
from bot.exchange.paper.types import BookUpdate, MarketEvent, MarketTrade

_NOISE = 4096  # pre-drawn log-normal sizes, reused in a cycle: prime-strided, so no visible period
_MASK = _NOISE - 1


class _Side:
    """Displayed levels of one side: size by tick. `direction` is +1 for asks, -1 for bids."""

    __slots__ = ("changes", "direction", "first", "grid", "sizes", "touch")

    def __init__(self, direction: int, grid: int) -> None:
        self.direction = direction
        self.grid = grid
        self.touch = 0
        self.first = 0  # grid index of the first level behind the touch
        self.sizes: dict[int, int] = {}
        self.changes: dict[int, int] = {}

    def behind(self, touch: int) -> int:
        """Grid index of the first grid level strictly behind `touch`."""
        if self.direction > 0:
            return touch // self.grid + 1
        return -(-touch // self.grid) - 1

    def put(self, tick: int, size: int) -> None:
        self.sizes[tick] = size
        self.changes[tick] = size

    def drop(self, tick: int) -> None:
        if self.sizes.pop(tick, None) is not None:
            self.changes[tick] = 0


class BookMaker:
    """Produces the events of one instrument, step by step. Deterministic by its generator."""

    def __init__(
        self, instrument: InstrumentParameters, coin: int, phase_ms: int, rng: np.random.Generator
    ) -> None:
        self._category = instrument.category
        self._symbol = instrument.symbol
        self._coin = coin
        self._phase_ms = phase_ms
        self._rng = rng
        self._spot = instrument.category == "spot"
        self._tick = float(instrument.tick_size)
        price = P.COINS[coin].price
        steps_per_usd = 1.0 / (price * float(instrument.qty_step))
        self._touch_steps = instrument.touch_usd * steps_per_usd
        slope = P.LEVEL_SIZE_GROWTH / P.BOOK_LEVELS
        near = instrument.level_usd * steps_per_usd
        self._level_steps = [near * (1 + slope * k) for k in range(P.BOOK_LEVELS + 1)]
        fade = np.exp(-np.arange(P.BOOK_LEVELS + 1) / P.PRESSURE_TILT_LEVELS)
        self._tilt = fade.tolist()
        self._trades_per_step = instrument.trades_per_second * P.STEP_MS / 1000
        seconds = 86_400 * instrument.trades_per_second
        self._mean_trade_steps = instrument.daily_volume_usd / seconds * steps_per_usd
        self._bid = _Side(-1, instrument.grid_ticks)
        self._ask = _Side(+1, instrument.grid_ticks)
        self._touch_noise = np.zeros(2)
        self._noise: list[float] = np.exp(
            P.LEVEL_SIZE_LOG_SD * rng.standard_normal(_NOISE) - P.LEVEL_SIZE_LOG_SD**2 / 2
        ).tolist()
        self._next_noise = 0
        self._mid = price / self._tick
        self._spread = 1

    # ---- once a block --------------------------------------------------

    def begin_block(self, path: PathBlock) -> None:
        """Draws everything random of the coming block at once; `step` then only looks up."""
        rng, steps, coin = self._rng, P.STEPS_PER_BLOCK, self._coin
        log_price = path.log_price[:, coin]
        if self._spot:
            log_price = log_price - path.basis[:, coin]
        moves = rng.random(steps) < P.QUOTE_MOVE_PROBABILITY
        latest = np.maximum.accumulate(np.where(moves, np.arange(steps), -1))
        mids = np.exp(log_price) / self._tick
        quoted = np.where(latest >= 0, mids[latest], self._mid)
        self._mid = float(quoted[-1])
        self._mids: list[float] = quoted.tolist()
        self._moves: list[bool] = moves.tolist()
        wide = 1 + (rng.random(steps) < P.WIDE_SPREAD_PROBABILITY * path.sigma)
        wide += rng.poisson(np.minimum(P.WIDE_SPREAD_PROBABILITY * path.sigma, 1.0) * (wide - 1))
        self._spreads: list[int] = wide.tolist()
        pressure = path.pressure[:, coin]
        tilt = np.exp(P.PRESSURE_TILT * np.clip(pressure, -4, 4))
        self._bid_tilts: list[float] = tilt.tolist()
        self._ask_tilts: list[float] = (1 / tilt).tolist()
        self._touch_sizes(tilt)
        depths = rng.geometric(1 / P.REFRESH_DEPTH, (steps, 2 * P.REFRESHED_LEVELS))
        self._refreshed: list[list[int]] = np.minimum(depths - 1, P.BOOK_LEVELS - 1).tolist()
        self._draw_trades(path, pressure)

    def _touch_sizes(self, tilt: NDArray[np.float64]) -> None:
        decay = float(np.exp(-P.STEP_MS / 1000 / P.TOUCH_NOISE_SECONDS))
        shocks = self._rng.standard_normal((P.STEPS_PER_BLOCK, 2))
        shocks *= P.TOUCH_NOISE_LOG_SD * np.sqrt(1 - decay**2)
        noise = autoregress(self._touch_noise, shocks, decay)
        self._touch_noise = noise[-1]
        sides = np.exp(noise) * np.column_stack([tilt, 1 / tilt]) * self._touch_steps
        sizes = np.maximum(1, sides).astype(np.int64)
        self._bid_touch: list[int] = sizes[:, 0].tolist()
        self._ask_touch: list[int] = sizes[:, 1].tolist()

    def _draw_trades(self, path: PathBlock, pressure: NDArray[np.float64]) -> None:
        rng = self._rng
        surprise = path.surprise[:, self._coin]
        link = P.TRADE_VOLATILITY_LINK * np.minimum(np.abs(surprise), 5.0)
        busy = (1 + link) / (1 + 0.68 * P.TRADE_VOLATILITY_LINK)  # 0.68: mean |t4| of unit variance
        counts = np.minimum(rng.poisson(self._trades_per_step * path.activity * busy), 30)
        owner = np.repeat(np.arange(P.STEPS_PER_BLOCK), counts)
        odds = P.PRESSURE_TAKER * pressure + P.IMPACT_TAKER * np.clip(surprise, -3, 3)
        buys = rng.random(len(owner)) < 1 / (1 + np.exp(-odds[owner]))
        sizes = heavy_tailed(rng, len(owner)) * self._mean_trade_steps
        steps = np.maximum(1, np.rint(sizes)).astype(np.int64)
        offsets = rng.integers(0, self._phase_ms, len(owner))
        order = np.lexsort((offsets, owner))
        self._counts: list[int] = counts.tolist()
        self._takers = zip(
            offsets[order].tolist(), buys.tolist(), steps.tolist(), strict=True
        )  # consumed in order by `step`

    # ---- step by step --------------------------------------------------

    def opening(self) -> BookUpdate:
        """The first book; call after the first `begin_block`."""
        bid, ask = self._quotes(self._mids[0], 1)
        for side, touch, size in (
            (self._bid, bid, self._bid_touch[0]),
            (self._ask, ask, self._ask_touch[0]),
        ):
            side.touch, side.first = touch, side.behind(touch)
            side.put(touch, size)
            for k in range(P.BOOK_LEVELS):
                side.put((side.first + side.direction * k) * side.grid, self._level(k, 1.0))
        return self._publish(0, snapshot=True)

    def step(self, j: int, start_ms: int, out: list[MarketEvent]) -> None:
        """Appends the events of step j of the block, in time order."""
        for offset, buy, size in islice(self._takers, self._counts[j]):
            self._take(start_ms + offset, buy, size, out)
        if self._moves[j]:
            self._spread = self._spreads[j]
        bid, ask = self._bid.touch, self._ask.touch
        target = self._mids[j]
        # Quotes follow only a clear move, else they would flicker when the price sits on a tick.
        if ask - bid != self._spread or abs(2 * target - bid - ask) > 1.7:
            bid, ask = self._quotes(target, self._spread)
        self._shift(self._bid, bid, self._bid_touch[j], self._bid_tilts[j])
        self._shift(self._ask, ask, self._ask_touch[j], self._ask_tilts[j])
        refreshed = self._refreshed[j]
        self._refresh(self._bid, refreshed[: P.REFRESHED_LEVELS], self._bid_tilts[j])
        self._refresh(self._ask, refreshed[P.REFRESHED_LEVELS :], self._ask_tilts[j])
        out.append(self._publish(start_ms + self._phase_ms))

    @staticmethod
    def _quotes(mid: float, spread: int) -> tuple[int, int]:
        bid = round(mid - spread / 2)
        return bid, bid + spread

    def _level(self, k: int, tilt: float) -> int:
        self._next_noise = n = (self._next_noise + 1) & _MASK
        size = self._level_steps[k] * self._noise[n] * (1 + (tilt - 1) * self._tilt[k])
        return int(size) or 1

    def _shift(self, side: _Side, touch: int, size: int, tilt: float) -> None:
        """Moves one side to its new touch: levels passed go, levels uncovered come."""
        old, first = side.touch, side.behind(touch)
        d, grid, deep = side.direction, side.grid, P.BOOK_LEVELS
        if touch != old:
            moved = (first - side.first) * d  # grid levels that the touch has passed
            if moved > 0:
                for k in range(min(moved, deep)):
                    side.drop((side.first + d * k) * grid)
                for k in range(max(0, deep - moved), deep):
                    side.put((first + d * k) * grid, self._level(k, tilt))
            elif moved < 0:
                for k in range(max(0, deep + moved), deep):
                    side.drop((side.first + d * k) * grid)
                for k in range(min(-moved, deep)):
                    side.put((first + d * k) * grid, self._level(k, tilt))
            if old % grid or (old - touch) * d < 0 or (old // grid - first) * d >= deep:
                side.drop(old)
            side.touch, side.first = touch, first
        if len(side.sizes) <= deep:
            self._refill(side, tilt)
        if side.sizes.get(touch) != size:
            side.put(touch, size)

    def _refill(self, side: _Side, tilt: float) -> None:
        """Puts back the levels that takers have eaten."""
        for k in range(P.BOOK_LEVELS):
            tick = (side.first + side.direction * k) * side.grid
            if tick not in side.sizes:
                side.put(tick, self._level(k, tilt))

    def _refresh(self, side: _Side, depths: list[int], tilt: float) -> None:
        for k in depths:
            side.put((side.first + side.direction * k) * side.grid, self._level(k, tilt))

    def _take(self, ts_ms: int, buy: bool, size: int, out: list[MarketEvent]) -> None:
        side = self._ask if buy else self._bid
        sizes, tick = side.sizes, side.touch
        for k in range(P.SWEEP_LEVELS):
            if k:
                tick = (side.first + side.direction * (k - 1)) * side.grid
            shown = sizes.get(tick, 0)
            if not shown:
                continue
            traded = min(size, shown)
            out.append(
                MarketTrade(
                    self._category, self._symbol, ts_ms, tick, traded, "Buy" if buy else "Sell"
                )
            )
            if traded < shown:
                # Published with the step's book: the level keeps its place, only smaller.
                side.put(tick, shown - traded)
                return
            side.drop(tick)
            out.append(self._publish(ts_ms))
            size -= traded
            if not size:
                return

    def _publish(self, ts_ms: int, *, snapshot: bool = False) -> BookUpdate:
        bids, asks = list(self._bid.changes.items()), list(self._ask.changes.items())
        self._bid.changes, self._ask.changes = {}, {}
        if snapshot:
            bids.sort(reverse=True)
            asks.sort()
        return BookUpdate(self._category, self._symbol, ts_ms, bids, asks, snapshot)


def heavy_tailed(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Trade sizes of mean 1: Lomax with the table's tail, cut at the table's cap."""
    tail, cap = P.TRADE_SIZE_TAIL, P.TRADE_SIZE_CAP
    scale = tail - 1
    # E[min(X, cap)] of a Lomax(tail, scale) is scale / (tail - 1) times the following.
    mean = 1 - (1 + cap / scale) ** (1 - tail)
    return np.asarray(np.minimum(rng.pareto(tail, count) * scale, cap) / mean)
