"""Writes the pages of `docs/reference/` from the code: `python -m console.published`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from console.reference import alerts, algorithms, audit, checks, commands, environment

ROOT = Path(__file__).parents[1]
FOLDER = "docs/reference"
PAGES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        f"{FOLDER}/alerts.md": alerts.text,
        f"{FOLDER}/algorithms.md": algorithms.text,
        f"{FOLDER}/audit.md": audit.text,
        f"{FOLDER}/checks.md": checks.text,
        f"{FOLDER}/commands.md": commands.text,
        f"{FOLDER}/environment.md": environment.text,
    }
)
"""What makes the text of each page, by its path from the repository's root."""


def main() -> None:
    """Write the pages that are out of date."""
    for path, text in PAGES.items():
        file = ROOT / path
        written = text()
        if not file.exists() or file.read_text(encoding="utf-8") != written:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
