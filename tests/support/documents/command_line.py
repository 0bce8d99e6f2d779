"""The whole command line of `mlrisk`, as its parser has it."""

from collections.abc import Iterator
from typing import Any


def commands(at: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each command that does something, by the words that name it."""
    if not hasattr(at, "commands"):
        yield path, at
        return
    for name, command in at.commands.items():
        yield from commands(command, f"{path} {name}".strip())
