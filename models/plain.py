"""Values as notebooks hold them, as the plain ones that a message carries.

numpy's and pandas' scalars and arrays are read by their own methods; neither library is imported.
"""

from collections.abc import Mapping
from math import isnan
from typing import Any

from pydantic import ValidationInfo

_SECTIONS = 3
"""Mappings within mappings that a message has: request, predictions, importances."""

OTHER_NAMES = {
    "stability": "prediction_stability",
    "feature_importance_score": "feature_importance",
    "volume": "volume_24h",
}
"""The seed's names -> ours for the same thing."""


def plainly(value: Any, depth: int = _SECTIONS) -> Any:
    """The message with plain numbers and lists; what is no number or array stays as it is."""
    if isinstance(value, Mapping):
        if depth <= 0:
            return value
        return {key: plainly(each, depth - 1) for key, each in value.items()}
    # A scalar's `tolist` gives a scalar, and an array's a list of plain ones.
    made = getattr(value, "tolist", None)
    return made() if callable(made) else value


def nan_as_nothing(value: Any) -> Any:
    """A series' gaps, which pandas writes as NaN: `pct_change` always starts with one."""
    if not isinstance(value, list | tuple):
        return value
    return [None if isinstance(each, float) and isnan(each) else each for each in value]


def said_once(value: Any, info: ValidationInfo) -> Any:
    """Refuses the seed's name beside ours; stands after the field that has ours."""
    ours = OTHER_NAMES[str(info.field_name)]
    if value is not None and info.data.get(ours):
        raise ValueError(f"is given as {ours} too: give one of them")
    return value
