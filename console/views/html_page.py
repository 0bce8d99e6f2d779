"""The pieces of an HTML file of our own: no script, no other file, dark and light, escaped text."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any

from console.output import utc
from models.amounts import shortest
from models.characters import visible

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1f24; --paper: #ffffff; --dim: #5b6470;
  --line: #d5dae1; --good: #146c2e; --bad: #b3261e; --mark: #2a5db0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --paper: #14171b; --dim: #9aa4b2;
  --line: #333a44; --good: #6fd08c; --bad: #ff8a80; --mark: #8ab4f8; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } .wide { overflow-x: auto; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }
.wide td { min-width: 5rem; }
th { color: var(--dim); font-weight: 600; } .dim { color: var(--dim); }
.bad { color: var(--bad); font-weight: 600; } .good { color: var(--good); }
svg { width: 100%; height: auto; } svg text { fill: var(--dim); font-size: 12px; }
svg .series { fill: none; stroke: var(--mark); stroke-width: 2; }
svg .bar { fill: var(--mark); } svg .rail { fill: none; stroke: var(--line); }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """The whole page with its title as the first heading. The parts are HTML already."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{text(title)}</h1>\n" + "\n".join(parts) + "\n</main>\n</body>\n</html>\n"
    )


def table(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """A table with a heading for each name."""
    if not rows:
        return '<p class="dim">none</p>'
    head = "".join(f'<th scope="col">{text(name.replace("_", " "))}</th>' for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{text(words(row[name]))}</td>" for name in names) + "</tr>\n"
        for row in rows
    )
    # What scrolls sideways on a narrow screen must be reached by the keyboard.
    label = text(f"table of {', '.join(names)}".replace("_", " "))
    return (
        f'<div class="wide" role="group" tabindex="0" aria-label="{label}">'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>"
    )


def pairs(rows: Iterable[tuple[str, Any]]) -> str:
    """A table of names and values."""
    body = "".join(
        f'<tr><th scope="row">{text(name)}</th><td>{text(words(value))}</td></tr>\n'
        for name, value in rows
    )
    return f"<table><tbody>\n{body}</tbody></table>"


def words(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, Decimal):
        return shortest(round(value, 8))
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def text(value: str) -> str:
    """The text for a page: escaped, and without characters that steer anything."""
    return escape(visible(value), quote=True)
