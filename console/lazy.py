"""The verbs of the command line, each imported when it is asked for.

A command's module imports at its top everything that the command needs: the database, the exchange,
the screen. Naming all commands costs nothing, because `mlrisk --help` shows the sentences kept
here.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

SETTINGS: Mapping[str, Any] = {
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
    "rich_markup_mode": "rich",
}
"""The options of every Typer application of the command line."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A command or a group of commands: its module below `console.commands`, such as `system.up`,
    and its sentence."""

    module: str
    sentence: str
    is_group: bool = False


class LazyGroup(TyperGroup):
    """A group that imports its commands one by one."""

    verbs: ClassVar[Mapping[str, Verb]] = MappingProxyType({})

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Loaded(self.verbs)

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the table; nothing is imported."""
        del ctx
        return list(self.verbs)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The group's help, from the sentences alone."""
        with self._sentences():
            super().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """What the shell offers for the begin of a verb, from the sentences alone."""
        with self._sentences():
            return super().shell_complete(ctx, incomplete)

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Meanwhile a command is its sentence, and none is imported."""
        loaded = self.commands
        self.commands = {name: _listed(name, verb) for name, verb in self.verbs.items()}
        try:
            yield
        finally:
            self.commands = loaded


class _Loaded(MutableMapping[str, Any]):
    """Commands by name, imported at the first look."""

    def __init__(self, verbs: Mapping[str, Verb]) -> None:
        self._verbs = verbs
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _load(name, self._verbs[name])
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._verbs

    def __iter__(self) -> Iterator[str]:
        return iter(self._verbs)

    def __len__(self) -> int:
        return len(self._verbs)


def _load(name: str, verb: Verb) -> Any:
    command: Any
    module = import_module(f"console.commands.{verb.module}")
    if verb.is_group:
        command = typer.main.get_group(module.app)
    else:
        app = typer.Typer(add_completion=False, **SETTINGS)
        module.register(app)
        command = typer.main.get_command(app)
    command.name = name
    return command


def _listed(name: str, verb: Verb) -> Any:
    return TyperCommand(name, help=verb.sentence)
