"""Draws pages and panels from templates, where every text is escaped and controls are shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from console.output import utc
from console.screen import words
from console.views.live import parent_words
from console.web import drawing
from console.web.facts import Facts
from models.amounts import shortest
from models.characters import visible_line

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the page: its title, and the source of its facts."""

    name: str
    title: str
    source: str
    slow: bool = False
    """Whether it shows what is read every few seconds."""


PANELS = (
    Panel("state", "Trading state and lease", "Postgres: trading states, lease"),
    Panel("money", "Equity and losses", "Postgres: equity readings; limits in force", slow=True),
    Panel("limits", "Limits, fullest first", "Postgres: checks of approved trades"),
    Panel("value", "What blocks were worth, 30 days", "Postgres: ledger of blocks", slow=True),
    Panel("requests", "Requests and decisions", "Postgres: requests, decisions"),
    Panel("orders", "Orders under way", "Postgres: parents and their children"),
    Panel("positions", "Positions and protective stops", "Postgres: fills, stops seen resting"),
    Panel("breakers", "Breakers", "Postgres: breakers and their trips", slow=True),
    Panel("record", "The exchange's record beside ours", "Postgres: reconciliation", slow=True),
    Panel("alerts", "Alerts", "Postgres: alerts", slow=True),
    Panel("models", "Model health, 7 days", "Postgres: predictions and outcomes", slow=True),
    Panel("queues", "Queues", "Redis: lengths; Postgres: canaries", slow=True),
    Panel("processes", "Processes", "supervisor; Postgres: heartbeats"),
)
"""The panels in the order of the page."""


def _finalize(value: Any) -> Any:
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return visible_line(value)


def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "money": words.money,
        "signed": lambda value: words.money(value, signed=True),
        "amount": lambda value: "–" if value is None else shortest(Decimal(value)),
        "price": lambda value: "–" if value is None else words.price(Decimal(value)),
        "clock": lambda at: "–" if at is None else words.clock(at),
        "utc": lambda at: "–" if at is None else utc(at),
        "seconds": words.seconds,
        "ms": words.milliseconds,
        "percent": lambda share: "–" if share is None else f"{share:.0%}",
        "percent2": lambda share: "–" if share is None else f"{share:.2%}",
        "plain": lambda text: str(text).replace("_", " "),
    }
    found.globals |= {
        "bar": drawing.bar,
        "curve": drawing.curve,
        "level_of": drawing.level_of,
        "standing_words": parent_words.standing_words,
    }
    return found


_ENVIRONMENT = _environment()


def page(template: str, **values: Any) -> str:
    """A whole page."""
    return _ENVIRONMENT.get_template(template).render(**values)


def panels_of(facts: Facts) -> dict[str, str]:
    """Each panel's inside, by its name."""
    return {
        panel.name: _ENVIRONMENT.get_template(f"panels/{panel.name}.html").render(
            facts=facts,
            view=facts.view,
            live=facts.view.live,
            books=facts.books,
            slow=facts.slow,
        )
        for panel in PANELS
    }


def ages_of(facts: Facts) -> dict[str, str]:
    """When each panel's facts were read, in words."""
    books = None if facts.books is None else facts.books.at
    slow = None if facts.slow is None else facts.slow.at
    return {panel.name: _age(facts, slow if panel.slow else books) for panel in PANELS}


def _age(facts: Facts, at: datetime | None) -> str:
    if at is None:
        return "not read yet"
    return f"read {words.clock(at)} UTC, {words.seconds(facts.age_of(at))} old"


def state_line(facts: Facts) -> str:
    """The state of trading and of the lease in one line, for those who hear the page."""
    live = facts.view.live
    if live is None:
        return f"UNKNOWN: {facts.view.problem or 'not read yet'}"
    strictest = live.strictest
    if strictest is None:
        return "NO STATE: nothing may trade"
    said = strictest.state.upper()
    if not strictest.state.allows_adding:
        sealed = "sealed" if strictest.sealed else "not sealed yet"
        return f"{said} {strictest.scope}: {strictest.reason} ({sealed})"
    if live.lease_problem is not None:
        return f"{said}, but no lease to trade stands: only exits are allowed"
    return f"{said}; the lease to trade stands"


def mood_of(facts: Facts) -> str:
    """The class of the state: `well`, `near` or `full`."""
    live = facts.view.live
    if live is None or live.strictest is None or not live.strictest.state.allows_adding:
        return "full"
    well = live.lease_problem is None and live.strictest.state == "active"
    return "well" if well else "near"


def event_of(facts: Facts, panels: Mapping[str, str]) -> dict[str, Any]:
    """What one event carries."""
    return {
        "state": state_line(facts),
        "mood": mood_of(facts),
        "ages": ages_of(facts),
        "panels": dict(panels),
    }
