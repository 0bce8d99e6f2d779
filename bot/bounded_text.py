"""Bounded, storable text for foreign messages, however large, deep or odd they are.

Nothing here fails and nothing takes longer than its bounds, so that a message can always be
answered and recorded.
"""

import json
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from math import isfinite

from models.characters import code_of

MAX_TEXT = 2000
MAX_DEPTH = 32
"""The deepest nesting that is read; a trade request has four levels."""
_SHOWN_DEPTH = 8
_SHOWN_ITEMS = 100
_MAX_NAME = 120
_MAX_BITS = 256
# Characters that JSONB or UTF-8 can't hold, and control characters, which no name needs.
_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


_CONTAINERS = (Mapping, list, tuple)


def readable(raw: object) -> str:
    """A message as text of at most about 2,000 characters."""
    return clipped(json.dumps(_outline(raw, _SHOWN_DEPTH)), MAX_TEXT)


def storable(text: str, limit: int = _MAX_NAME) -> str:
    """A foreign text that every column, log and answer can hold, cut at `limit`."""
    return clipped(_UNSTORABLE.sub(lambda found: code_of(found.group()), text[: limit + 1]), limit)


def clipped(text: str, limit: int) -> str:
    """The text, cut to `limit` characters; an ellipsis marks a cut."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def is_too_deep(value: object, depth: int = MAX_DEPTH) -> bool:
    """Whether containers are nested deeper than `depth`; computed without recursion."""
    level = [value]
    for _ in range(depth + 1):
        level = [inner for each in level for inner in _items(each)]
        level = [each for each in level if isinstance(each, _CONTAINERS)]
        if not level:
            return False
    return True


def _items(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def _outline(value: object, depth: int) -> object:
    """The value without the parts beyond the bounds."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return storable(value, MAX_TEXT)
    if isinstance(value, int):
        bits = value.bit_length()
        return value if bits <= _MAX_BITS else f"(an integer of {bits} bits)"
    if isinstance(value, float):
        return value if isfinite(value) else repr(value)
    if isinstance(value, _CONTAINERS):
        return _container(value, depth)
    return f"({type(value).__name__})"


def _container(
    value: Mapping[object, object] | list[object] | tuple[object, ...], depth: int
) -> object:
    if depth == 0:
        return f"({len(value)} more inside)" if value else []
    left_out = len(value) - _SHOWN_ITEMS
    if isinstance(value, Mapping):
        shown = {
            _key(key): _outline(item, depth - 1)
            for key, item in islice(value.items(), _SHOWN_ITEMS)
        }
        return shown if left_out <= 0 else {**shown, "…": f"({left_out} more fields)"}
    items = [_outline(item, depth - 1) for item in islice(value, _SHOWN_ITEMS)]
    return items if left_out <= 0 else [*items, f"({left_out} more items)"]


def _key(key: object) -> str:
    return storable(key) if isinstance(key, str) else str(_outline(key, 0))
