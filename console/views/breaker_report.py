"""How good each breaker was over a period, as facts and as a table for people."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.risk.breakers.tiers import DrawdownTier
from bot.safety.breakers import tier_history
from bot.safety.breakers.quality import DEFINITIONS, Quality
from bot.safety.breakers.tier_history import UNKNOWN
from console.output import utc

_NONE = "-"


def facts_of(
    found: Sequence[Quality],
    since: datetime,
    until: datetime,
    recorded: Sequence[str] = (),
    tiers: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """The figures of each kind, the period and what each figure means. `recorded` names the symbols
    of a replay, which has no account and so no `tiers` of its drawdown."""
    period = (until - since).total_seconds()
    definitions = dict(DEFINITIONS)
    if tiers is not None:
        definitions["drawdown tiers"] = tier_history.DEFINITION
    return {
        "since": since,
        "until": until,
        "recorded_symbols": list(recorded),
        "definitions": definitions,
        "drawdown_tier_seconds": None if tiers is None else dict(tiers),
        "breakers": [
            {
                "kind": one.kind,
                "trips": one.trips,
                "tripped_seconds": dict(one.seconds),
                "share_of_period": sum(one.seconds.values()) / period if period > 0 else None,
                "false_trips": one.false_trips,
                "false_share": one.false_share,
                "trips_to_flat": one.flat,
                "mean_loss_to_flat": one.mean_loss,
                "worst_loss_to_flat": one.worst_loss,
                "ended": one.ended,
                "re_trips": one.re_trips,
                "re_trip_share": one.re_trip_share,
            }
            for one in found
        ],
    }


def print_report(out: Console, facts: dict[str, Any]) -> None:
    """The table, then the meaning of its columns."""
    recorded = facts["recorded_symbols"]
    of = f", replayed from recorded minutes of {', '.join(recorded)}" if recorded else ""
    out.print(f"{utc(facts['since'])} to {utc(facts['until'])}{of}", markup=False)
    if not facts["breakers"]:
        out.print("no breaker was tripped")
    else:
        out.print(_table(facts["breakers"]))
    tiers = facts["drawdown_tier_seconds"]
    if tiers is not None:
        told = ", ".join(f"{tier} {_hours(tiers[tier])}" for tier in _told(tiers))
        out.print(f"drawdown tiers: {told}", markup=False)
    for word, meaning in facts["definitions"].items():
        out.print(f"{word}: {meaning}", markup=False)


def _told(tiers: Mapping[str, float]) -> list[str]:
    """The tiers from the mildest on; the unknown time comes last, and only where there is some."""
    known = [tier.value for tier in DrawdownTier]
    return known + [UNKNOWN] * (tiers[UNKNOWN] > 0)


def _table(rows: Iterable[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("breaker")
    for title in ("trips", "time", "false trips", "loss to flat", "worst", "re-trips"):
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(
            escape(row["kind"]),
            str(row["trips"]),
            _times(row["tripped_seconds"]),
            _part(row["false_trips"], row["false_share"]),
            _percent(row["mean_loss_to_flat"]),
            _percent(row["worst_loss_to_flat"]),
            _part(row["re_trips"], row["re_trip_share"]),
        )
    return table


def _times(seconds: dict[str, float]) -> str:
    return ", ".join(f"{_hours(each)} {action}" for action, each in sorted(seconds.items()))


def _hours(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _part(count: int, share: float | None) -> str:
    return _NONE if share is None else f"{count} ({share:.0%})"


def _percent(loss: Decimal | None) -> str:
    return _NONE if loss is None else f"{loss:.3%}"
