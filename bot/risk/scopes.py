"""The trading state that applies when several scopes have one: the strictest wins."""

from collections.abc import Iterable

from bot.risk.snapshot import ScopeState


def strictest(states: Iterable[ScopeState]) -> ScopeState | None:
    """The strictest state; None when no scope reported one, which callers treat as unknown."""
    worst: ScopeState | None = None
    for scope_state in states:
        if worst is None or scope_state.state.strictness > worst.state.strictness:
            worst = scope_state
    return worst
