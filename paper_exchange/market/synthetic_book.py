"""Turns one coin's efficient price into the quotes, sizes and trades of one instrument."""

from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from paper_exchange.market import parameters as P  # noqa: N812 - a table of named figures
from paper_exchange.market.ladder import Ladder
from paper_exchange.market.parameters import InstrumentParameters
from paper_exchange.market.synthetic_path import PathBlock, autoregress
from paper_exchange.types import BookUpdate, MarketEvent

Taker = tuple[int, bool, int]
"""Milliseconds after the step's start, whether it buys, and its size in steps."""

# Quotes follow once the price is more than this many half ticks off their middle. With a smaller
# bound they would flicker when the price sits on a tick.
_STICKY_HALF_TICKS = 1.7
_MEAN_ABSOLUTE_SURPRISE = 0.68  # of Student-t with 4 degrees of freedom and unit variance


class BookMaker:
    """Produces the events of one instrument, step by step. Deterministic by its generator."""

    def __init__(
        self,
        instrument: InstrumentParameters,
        coin: int,
        phase_ms: int,
        rng: np.random.Generator,
        updates: int = 1,
    ) -> None:
        """`updates` is how many books of a step are published, the last one at `phase_ms`.

        The refreshed levels of a step are spread over them. The touch moves with the last one.
        """
        self._coin = coin
        self._phase_ms = phase_ms
        self._early_updates = [phase_ms * number // updates for number in range(1, updates)]
        self._rng = rng
        self._spot = instrument.category == "spot"
        self._tick = float(instrument.tick_size)
        price = P.COINS[coin].price
        self._ladder = Ladder(instrument, price, rng)
        per_usd = self._ladder.steps_per_usd
        self._touch_steps = instrument.touch_usd * per_usd
        self._trades_per_step = instrument.trades_per_second * P.STEP_MS / 1000
        trades_per_day = 86_400 * instrument.trades_per_second
        self._mean_trade_steps = instrument.daily_volume_usd / trades_per_day * per_usd
        self._touch_noise = np.zeros(2)
        self._mid = price / self._tick
        self._spread = 1
        self._last: tuple[int, int] | None = None
        """The quotes of the last step; None before the first one."""

    def begin_block(self, path: PathBlock) -> None:
        """Draws all random values of the coming block at once. `step` then only looks them up."""
        rng, steps = self._rng, P.STEPS_PER_BLOCK
        self._draw_quotes(path)
        pressure = path.pressure[:, self._coin]
        tilt = np.exp(P.PRESSURE_TILT * np.clip(pressure, -4, 4))
        tilts = np.column_stack([tilt, 1 / tilt])
        self._tilts: list[tuple[float, float]] = [(b, a) for b, a in tilts.tolist()]
        self._draw_touch_sizes(tilts)
        depths = rng.geometric(1 / P.REFRESH_DEPTH, (steps, 2 * P.REFRESHED_LEVELS))
        self._refreshed: list[list[int]] = np.minimum(depths - 1, P.BOOK_LEVELS - 1).tolist()
        self._draw_trades(path, pressure)

    def opening(self) -> BookUpdate:
        """The first book; call after the first `begin_block`."""
        return self._ladder.open(0, self._opening, self._touch_sizes[0])

    def step(self, j: int, start_ms: int, out: list[MarketEvent]) -> None:
        """Appends the events of step j of the block, in time order."""
        ladder, tilts = self._ladder, self._tilts[j]
        takers: Iterable[Taker] = islice(self._takers, self._counts[j])
        refreshed = self._refreshed[j]
        if self._early_updates:
            takers = self._publish_early(j, start_ms, list(takers), out)
            refreshed = self._refreshed_by(j, len(self._early_updates))
        for offset, buy, size in takers:
            ladder.take(start_ms + offset, buy, size, out)
        ladder.move(self._quotes[j], self._touch_sizes[j], tilts)
        ladder.refresh(refreshed, tilts)
        out.append(ladder.publish(start_ms + self._phase_ms))

    def _publish_early(
        self, j: int, start_ms: int, takers: Sequence[Taker], out: list[MarketEvent]
    ) -> Sequence[Taker]:
        """Appends a step's books but the last, with their takers; returns the later takers."""
        taken = 0
        for number, at in enumerate(self._early_updates):
            for offset, buy, size in takers[taken:]:
                if offset >= at:
                    break
                self._ladder.take(start_ms + offset, buy, size, out)
                taken += 1
            self._ladder.refresh(self._refreshed_by(j, number), self._tilts[j])
            out.append(self._ladder.publish(start_ms + at))
        return takers[taken:]

    def _refreshed_by(self, j: int, number: int) -> list[int]:
        """The levels that one of the step's updates refreshes: of bids, then as many of asks."""
        levels, updates = self._refreshed[j], len(self._early_updates) + 1
        half = len(levels) // 2
        return levels[:half][number::updates] + levels[half:][number::updates]

    def _draw_quotes(self, path: PathBlock) -> None:
        rng, steps = self._rng, P.STEPS_PER_BLOCK
        log_price = path.log_price[:, self._coin]
        if self._spot:
            log_price = log_price - path.basis[:, self._coin]
        moves = rng.random(steps) < P.QUOTE_MOVE_PROBABILITY
        latest = np.maximum.accumulate(np.where(moves, np.arange(steps), -1))
        mids = np.where(latest >= 0, (np.exp(log_price) / self._tick)[latest], self._mid)
        wide = 1 + (rng.random(steps) < P.WIDE_SPREAD_PROBABILITY * path.sigma)
        wide += rng.poisson(np.minimum(P.WIDE_SPREAD_PROBABILITY * path.sigma, 1.0) * (wide - 1))
        spreads = np.where(latest >= 0, wide[latest], self._spread)
        self._mid, self._spread = float(mids[-1]), int(spreads[-1])
        bids = np.rint(mids - spreads / 2).astype(np.int64)
        self._requote(mids.tolist(), spreads.tolist(), bids.tolist())

    def _requote(self, mids: list[float], spreads: list[int], bids: list[int]) -> None:
        """Moves the quotes to the price of each step where it has moved far enough from them.

        They open at the price of the first step.
        """
        if self._last is None:
            bid = round(mids[0] - 0.5)
            self._last = self._opening = (bid, bid + 1)
        bid, ask = self._last
        self._quotes: list[tuple[int, int]] = []
        for mid, spread, fair in zip(mids, spreads, bids, strict=True):
            if ask - bid != spread or abs(2 * mid - bid - ask) > _STICKY_HALF_TICKS:
                bid, ask = fair, fair + spread
            self._quotes.append((bid, ask))
        self._last = bid, ask

    def _draw_touch_sizes(self, tilts: NDArray[np.float64]) -> None:
        decay = float(np.exp(-P.STEP_MS / 1000 / P.TOUCH_NOISE_SECONDS))
        shocks = self._rng.standard_normal((P.STEPS_PER_BLOCK, 2))
        shocks *= P.TOUCH_NOISE_LOG_SD * np.sqrt(1 - decay**2)
        noise = autoregress(self._touch_noise, shocks, decay)
        self._touch_noise = noise[-1]
        sizes = np.maximum(1, np.exp(noise) * tilts * self._touch_steps).astype(np.int64)
        self._touch_sizes: list[tuple[int, int]] = [(b, a) for b, a in sizes.tolist()]

    def _draw_trades(self, path: PathBlock, pressure: NDArray[np.float64]) -> None:
        rng = self._rng
        surprise = path.surprise[:, self._coin]
        link = P.TRADE_VOLATILITY_LINK * np.minimum(np.abs(surprise), 5.0)
        busy = (1 + link) / (1 + _MEAN_ABSOLUTE_SURPRISE * P.TRADE_VOLATILITY_LINK)
        counts = np.minimum(rng.poisson(self._trades_per_step * path.activity * busy), 30)
        owner = np.repeat(np.arange(P.STEPS_PER_BLOCK), counts)
        odds = P.PRESSURE_TAKER * pressure + P.IMPACT_TAKER * np.clip(surprise, -3, 3)
        buys = rng.random(len(owner)) < 1 / (1 + np.exp(-odds[owner]))
        sizes = heavy_tailed(rng, len(owner)) * self._mean_trade_steps
        steps = np.maximum(1, np.rint(sizes)).astype(np.int64)
        offsets = rng.integers(0, self._phase_ms, len(owner))
        in_time = offsets[np.lexsort((offsets, owner))]
        self._counts: list[int] = counts.tolist()
        # Consumed in order by `step`.
        self._takers = zip(in_time.tolist(), buys.tolist(), steps.tolist(), strict=True)


def heavy_tailed(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Trade sizes of mean 1: Lomax with the table's tail, cut at the table's cap."""
    tail, cap = P.TRADE_SIZE_TAIL, P.TRADE_SIZE_CAP
    scale = tail - 1
    # E[min(X, cap)] of a Lomax(tail, scale) is scale / (tail - 1) times the following.
    mean = 1 - (1 + cap / scale) ** (1 - tail)
    return np.asarray(np.minimum(rng.pareto(tail, count) * scale, cap) / mean)
