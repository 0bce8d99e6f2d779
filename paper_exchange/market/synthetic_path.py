"""Draws the processes behind the synthetic market: prices, volatility, pressure and activity.

One block is a minute of 100 ms steps for all coins at once, unless the caller asks for another
size. This module knows neither books nor ticks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paper_exchange.market import parameters as P  # noqa: N812 - a table of named figures

Floats = NDArray[np.float64]
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class PathBlock:
    """Arrays of shape (steps, coins) unless said otherwise.

    Values are those at the end of a step.
    """

    log_price: Floats
    basis: Floats
    """Log of perpetual over index."""
    pressure: Floats
    """Pressure at the end of the step. It leads the returns of the later steps."""
    surprise: Floats
    """The step's return in standard deviations of that step."""
    sigma: Floats
    """Volatility relative to its long-run mean, shape (steps,)."""
    activity: Floats
    """Expected number of trades relative to its long-run mean, shape (steps,)."""


def autoregress(start: Floats, shocks: Floats, decay: float) -> Floats:
    """Computes y[t] = decay * y[t-1] + shocks[t], y[-1] = start, without a Python loop.

    It runs in slices short enough that decay**-n stays far from overflow.
    """
    out = np.empty_like(shocks)
    slice_length = max(1, min(len(shocks), int(-30.0 / np.log(decay))))
    powers = decay ** np.arange(1, slice_length + 1)
    scale = powers.reshape(-1, *([1] * (shocks.ndim - 1)))
    y = start
    for i in range(0, len(shocks), slice_length):
        part = shocks[i : i + slice_length]
        s = scale[: len(part)]
        out[i : i + len(part)] = s * (y + np.cumsum(part / s, axis=0))
        y = out[i + len(part) - 1]
    return out


def hourly_curve(
    curve: tuple[float, ...], steps: NDArray[np.int64], steps_per_day: int = P.STEPS_PER_DAY
) -> Floats:
    """The curve's value at each step, interpolated between the middles of the hours."""
    hours = (steps % steps_per_day) / (steps_per_day / 24.0) - 0.5
    return np.interp(hours, np.arange(24), curve, period=24.0)


