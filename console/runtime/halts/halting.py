"""The scope of a halt, a resume or a recovery, as a person names it."""

from typing import Annotated

import typer

from bot.state import scope
from bot.state.scope import Scope
from config.settings import Settings

ScopeOption = Annotated[
    str,
    typer.Option(
        "--scope", help="global, account, strategy:NAME or symbol:SYMBOL.", show_default=True
    ),
]


def scope_of(text: str, settings: Settings) -> Scope:
    """The named scope; `account` is the settings' own. Raises Refused."""
    return scope.parse(text, settings.account)
