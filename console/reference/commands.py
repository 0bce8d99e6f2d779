"""The page of commands: every `mlrisk` command with its arguments and options, from the parser."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from typer.main import get_command

from bot.authority.actors import POWERS, Power
from console.cli import EXIT_CODES, app
from console.reference.markdown import code, head, one_line, paragraphs, sentence, table
from console.runtime.acts import BY_LOGIN, OPEN, SIGNS, WITH_OPTION
from models.enums import OperatorRole

_HEAD = (
    f"{EXIT_CODES} A command's own text says when it ends with another status than 0.",
    "Options of many commands: `--home DIRECTORY` names the directory of the running system "
    "(default: `$MLRISK_HOME`, else the user's state). `--json` prints one JSON object to stdout "
    "in place of text. `--help` prints what stands here.",
    "`mlrisk --install-completion` teaches your shell to complete commands and options.",
    "*Authority* says what a command takes. A "
    "login is an operator's name, passphrase and one-time code; `mlrisk operator add` makes one. "
    "A command's own text says where less is enough.",
)


def text() -> str:
    """The page as it must be."""
    sections = (_section(path, command) for path, command in _commands(get_command(app)))
    return "\n".join((head("Commands", *_HEAD), *sections))


def _commands(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that acts or looks, by its words, in the order of `mlrisk --help`."""
    if not hasattr(group, "commands"):
        yield path, group
        return
    for name in group.commands:
        yield from _commands(group.commands[name], f"{path} {name}".strip())


def _section(path: str, command: Any) -> str:
    shown = [each for each in command.params if not getattr(each, "hidden", False)]
    arguments = [each for each in shown if each.param_type_name == "argument"]
    options = [each for each in shown if each.param_type_name == "option"]
    common = [each for each in options if _is_common(each)]
    own = [each for each in options if each not in common]
    context = typer.Context(command)
    usage = " ".join(("mlrisk", path, *map(_place, arguments), *(["[OPTIONS]"] if options else [])))
    parts = [f"## mlrisk {path}", *paragraphs(command.help or ""), f"Usage: {code(usage)}"]
    told = (
        table(("Argument", "Meaning"), ((code(_place(a)), _meaning(a)) for a in arguments)),
        table(("Option", "Default", "Meaning"), (_row(o, context) for o in own)),
    )
    parts += [each.rstrip() for each in told if each]
    if common:
        parts.append(f"Also: {', '.join(code(each.opts[0]) for each in common)}.")
    parts.append(f"Authority: {_authority(path)}")
    examples = one_line(command.epilog or "").removeprefix("Example: ")
    if examples:
        parts.append("```sh\n" + "\n".join(examples.split(", or ")) + "\n```")
    return "\n\n".join(parts) + "\n"


def _is_common(option: Any) -> bool:
    """Whether the head of the page explains it. A `--json` that takes a file is a command's own."""
    return "--home" in option.opts or ("--json" in option.opts and option.is_flag)


def _place(argument: Any) -> str:
    """An argument's place in the usage: its name, in brackets where it may be left out."""
    name = argument.metavar or argument.name.upper()
    if argument.nargs == -1:
        name += "..."
    return name if argument.required else f"[{name}]"


def _row(option: Any, context: typer.Context) -> tuple[str, str, str]:
    names = ", ".join(code(name) for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag else f" {code(option.metavar or option.display_type(context))}"
    if option.required:
        return names + value, "required", _meaning(option)
    return names + value, _default(option), _meaning(option)


def _default(option: Any) -> str:
    """The default of an option that takes a value; a flag is off, or said by its own text."""
    if option.is_flag:
        return code(option.opts[0]) if option.secondary_opts and option.default is True else ""
    default = option.default
    if isinstance(default, Enum):
        default = default.value
    if isinstance(default, bool) or not isinstance(default, str | int | float | Path):
        return ""
    return code(str(default))


def _meaning(parameter: Any) -> str:
    return sentence(getattr(parameter, "help", None) or "")


def _authority(path: str) -> str:
    if path in BY_LOGIN:
        power = Power(BY_LOGIN[path])
        able = " or ".join(code(role) for role in OperatorRole if power in POWERS[role])
        option = WITH_OPTION.get(path)
        only = "" if option is None else f"with `{option}` alone, "
        return f"{only}outside development a login, with the role {able}."
    if path in OPEN:
        signs = " `--operator` signs its report." if path in SIGNS else ""
        return f"it acts without a login, because {OPEN[path]}.{signs}"
    return "none, it only looks."