class PathGenerator:
    """Endless blocks, deterministic by seed. Time 0 is midnight for the hourly curves."""

    def __init__(
        self,
        seed: int | Sequence[int],
        coins: Sequence[P.CoinParameters] = P.COINS,
        step_ms: int = P.STEP_MS,
        block_steps: int = P.STEPS_PER_BLOCK,
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._step_ms = step_ms
        self._steps_per_day = DAY_MS // step_ms
        self._block_steps = block_steps
        self._loading = np.array([c.common_share for c in coins])
        self._step_sigma = np.array([c.daily_sigma_bps for c in coins]) * 1e-4
        self._step_sigma /= np.sqrt(self._steps_per_day) * _mean_square_root()
        self._anchor = np.log([c.price for c in coins])
        self._log_price = self._anchor.copy()
        self._basis = np.zeros(len(coins))
        self._pressure = self._rng.standard_normal(len(coins))
        self._burst = np.zeros(1)
        self._regime = 1
        self._regime_steps = self._dwell()
        self._step = 0

    def block(self) -> PathBlock:
        """The next block of all coins: arrays of (steps, coins)."""
        steps = np.arange(self._step, self._step + self._block_steps, dtype=np.int64)
        self._step += self._block_steps
        sigma, activity = self._volatility(steps)
        shocks = self._innovations()
        lead, pressure = self._pressures(shocks)
        surprise = P.PRESSURE_DRIFT * lead + np.sqrt(1 - P.PRESSURE_DRIFT**2) * shocks
        pull = (self._anchor - self._log_price) / (P.ANCHOR_DAYS * self._steps_per_day)
        returns = self._step_sigma * sigma[:, None] * surprise + pull
        log_price = self._log_price + np.cumsum(returns, axis=0)
        self._log_price = log_price[-1]
        return PathBlock(log_price, self._bases(), pressure, surprise, sigma, activity)

    def _decay(self, seconds: float) -> float:
        return float(np.exp(-self._step_ms / 1000.0 / seconds))

    def _dwell(self) -> int:
        mean = P.REGIME_MINUTES[self._regime] * 60_000 / self._step_ms
        return max(1, int(self._rng.exponential(mean)))

    def _volatility(self, steps: NDArray[np.int64]) -> tuple[Floats, Floats]:
        regime = self._regimes()
        decay = self._decay(P.BURST_SECONDS)
        noise = self._rng.standard_normal(len(steps)) * P.BURST_LOG_SD * np.sqrt(1 - decay**2)
        burst = autoregress(self._burst, noise, decay)
        self._burst = burst[-1:]
        burst_level = np.exp(burst - P.BURST_LOG_SD**2 / 2)
        sigma = regime * burst_level * hourly_curve(P.HOURLY_SIGMA, steps, self._steps_per_day)
        # Volume follows volatility, and the hours, less than proportionally in turbulent times.
        volume = hourly_curve(P.HOURLY_VOLUME, steps, self._steps_per_day)
        volume *= np.sqrt(regime) * burst_level
        return sigma, volume / _mean_root_regime()

    def _regimes(self) -> Floats:
        """The multiplier of each step. It leaves the regime's state behind for the next block."""
        out = np.empty(self._block_steps)
        done = 0
        while done < len(out):
            run = min(self._regime_steps, len(out) - done)
            out[done : done + run] = P.REGIME_SIGMA[self._regime]
            done += run
            self._regime_steps -= run
            if self._regime_steps == 0:
                self._regime = self._next_regime()
                self._regime_steps = self._dwell()
        return out

    def _next_regime(self) -> int:
        """The next regime of a jump chain with the stationary time shares REGIME_SHARE.

        The chain visits a regime in proportion to share / dwell.
        """
        if self._regime != 1:
            return 1  # calm and turbulent times meet by way of the normal one
        visits = [s / m for s, m in zip(P.REGIME_SHARE, P.REGIME_MINUTES, strict=True)]
        calm = visits[0] / (visits[0] + visits[2])
        return 0 if self._rng.random() < calm else 2

    def _innovations(self) -> Floats:
        """Innovations of unit variance: Student-t, correlated through one common factor."""
        nu = P.TAIL_DEGREES_OF_FREEDOM
        draws = self._rng.standard_t(nu, (self._block_steps, len(self._loading) + 1))
        draws *= np.sqrt((nu - 2) / nu)
        return self._correlated(draws)

    def _correlated(self, draws: Floats) -> Floats:
        """Mixes column 0, the common factor, into the coins' own columns."""
        load = self._loading
        own = np.sqrt(1 - load**2)
        return np.asarray(load * draws[:, :1] + own * draws[:, 1:])

    def _pressures(self, shocks: Floats) -> tuple[Floats, Floats]:
        """The pressure before each step, and the pressure after it.

        Its own shock is tied to the price's shock by one weight. This weight cancels the momentum
        that the drift would leave in returns: makers lean against a move that has just happened.
        Pressure shares the coins' common factor, as order flow does. Otherwise the part of the
        long-run price that it carries would be uncorrelated.
        """
        decay = self._decay(P.PRESSURE_SECONDS)
        drift = P.PRESSURE_DRIFT
        lean = -drift * decay / np.sqrt(1 - drift**2)
        own = np.sqrt(1 - decay**2 - lean**2)
        draws = self._rng.standard_normal((len(shocks), len(self._loading) + 1))
        noise = lean * shocks + own * self._correlated(draws)
        after = autoregress(self._pressure, noise, decay)
        before = np.vstack([self._pressure, after[:-1]])
        self._pressure = after[-1]
        return before, after

    def _bases(self) -> Floats:
        decay = self._decay(P.BASIS_SECONDS)
        shape = (self._block_steps, len(self._loading))
        noise = self._rng.standard_normal(shape) * P.BASIS_BPS * 1e-4 * np.sqrt(1 - decay**2)
        basis = autoregress(self._basis, noise, decay)
        self._basis = basis[-1]
        return basis


def _mean_square_root() -> float:
    """The root mean square of the volatility multiplier.

    It makes daily sigma come out as listed.
    """
    regime = sum(s * m**2 for s, m in zip(P.REGIME_SHARE, P.REGIME_SIGMA, strict=True))
    hours = float(np.mean(np.square(P.HOURLY_SIGMA)))
    return float(np.sqrt(regime * hours * np.exp(P.BURST_LOG_SD**2)))


def _mean_root_regime() -> float:
    roots = np.sqrt(P.REGIME_SIGMA)
    return float(np.dot(P.REGIME_SHARE, roots))
