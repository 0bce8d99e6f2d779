"""A stress test for people: one line for lists, and its report."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape


def stress_line(report: Mapping[str, Any]) -> str:
    """What was offered and how the decisions came, in one line."""
    decisions, load = report["decisions"], report["load"]
    return (
        f"{report['offered']['messages']} messages in {load['seconds']:g} s, "
        f"{decisions['count']} decisions ({_times(decisions)}), {report['orders_sent']} orders, "
        f"{report['volume']} traded"
    )


def print_stress(out: Console, number: int, report: Mapping[str, Any]) -> None:
    """Prints the whole report."""
    problems = report["problems"]
    verdict = "[red]FAILED[/]" if problems else "[green]passed[/]"
    out.print(f"drill {number} {verdict}: {escape(stress_line(report))}")
    load = report["load"]
    out.print(
        f"load: {load['messages']} messages, {load['orders']} orders, {load['volume']} of volume, "
        "twice the busiest minute"
    )
    if load["by_default"]:
        names = ", ".join(load["by_default"])
        out.print(f"no history of {escape(names)}: the stated defaults stand in")
    verdicts = ", ".join(
        f"{count} {name}" for name, count in report["decisions"]["verdicts"].items()
    )
    out.print(
        f"decisions: {escape(verdicts) or 'none'}; {report['offered']['beyond_quota']} messages "
        "beyond the strategy's quota were refused"
    )
    fullest = report["fullest_limit"]
    if fullest is not None:
        out.print(
            f"fullest limit: {escape(fullest['check'])} at {fullest['share']:.1%} "
            f"({escape(fullest['value'])} of {escape(fullest['limit'])})"
        )
    told = ", ".join(f"{name} {verdict}" for name, verdict in report["invariants"].items())
    out.print(f"invariants: {escape(told)}")
    tripped = ", ".join(report["breakers_tripped"])
    out.print(f"breakers that tripped meanwhile: {escape(tripped) or 'none'}")
    for problem in problems:
        out.print(f"[red]problem[/]: {escape(problem)}")


def _times(decisions: Mapping[str, Any]) -> str:
    """The quantiles of the time from a request to its decision."""
    if not decisions["count"]:
        return "none came"
    return (
        f"half within {decisions['p50_seconds']:.3f} s, 99 % within "
        f"{decisions['p99_seconds']:.3f} s, the slowest after {decisions['slowest_seconds']:.3f} s"
    )
