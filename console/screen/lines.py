"""The screen as one line of text, for logs and pipes."""

from console.foreign import visible_line
from console.output import utc
from console.screen.view import ScreenView
from models.amounts import shortest


def line(view: ScreenView) -> str:
    """State, money, counts and everything that is not well, in one line."""
    live = view.live
    if live is None:
        return visible_line(f"{utc(view.now)} {view.problem or 'waiting for the first reading'}")
    strictest = live.strictest
    verdicts = live.verdict_counts
    parts = [
        utc(live.at),
        strictest.state.upper() if strictest else "NO STATE",
        f"equity={shortest(live.money.equity) if live.money.equity is not None else '-'}",
        f"requests={sum(live.request_counts.values())}",
        *(f"{name}={verdicts.get(name, 0)}" for name in ("allow", "shrink", "deny")),
        f"children={sum(live.child_counts.values())}",
        f"fills={live.fill_count}",
    ]
    if view.market_age_seconds is not None:
        parts.append(f"market_age={view.market_age_seconds:.1f}s")
    tripped = [breaker.kind for breaker in live.breakers if breaker.tripped]
    if tripped:
        parts.append(f"breakers={','.join(tripped)}")
    if live.lease_problem is not None:
        parts.append("no_lease_exits_only")
    unwell = [p.name for p in view.processes if p.state != "RUNNING"]
    if unwell:
        parts.append(f"not_running={','.join(unwell)}")
    return visible_line(" ".join(parts))
