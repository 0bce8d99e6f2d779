"""The finite run's report as a person reads it."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from console.views.report import passed

_SHOWN_LIMITS = 6
_SHOWN_VIOLATIONS = 5


def print_summary(out: Console, report: Mapping[str, Any]) -> None:
    """Prints the counts, then the speed, then the invariants."""
    decisions = report["decisions"]
    out.print(
        f"[bold]{report['requests']} requests[/]: {decisions['allow']} allowed, "
        f"{decisions['shrink']} shrunk, {decisions['deny']} denied"
    )
    for reason, count in decisions["by_reason"].items():
        out.print(f"   {count} × {escape(reason)}")
    out.print(f"parents {_counts(report['parents'])}; children {_counts(report['child_orders'])}")
    slippage = report["slippage_bps"]
    out.print(
        f"{report['fills']} fills of {escape(str(report['notional_filled']))} USDT, slippage "
        f"{'–' if slippage is None else f'{slippage:+.2f} bps'} against the decision's price"
    )
    out.print(
        f"enqueue to exchange-accepted {_speed(report['latency_ms'])}; "
        f"slices late by {_speed(report['slice_lateness_ms'])}"
    )
    fullest = sorted(report["limits"].items(), key=lambda item: -item[1]["share"])
    used = ", ".join(f"{escape(name)} {use['share']:.0%}" for name, use in fullest[:_SHOWN_LIMITS])
    out.print(f"fullest limits: {used or 'none used'}")
    _print_alerts(out, report["alerts"])
    total = sum(report["memory_mb"].values())
    out.print(f"memory {total:.0f} MB in {len(report['memory_mb'])} processes")
    for name, answer in report["invariants"].items():
        _print_invariant(out, name, answer)
    stopped = "[green]yes[/]" if report["stopped_cleanly"] else "[red]no[/]"
    out.print(f"every process stopped when asked to: {stopped}")
    out.print("[bold green]all holds[/]" if passed(report) else "[bold red]NOT ok[/]")


def _print_alerts(out: Console, alerts: Sequence[Mapping[str, Any]]) -> None:
    if not alerts:
        out.print("0 alerts")
        return
    out.print(f"[yellow]{len(alerts)} alerts[/]")
    for one in alerts[:_SHOWN_VIOLATIONS]:
        times = "" if one["count"] == 1 else f" {one['count']} times"
        out.print(f"   {one['level']}{times}: {escape(one['text'])}")


def _print_invariant(out: Console, name: str, answer: Any) -> None:
    if answer == "ok":
        out.print(f"{escape(name)} [green]ok[/]")
        return
    out.print(f"{escape(name)} [red]violated[/] ({len(answer)})")
    for violation in answer[:_SHOWN_VIOLATIONS]:
        out.print(f"   {escape(violation)}")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {escape(name)}" for name, count in counts.items()) or "none"


def _speed(speed: Mapping[str, float | None]) -> str:
    if speed["p50"] is None:
        return "not measured"
    return f"p50 {speed['p50']:.0f} ms, p99 {speed['p99']:.0f} ms"
