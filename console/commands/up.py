"""placeholder while topology is being written"""

import typer


def register(app: typer.Typer) -> None:
    app.command("up")(up)


def up() -> None:
    """up"""
