"""The daily report as a document."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.tca.resampling import Estimate
from console.pictures.picture import Role
from console.pictures.rows import Group, Row, rows_picture
from console.reports.cost_plots import UNIT, interval, trades_word
from console.reports.document import (
    Block,
    Document,
    Frame,
    Note,
    Plot,
    Section,
    Table,
    pairs_of,
    table_of,
)
from console.reports.money import money_section

_TRIPS = ("at", "scope", "kind", "value", "limit", "reason", "resumed_at")
_ENTRIES = ("at", "kind", "subject", "actor", "reason")
_ALERTS = ("id", "level", "state", "count", "first_seen", "text")
_MODELS = ("strategy", "model_version", "predictions", "judged", "right", "stated")
_COSTS = ("algorithm", "trades", "notional", "cost", "weighted_bps", "fill_rate", "maker_share")
_MOST_REASONS = 30


def daily_document(facts: Mapping[str, Any], frame: Frame) -> Document:
    """Everything that `mlrisk report daily` knows about the day."""
    return Document(
        frame,
        (
            money_section(facts["money"]),
            Section("Decisions", _decisions(facts["decisions"], facts["value_of_blocks"])),
            Section("Trades and costs", _trades(facts)),
            Section("Lateness of slices", _lateness(facts)),
            _listed("Breakers", facts["breakers"]["trips"], facts["breakers"]["count"], _TRIPS),
            _listed(
                "State changes", facts["states"]["entries"], facts["states"]["count"], _ENTRIES
            ),
            _listed(
                "Acts of operators",
                facts["operators"]["entries"],
                facts["operators"]["count"],
                _ENTRIES,
            ),
            _listed("Alerts", facts["alerts"]["list"], facts["alerts"]["count"], _ALERTS),
            _listed("Models", facts["models"], len(facts["models"]), _MODELS),
        ),
    )


def _decisions(decisions: Mapping[str, Any], value_of_blocks: str) -> tuple[Block, ...]:
    rows = [(name, decisions[name]) for name in ("total", "allowed", "shrunk", "denied")]
    rows.append(("refused messages", decisions["refused_messages"]))
    checks = [{"check": name, "denials": n} for name, n in decisions["by_check"].items()]
    return (
        pairs_of("Decisions of the day", rows),
        _by_reason(decisions),
        table_of("Denials by check", ("check", "denials"), checks),
        Note(value_of_blocks),
    )


def _by_reason(decisions: Mapping[str, Any]) -> Plot:
    """The outcomes, and the reasons of the denials. A decision may have several reasons."""
    outcomes = [
        _count(name, decisions[name], role)
        for name, role in (
            ("allowed", Role.GOOD),
            ("shrunk", Role.NEAR),
            ("denied", Role.BAD),
        )
    ]
    reasons = list(decisions["by_reason"].items())
    groups = [Group("Outcome", outcomes)]
    if reasons:
        shown = [_count(name, count, Role.SERIES) for name, count in reasons[:_MOST_REASONS]]
        groups.append(Group("Denied because of", shown))
    told = ", ".join(f"{count} {name}" for name, count in _outcomes(decisions))
    table = table_of(
        "Denials by reason",
        ("reason", "denials"),
        [{"reason": name, "denials": count} for name, count in reasons],
    )
    caption = "A denied request counts for each of its reasons."
    return Plot(rows_picture(groups, "decisions", f"decisions: {told}"), caption, table)


def _outcomes(decisions: Mapping[str, Any]) -> list[tuple[str, int]]:
    return [(name, decisions[name]) for name in ("allowed", "shrunk", "denied")]


def _count(name: str, count: int, role: Role) -> Row:
    return Row(name, count, str(count), role, is_bar=True)


def _trades(facts: Mapping[str, Any]) -> tuple[Block, ...]:
    trades, fills, costs = facts["trades"], facts["fills"], facts["costs"]
    rows = (
        ("trades ended", trades["ended"]),
        ("filled whole", trades["succeeded"]),
        ("average seconds", trades["average_seconds"]),
        ("fills", fills["count"]),
        ("notional, quote currency", fills["notional"]),
        ("fees, quote currency", fills["fees"]),
        ("costs that can't be computed", len(costs["not_computed"])),
    )
    return (pairs_of("Trades and fills", rows), _costs(costs["by_algorithm"]))


def _costs(summaries: Sequence[Mapping[str, Any]]) -> Block:
    """The costs that `mlrisk tca` computes, by algorithm."""
    table = table_of("Costs by algorithm", _COSTS, summaries)
    if not summaries:
        return table
    groups = [
        Group(
            f"{one['algorithm']}, {trades_word(one['trades'])}",
            (
                _mean("fills against arrival", Estimate(**one["trading_bps"]), Role.SERIES),
                _mean("whole cost against decision", Estimate(**one["total_bps"]), Role.DIM),
            ),
        )
        for one in summaries
    ]
    told = "; ".join(
        f"{one['algorithm']} {interval(Estimate(**one['total_bps']))}" for one in summaries
    )
    picture = rows_picture(groups, UNIT, f"mean cost in bps by algorithm: {told}")
    caption = "A dot is a mean over trades, the line through it its 95 % interval (bootstrap)."
    return Plot(picture, caption, table)


def _mean(name: str, of: Estimate, role: Role) -> Row:
    return Row(name, of.value, interval(of), role, of.low, of.high)


def _lateness(facts: Mapping[str, Any]) -> tuple[Block, ...]:
    late, counts = facts["lateness_ms"], facts["lateness_counts"]
    rows = (("p50, ms", late["p50"]), ("p99, ms", late["p99"]))
    sent = sum(one["slices"] for one in counts)
    if not sent:
        return (Note("No slice was sent.", "dim"),)
    names = _edges([one["under_ms"] for one in counts])
    bars = [
        _count(name, one["slices"], Role.SERIES) for name, one in zip(names, counts, strict=True)
    ]
    told = f"{sent} slices were sent; half of them at most {late['p50']} ms late"
    table = Table(
        "Slices by lateness", ("lateness", "slices"), tuple((bar.name, bar.shown) for bar in bars)
    )
    picture = rows_picture((Group("", bars),), "slices", told)
    caption = "The time from a slice's plan to its sending."
    return (Plot(picture, caption, table), pairs_of("Sent late by", rows))


def _edges(ends: Sequence[float | None]) -> list[str]:
    names, begin = [], None
    for end in ends:
        if end is None:
            names.append(f"{begin:g} ms and more")
        else:
            names.append(f"under {end:g} ms" if begin is None else f"{begin:g} to {end:g} ms")
        begin = end
    return names


def _listed(
    title: str, rows: Sequence[Mapping[str, Any]], count: int, names: Sequence[str]
) -> Section:
    return Section(f"{title}: {count}", (table_of(title, names, rows, count=count),))
