"""The daily report as one HTML file of our own: no script, no other file, dark and light."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any

from console.output import utc
from models.amounts import shortest
from models.characters import visible

_WIDTH, _HEIGHT = 720, 180
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
th { color: var(--dim); font-weight: 600; } .dim { color: var(--dim); }
.bad { color: var(--bad); font-weight: 600; } .good { color: var(--good); }
svg { width: 100%; height: auto; } svg text { fill: var(--dim); font-size: 12px; }
svg .series { fill: none; stroke: var(--mark); stroke-width: 2; }
svg .bar { fill: var(--mark); } svg .rail { fill: none; stroke: var(--line); }
"""


def daily_html(facts: Mapping[str, Any]) -> str:
    """The whole page. Every text in it is escaped."""
    title = f"mlrisk {facts['account']}, {facts['day']}"
    parts = [
        _money(facts["money"]),
        _decisions(facts["decisions"]),
        f"<p>{_text(facts['value_of_blocks'])}</p>",
        _trades(facts),
        _list("Breakers", facts["breakers"]["trips"], facts["breakers"]["count"], _TRIPS),
        _list("State changes", facts["states"]["entries"], facts["states"]["count"], _ENTRIES),
        _list("Acts of operators", facts["operators"]["entries"], facts["operators"]["count"],
              _ENTRIES),
        _list("Alerts", facts["alerts"]["list"], facts["alerts"]["count"], _ALERTS),
        _list("Models", facts["models"], len(facts["models"]), _MODELS),
    ]  # fmt: skip
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{_text(title)}</h1>\n" + "\n".join(parts) + "\n</main>\n</body>\n</html>\n"
    )


_TRIPS = ("at", "scope", "kind", "value", "limit", "reason", "resumed_at")
_ENTRIES = ("at", "kind", "subject", "actor", "reason")
_ALERTS = ("id", "level", "state", "count", "first_seen", "text")
_MODELS = ("strategy", "model_version", "predictions", "judged", "right", "stated")
_COSTS = ("algorithm", "trades", "notional", "cost", "weighted_bps", "fill_rate", "maker_share")


def _money(money: Mapping[str, Any]) -> str:
    rows = [
        ("equity at the start", money["start"]),
        ("equity at the end", money["end"]),
        ("profit and loss", money["pnl"]),
        ("lowest equity", money["low"]),
        ("highest equity ever", money["peak"]),
        ("deposits and withdrawals", money["cash_flows"]),
    ]
    loss = _bar("loss of the day", money["loss_share"], money["loss_limit"])
    drawdown = _bar("drawdown from the peak", money["drawdown_share"], money["drawdown_limit"])
    return f"<h2>Money</h2>\n{_curve(money['equity'])}\n{loss}\n{drawdown}\n{_pairs(rows)}"


def _decisions(decisions: Mapping[str, Any]) -> str:
    rows = [(name, decisions[name]) for name in ("total", "allowed", "shrunk", "denied")]
    rows.append(("refused messages", decisions["refused_messages"]))
    reasons = [{"reason": name, "denials": n} for name, n in decisions["by_reason"].items()]
    checks = [{"check": name, "denials": n} for name, n in decisions["by_check"].items()]
    return (
        f"<h2>Decisions</h2>\n{_pairs(rows)}\n{_table(('reason', 'denials'), reasons)}\n"
        f"{_table(('check', 'denials'), checks)}"
    )


def _trades(facts: Mapping[str, Any]) -> str:
    trades, fills, late = facts["trades"], facts["fills"], facts["lateness_ms"]
    rows = [
        ("trades ended", trades["ended"]),
        ("filled whole", trades["succeeded"]),
        ("average seconds", trades["average_seconds"]),
        ("fills", fills["count"]),
        ("notional", fills["notional"]),
        ("fees", fills["fees"]),
        ("slices sent late by, p50 in ms", late["p50"]),
        ("slices sent late by, p99 in ms", late["p99"]),
        ("costs that can't be computed", len(facts["costs"]["not_computed"])),
    ]
    return (
        f"<h2>Trades and costs</h2>\n{_pairs(rows)}\n"
        f"{_table(_COSTS, facts['costs']['by_algorithm'])}"
    )


def _list(title: str, rows: Sequence[Mapping[str, Any]], count: int, names: Sequence[str]) -> str:
    more = "" if count <= len(rows) else f'<p class="dim">{count - len(rows)} more are left out</p>'
    return f"<h2>{_text(title)}: {count}</h2>\n{_table(names, rows)}{more}"


def _table(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return '<p class="dim">none</p>'
    head = "".join(f'<th scope="col">{_text(name.replace("_", " "))}</th>' for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{_text(_words(row[name]))}</td>" for name in names) + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>'
        "</div>"
    )


def _pairs(rows: Iterable[tuple[str, Any]]) -> str:
    body = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td>{_text(_words(value))}</td></tr>\n'
        for name, value in rows
    )
    return f"<table><tbody>\n{body}</tbody></table>"


def _curve(points: Sequence[tuple[datetime, Decimal]]) -> str:
    """The day's equity as a line; a text instead of a line of fewer than two points."""
    if len(points) < 2:
        return '<p class="dim">the equity was not read</p>'
    values = [float(value) for _, value in points]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    begin = points[0][0]
    length = (points[-1][0] - begin).total_seconds() or 1.0
    places = " ".join(
        f"{(at - begin).total_seconds() / length * _WIDTH:.1f},"
        f"{20 + (high - float(value)) / span * (_HEIGHT - 40):.1f}"
        for at, value in points
    )
    told = f"equity from {_words(points[0][1])} to {_words(points[-1][1])}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_text(told)}">'
        f'<text x="0" y="14">{_text(_words(max(value for _, value in points)))}</text>'
        f'<polyline class="series" points="{places}"/>'
        f'<text x="0" y="{_HEIGHT - 4}">{_text(_words(min(value for _, value in points)))}, '
        f"{_text(utc(begin))} to {_text(utc(points[-1][0]))}</text></svg>"
    )


def _bar(name: str, share: float | None, limit: Decimal) -> str:
    """The used part of a limit as a bar."""
    if share is None:
        return f'<p class="dim">{_text(name)}: unknown, limit {_text(f"{limit:.2%}")}</p>'
    used = min(1.0, share / float(limit))
    style = "bad" if used >= 1.0 else "good"
    told = f"{name}: {share:.2%} of {limit:.2%}"
    return (
        f'<p class="{style}">{_text(told)}</p>'
        f'<svg viewBox="0 0 {_WIDTH} 12" role="img" aria-label="{_text(told)}">'
        f'<rect class="rail" x="0.5" y="0.5" width="{_WIDTH - 1}" height="11"/>'
        f'<rect class="bar" x="0" y="0" width="{used * _WIDTH:.1f}" height="12"/></svg>'
    )


def _words(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, Decimal):
        return shortest(round(value, 8))
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _text(value: str) -> str:
    """The text for a page: escaped, and without characters that steer anything."""
    return escape(visible(value), quote=True)
