"""placeholder while topology is being written"""

import typer


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo() -> None:
    """demo"""
