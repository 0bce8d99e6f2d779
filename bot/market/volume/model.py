"""The interface of volume models: fit on bars, forecast the coming minutes, go into a file."""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol, Self, TypeAlias

import numpy as np

from bot.errors import Refused
from bot.market.volume.panel import FloatArray, IntArray, Panel

Outlook: TypeAlias = Callable[[IntArray, int], FloatArray]
"""(minutes since 1970, horizon) -> expected volume (minutes, horizon); row i knows the bars before
minute i and no others."""


class VolumeModel(Protocol):
    """Expected volume of each coming minute, in the unit of the bars' volume."""

    name: ClassVar[str]
    caution: float | None
    """None splits the remainder in proportion to the forecast. A number steers the schedule to the
    market's own remaining share and weighs the future (see `schedule.share_now`)."""

    def fit(self, bars: Panel) -> Self:
        """Learns from these bars and returns the model itself. Raises NotEnoughBars."""
        ...

    def outlook(self, history: Panel, symbol: str) -> Outlook:
        """Forecasts for any minute from the history's first to the one after its last."""
        ...

    def forecast(self, history: Panel, symbol: str, horizon_minutes: int) -> FloatArray:
        """Expected volume of the minutes that follow the history."""
        ...

    def parameters(self) -> dict[str, Any]:
        """The learned numbers, as JSON values."""
        ...

    @classmethod
    def restore(cls, parameters: dict[str, Any]) -> Self:
        """The model that gave these `parameters()`."""
        ...


class NotTrained(Refused):
    """The model has not seen this symbol in its training."""

    @classmethod
    def on(cls, symbol: str) -> Self:
        """The error for one symbol; its text says how to train the model."""
        return cls(
            f"the volume model was not trained on {symbol}: run `mlrisk volume train` with its bars"
        )


class FromOutlook:
    """`forecast` for models that have `outlook`."""

    def outlook(self, history: Panel, symbol: str) -> Outlook:
        """The forecasts from one history, for any minute and horizon.

        Each model supplies its own.
        """
        raise NotImplementedError

    def forecast(self, history: Panel, symbol: str, horizon_minutes: int) -> FloatArray:
        """Expected volume of the minutes that follow the history."""
        if horizon_minutes < 1:
            raise ValueError("a forecast needs a horizon of at least one minute")
        now = np.array([history.end_minute], dtype=np.int64)
        row: FloatArray = self.outlook(history, symbol)(now, horizon_minutes)[0]
        return row


def trained_row(symbols: tuple[str, ...], symbol: str) -> int:
    """The symbol's place in a model's arrays."""
    try:
        return symbols.index(symbol)
    except ValueError:
        raise NotTrained.on(symbol) from None


def rows_of(history: Panel, symbols: tuple[str, ...]) -> tuple[Panel, IntArray]:
    """The history's symbols that the model knows, and their places in its arrays."""
    known = [i for i, symbol in enumerate(history.symbols) if symbol in symbols]
    kept = Panel(
        tuple(history.symbols[i] for i in known),
        history.first_minute,
        history.high[known],
        history.low[known],
        history.close[known],
        history.volume[known],
    )
    return kept, np.array([symbols.index(symbol) for symbol in kept.symbols], dtype=np.int64)


def restored(parameters: dict[str, Any], name: str, *shape: int | None) -> FloatArray:
    """An array of a stored model; ValueError when it isn't finite or has another shape."""
    array = np.array(parameters[name], dtype=np.float64)
    fits = array.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits or not np.isfinite(array).all():
        raise ValueError(f"{name} is not a finite array of shape {shape}")
    return array
