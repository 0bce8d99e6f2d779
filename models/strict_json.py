"""JSON without repeated keys, because the meant value of a repeated key is unknown."""

import json
from collections.abc import Callable
from typing import Any


def loads(
    text: str | bytes,
    *,
    parse_float: Callable[[str], Any] | None = None,
    object_hook: Callable[[dict[str, Any]], Any] = lambda found: found,
) -> Any:
    """As `json.loads`. Raises ValueError for unreadable text, deep nesting included."""
    try:
        return json.loads(
            text,
            parse_float=parse_float,
            object_pairs_hook=lambda pairs: object_hook(_unique(pairs)),
        )
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = [name for name, _ in pairs]
    doubled = next(name for name in names if names.count(name) > 1)
    raise ValueError(f"the key {doubled[:64]!r} is there twice")
