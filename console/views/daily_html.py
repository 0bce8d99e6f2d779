"""The daily report as one HTML file of our own: no script, no other file, dark and light."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from console.output import utc
from console.views.html_page import page, pairs, table, text, words

_WIDTH, _HEIGHT = 720, 180


def daily_html(facts: Mapping[str, Any]) -> str:
    """The whole page. Every text in it is escaped."""
    title = f"mlrisk {facts['account']}, {facts['day']}"
    parts = [
        _money(facts["money"]),
        _decisions(facts["decisions"]),
        f"<p>{text(facts['value_of_blocks'])}</p>",
        _trades(facts),
        _list("Breakers", facts["breakers"]["trips"], facts["breakers"]["count"], _TRIPS),
        _list("State changes", facts["states"]["entries"], facts["states"]["count"], _ENTRIES),
        _list("Acts of operators", facts["operators"]["entries"], facts["operators"]["count"],
              _ENTRIES),
        _list("Alerts", facts["alerts"]["list"], facts["alerts"]["count"], _ALERTS),
        _list("Models", facts["models"], len(facts["models"]), _MODELS),
    ]  # fmt: skip
    return page(title, parts)


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
    return f"<h2>Money</h2>\n{_curve(money['equity'])}\n{loss}\n{drawdown}\n{pairs(rows)}"


def _decisions(decisions: Mapping[str, Any]) -> str:
    rows = [(name, decisions[name]) for name in ("total", "allowed", "shrunk", "denied")]
    rows.append(("refused messages", decisions["refused_messages"]))
    reasons = [{"reason": name, "denials": n} for name, n in decisions["by_reason"].items()]
    checks = [{"check": name, "denials": n} for name, n in decisions["by_check"].items()]
    return (
        f"<h2>Decisions</h2>\n{pairs(rows)}\n{table(('reason', 'denials'), reasons)}\n"
        f"{table(('check', 'denials'), checks)}"
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
        f"<h2>Trades and costs</h2>\n{pairs(rows)}\n{table(_COSTS, facts['costs']['by_algorithm'])}"
    )


def _list(title: str, rows: Sequence[Mapping[str, Any]], count: int, names: Sequence[str]) -> str:
    more = "" if count <= len(rows) else f'<p class="dim">{count - len(rows)} more are left out</p>'
    return f"<h2>{text(title)}: {count}</h2>\n{table(names, rows)}{more}"


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
    told = f"equity from {words(points[0][1])} to {words(points[-1][1])}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{text(told)}">'
        f'<text x="0" y="14">{text(words(max(value for _, value in points)))}</text>'
        f'<polyline class="series" points="{places}"/>'
        f'<text x="0" y="{_HEIGHT - 4}">{text(words(min(value for _, value in points)))}, '
        f"{text(utc(begin))} to {text(utc(points[-1][0]))}</text></svg>"
    )


def _bar(name: str, share: float | None, limit: Decimal) -> str:
    """The used part of a limit as a bar."""
    if share is None:
        return f'<p class="dim">{text(name)}: unknown, limit {text(f"{limit:.2%}")}</p>'
    used = min(1.0, share / float(limit))
    style = "bad" if used >= 1.0 else "good"
    told = f"{name}: {share:.2%} of {limit:.2%}"
    return (
        f'<p class="{style}">{text(told)}</p>'
        f'<svg viewBox="0 0 {_WIDTH} 12" role="img" aria-label="{text(told)}">'
        f'<rect class="rail" x="0.5" y="0.5" width="{_WIDTH - 1}" height="11"/>'
        f'<rect class="bar" x="0" y="0" width="{used * _WIDTH:.1f}" height="12"/></svg>'
    )
