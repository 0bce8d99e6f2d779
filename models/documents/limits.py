"""The document of a change of limits."""

from dataclasses import dataclass
from typing import Any

from models.enums import Direction


@dataclass(frozen=True, slots=True)
class ValueChange:
    """The change of one value; `unset` removes an override, so that the files' value counts
    again."""

    path: str
    before: Any
    """A plain JSON value, as `after` is."""
    after: Any
    direction: Direction
    unset: bool = False
