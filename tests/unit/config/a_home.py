"""What a home and its environment say."""

import json
from pathlib import Path

from config.homes import environment_file


def running_system(home: Path, **values: str) -> None:
    path = environment_file(home)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(values), encoding="utf-8")


def secret_file(directory: Path, content: str) -> str:
    path = directory / "secret.txt"
    path.write_text(content, encoding="utf-8")
    return str(path)
