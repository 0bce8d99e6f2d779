"""placeholder while topology is being written"""

import typer


def register(app: typer.Typer) -> None:
    app.command("down")(down)


def down() -> None:
    """down"""
