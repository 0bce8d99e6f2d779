"""Displayed sizes of the levels behind the touch: their medians, their noise and their tilt."""

import numpy as np
from numpy.typing import NDArray

from paper_exchange.market import parameters as P  # noqa: N812 - a table of named figures
from paper_exchange.market.parameters import InstrumentParameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOISE = 4096  # pre-drawn log-normal sizes, reused in a cycle far longer than a book's memory
NOISE_MASK = NOISE - 1


def medians(instrument: InstrumentParameters, steps_per_usd: float) -> Floats:
    """The median size of each level, in steps. Level 0 is the first one behind the touch."""
    slope = P.LEVEL_SIZE_GROWTH / P.GROWN_LEVELS
    grown = 1 + slope * np.minimum(np.arange(P.BOOK_LEVELS), P.GROWN_LEVELS)
    return np.asarray(instrument.level_usd * steps_per_usd * grown)


def fades() -> Floats:
    """How much of the tilt reaches each level."""
    return np.asarray(np.exp(-np.arange(P.BOOK_LEVELS) / P.PRESSURE_TILT_LEVELS))


def noises(rng: np.random.Generator) -> Floats:
    """Draws the table of noise: log-normal factors of mean 1."""
    draws = P.LEVEL_SIZE_LOG_SD * rng.standard_normal(NOISE)
    return np.asarray(np.exp(draws - P.LEVEL_SIZE_LOG_SD**2 / 2))


class LevelSizes:
    """Sizes of many levels at once."""

    def __init__(
        self, instrument: InstrumentParameters, steps_per_usd: float, rng: np.random.Generator
    ) -> None:
        self._medians = medians(instrument, steps_per_usd)
        self._fades = fades()
        self._noises = noises(rng)

    def drawn(self, levels: Ints, draws: Ints, tilts: Floats | float) -> Ints:
        """The sizes of levels, in steps, at least 1.

        `draws` numbers the draws: the same number has the same noise. Tilts multiply the sizes near
        the touch. The three arrays have one shape, or are broadcast to it.
        """
        sizes = self._medians[levels] * self._noises[draws & NOISE_MASK]
        sizes *= 1 + (tilts - 1) * self._fades[levels]
        return np.asarray(np.maximum(1, sizes.astype(np.int64)))
