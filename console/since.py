"""Shared parts of the commands that look back from now: the option, and the display of its
facts."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy.orm import Session

from console.context import reading, settings_of
from console.output import print_json, stdout
from console.runtime.configuring import duration_of

SinceOption = Annotated[str, typer.Option("--since", help="30s, 15m, 1h, 7d.")]


def show_since(
    ctx: typer.Context,
    home: Path | None,
    since: str,
    facts_since: Callable[[Session, datetime], dict[str, Any]],
    show: Callable[[Console, dict[str, Any]], None],
    *,
    as_json: bool,
) -> None:
    """Reads the facts since that long ago and shows them, for people or as one JSON object."""
    start = datetime.now(UTC) - duration_of(since)
    with reading(settings_of(ctx, home).require_database_url()) as session:
        facts = facts_since(session, start)
    if as_json:
        print_json(facts)
    else:
        show(stdout(), facts)
