"""Turns values of notebooks into the plain ones of a message.

numpy's and pandas' scalars and arrays are read by their own methods; neither library is imported.
"""

from collections.abc import Mapping
from itertools import dropwhile
from typing import Any

from pydantic import ValidationInfo

_SECTIONS = 3
"""Mappings within mappings that a message has: request, predictions, importances."""

OTHER_NAMES = {
    "stability": "prediction_stability",
    "feature_importance_score": "feature_importance",
    "volume": "volume_24h",
}
"""The original interface's names -> ours for the same thing."""


def plainly(value: Any, depth: int = _SECTIONS) -> Any:
    """The message with plain numbers and lists; anything else stays as it is."""
    if isinstance(value, Mapping):
        if depth <= 0:
            return value
        return {key: plainly(each, depth - 1) for key, each in value.items()}
    # A scalar's `tolist` gives a scalar, and an array's a list of plain ones.
    made = getattr(value, "tolist", None)
    return made() if callable(made) else value


def is_gap(value: object) -> bool:
    """None, a NaN of any type, or pandas' NA, which compares as neither true nor false."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ArithmeticError):
        return True
    except ValueError:
        # An array within an array.
        return False


def first_gaps_as_nothing(value: Any) -> Any:
    """The gaps that a series begins with, as None: `pct_change` always starts with one.

    A NaN further in stays and is refused by its place: it is a day that the model didn't see.
    """
    if not isinstance(value, list | tuple):
        return value
    begins = len(value) - sum(1 for _ in dropwhile(is_gap, value))
    return [None] * begins + list(value[begins:])


def exits_gaps_as_nothing(message: Any) -> Any:
    """Drops returns with a gap from an exit, which no decision on it reads."""
    if not isinstance(message, Mapping):
        return message
    signal, market = message.get("signal_data"), message.get("market_data")
    if not (isinstance(signal, Mapping) and isinstance(market, Mapping)):
        return message
    returns = market.get("returns")
    if signal.get("reduce_only") is not True or not isinstance(returns, list | tuple):
        return message
    kept = [None if is_gap(each) else each for each in returns]
    return {**message, "market_data": {**market, "returns": kept}}


def said_once(value: Any, info: ValidationInfo) -> Any:
    """Refuses the original interface's name beside ours; stands after the field that has ours."""
    ours = OTHER_NAMES[str(info.field_name)]
    if value is not None and info.data.get(ours):
        raise ValueError(f"is given as {ours} too: give one of them")
    return value
