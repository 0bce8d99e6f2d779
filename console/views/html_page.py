"""The pieces of an HTML file of our own: no script, no other file, dark, light and printed,
escaped text."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any

from console.output import utc
from console.pictures import svg
from console.pictures.colours import DARK, DARK_GROUND, LIGHT, LIGHT_GROUND, variables
from models.amounts import shortest
from models.characters import visible

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The page's own policy: whatever a text might contain, a browser runs and loads nothing."""
_STYLE = f"""
:root {{ color-scheme: light dark; {variables(LIGHT, LIGHT_GROUND)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {variables(DARK, DARK_GROUND)} }} }}
body {{ font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 60rem; margin: 0 auto; padding: 1rem; }}
h1 {{ font-size: 1.4rem; overflow-wrap: anywhere; }} h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; color: var(--dim); padding: .25rem 0; }}
figure {{ margin: 1rem 0; }} figcaption {{ color: var(--dim); }}
.wide {{ overflow-x: auto; margin: .5rem 0 1rem; }} p {{ overflow-wrap: anywhere; }}
.wide td {{ min-width: 5rem; }}
.wide:focus-visible {{ outline: 3px solid var(--series); outline-offset: 2px; }}
th, td {{ text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--grid);
  vertical-align: top; overflow-wrap: anywhere; }}
th {{ color: var(--dim); font-weight: 600; }} thead th {{ overflow-wrap: normal; }}
.dim {{ color: var(--dim); }} .good {{ color: var(--good); }}
.bad {{ color: var(--bad); font-weight: 600; }}
.mark {{ border: 2px dashed currentColor; padding: .25rem; text-align: center; font-weight: 700;
  letter-spacing: .12em; color: var(--near); }}
{svg.style()}
@media print {{ :root {{ color-scheme: light; {variables(LIGHT, LIGHT_GROUND)} }}
  body {{ max-width: none; padding: 0; font-size: 10pt; }} .wide {{ overflow: visible; }}
  figure, tr {{ break-inside: avoid; }} h2 {{ break-after: avoid; }}
  thead {{ display: table-header-group; }} }}
"""


def page(title: str, parts: Iterable[str]) -> str:
    """The whole page with its title as the first heading. The parts are HTML already."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
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
