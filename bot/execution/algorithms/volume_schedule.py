"""Turns a volume forecast into how much of an order to trade in each of the coming minutes."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]


def share_now(
    forecast: FloatArray,
    share_left: FloatArray,
    volume_done: FloatArray,
    caution: float | None,
) -> FloatArray:
    """Share of the whole order for the next minute, between 0 and `share_left`; one per row.

    `forecast` is (rows, minutes left); `volume_done` is the market's volume since the order began.

    Without `caution`, the remainder is split in proportion to the forecast. With it, the order is
    brought to the share that the market has still to trade: F / (done + now + F), F being the
    forecast after this minute times the caution. Prices are close to a martingale, so the error
    still to come depends on the distance between the two shares and not on past ones: a missed
    surge is caught up at once (Busseti and Boyd 2015 derive such a feedback schedule). A trade
    can't be taken back, a missed one can be caught up: hence a caution above 1.
    """
    now, after = forecast[:, 0], forecast[:, 1:].sum(axis=1)
    if forecast.shape[1] == 1:
        return share_left.copy()
    if caution is None:
        proportional: FloatArray = share_left * now / (now + after)
        return proportional
    keep = caution * after / (volume_done + caution * (now + after))
    steered: FloatArray = np.clip(share_left - keep, 0.0, share_left)
    return steered


def plan(
    forecast: FloatArray, share_left: float, volume_done: float, caution: float | None
) -> FloatArray:
    """Shares for all minutes left, as seen now; their sum is `share_left`.

    The plan is made anew every minute: only its first share counts, the rest is the outlook.
    `forecast` has the shape (minutes left,), in any unit of volume, as `volume_done` has. Raises
    ValueError for an empty or non-positive forecast, a share outside of [0, 1] and a negative
    volume.
    """
    if forecast.ndim != 1 or len(forecast) == 0:
        raise ValueError("a plan needs a forecast of at least one minute")
    if not (forecast > 0.0).all() or not 0.0 <= share_left <= 1.0 or volume_done < 0.0:
        raise ValueError("a plan needs a positive forecast, a share in [0, 1] and a volume >= 0")
    first = float(
        share_now(forecast[None, :], np.array([share_left]), np.array([volume_done]), caution)[0]
    )
    rest = forecast[1:]
    if len(rest) == 0:
        return np.array([share_left])
    return np.concatenate([[first], (share_left - first) * rest / rest.sum()])
