"""Exponentially weighted averages of whole series, as known at the beginning of each minute."""

from collections.abc import Sequence

import numpy as np

from bot.market.volume.panel import FloatArray

# Within a block one matrix product does the recursion; between blocks only its end is carried.
_BLOCK = 128


def known_before(series: FloatArray, spans: Sequence[float]) -> FloatArray:
    """EWMA for every span, (spans, symbols, minutes + 1); column t uses columns before t only.

    `span` weighs the newest value with 2 / (span + 1). The start is 1, a normal minute of a
    relative series, so that a short history is drawn to normal.
    """
    return np.stack([_one_span(series, 2.0 / (span + 1.0)) for span in spans])


def _one_span(series: FloatArray, weight: float) -> FloatArray:
    symbols, length = series.shape
    blocks = -(-length // _BLOCK)
    padded = np.zeros((symbols, blocks * _BLOCK))
    # The distance from 1 is averaged, so that the start is zero.
    padded[:, :length] = series - 1.0
    lag = np.arange(_BLOCK)[:, None] - np.arange(_BLOCK)[None, :]
    kernel = np.where(lag >= 0, weight * (1.0 - weight) ** np.maximum(lag, 0), 0.0)
    inside = padded.reshape(symbols, blocks, _BLOCK) @ kernel.T
    decay = (1.0 - weight) ** np.arange(1, _BLOCK + 1)
    carried = np.zeros(symbols)
    for block in range(blocks):
        inside[:, block] += carried[:, None] * decay
        carried = inside[:, block, -1]
    start = np.zeros((symbols, 1))
    ends = inside.reshape(symbols, -1)[:, :length]
    known: FloatArray = np.concatenate([start, ends], axis=1) + 1.0
    return known
