"""Strategies with their stages, for people and as JSON."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.markup import escape

from bot.execution.orders.identity import strategy_tag
from bot.safety.strategies import demands
from bot.safety.strategies.evidence import Evidence
from config.keys.strategies import StrategyRules
from console.output import stdout, utc
from models.amounts import shortest
from models.repositories.strategies import KnownStage
from models.tables import StrategyRow


def facts(row: StrategyRow, known: KnownStage, last_drill_at: datetime | None) -> dict[str, Any]:
    """One strategy as plain JSON."""
    return {
        "name": row.name,
        "tag": strategy_tag(row.name),
        "owner": row.owner,
        "version": row.version,
        "stage": known.stage or row.stage,
        "stage_since": row.stage_since,
        "problem": known.reason or None,
        "limits": {
            "max_trade_notional": row.max_trade_notional,
            "max_exposure": row.max_exposure,
            "max_requests_per_second": row.max_requests_per_second,
        },
        "waiting": None
        if row.asked_stage is None
        else {"stage": row.asked_stage, "by": row.asked_by, "until": row.asked_until},
        "last_drill_at": last_drill_at,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
    }


def line(shown: dict[str, Any]) -> str:
    """One strategy in a line."""
    parts = [f"{shown['name']}  {shown['stage'].upper()} since {utc(shown['stage_since'])}"]
    parts += [f"{name} {shown[name]}" for name in ("owner", "version") if shown[name]]
    parts += [f"{name} {_number(most)}" for name, most in shown["limits"].items() if most]
    drill = shown["last_drill_at"]
    parts.append(f"last drill {'never' if drill is None else utc(drill)}")
    waits = shown["waiting"]
    if waits is not None:
        parts.append(
            f"promotion to {waits['stage']} asked by {waits['by']}, waits for a second person "
            f"until {utc(waits['until'])}"
        )
    if shown["problem"]:
        parts.append(f"counts as SHADOW: {shown['problem']}")
    return "; ".join(parts)


def evidence_facts(found: Evidence) -> dict[str, Any]:
    """The evidence as plain JSON."""
    return {**asdict(found), "blocked_by": dict(found.blocked_by)}


def print_evidence(found: Evidence, rules: StrategyRules) -> None:
    """What the strategy has shown at its stage, and what a promotion asks for."""
    out = stdout()
    out.print(f"   days at the stage: {found.days:.1f} (at least {rules.min_stage_days:g})")
    out.print(
        f"   decisions on entries: {found.decisions} (at least {rules.min_stage_decisions}); "
        f"{found.approved} approved, {found.only_staged} denied by the stage alone"
    )
    blocks = ", ".join(f"{reason} {count}" for reason, count in found.blocked_by) or "none"
    out.print(f"   other blocks: {escape(blocks)}")
    stated = "" if found.stated is None else f"; {found.stated:.2f} stated on average"
    fewer = f"(at most {rules.max_stage_shortfall:.1%} fewer than stated)"
    out.print(
        f"   outcomes of predictions: {found.right} of {found.outcomes} right{stated} {fewer}"
    )
    slippage = "unknown" if found.slippage_bps is None else f"{found.slippage_bps} bps"
    out.print(
        f"   slippage: {slippage} over {found.trades} entries with fills "
        f"(at most {shortest(rules.max_stage_slippage_bps)} bps)"
    )
    for demand in demands.missed(found.performance, rules):
        out.print(f"   [red]refuses a promotion[/]: {escape(demand)}")
    out.print(f"   trips of its breakers: {found.trips}")
    drill = found.last_drill_at
    out.print(f"   last drill: {'never' if drill is None else utc(drill)}")


def _number(value: Any) -> str:
    return str(value) if isinstance(value, int) else shortest(value)
