"""What-if: the gate's answer on the live snapshot, without any trace."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from bot.clock import Clock
from bot.decision.decide import decide
from bot.execution.policy.planning import ParentPlan
from bot.execution.ports import MarketCache
from bot.execution.working import precedence
from bot.risk.decision import Decision
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from bot.state import snapshots


@dataclass(frozen=True, slots=True)
class WhatIf:
    """An answer without effect, with the snapshot behind it."""

    decision: Decision
    plan: ParentPlan | None
    snapshot: RiskSnapshot


def what_if(
    session: Session,
    intent: TradeIntent,
    market: MarketCache,
    limits: RiskLimits,
    clock: Clock,
) -> WhatIf:
    """Decides by the same functions as a live decision; the session may be read-only."""
    read = market.read(intent.symbol)
    # The time is read after the market, or the market would be from the future.
    whole, _ = snapshots.take(session, intent, read, clock.now())
    snapshot = precedence.of(session, intent, locked=False).out_of(whole, intent)
    outcome = decide(intent, snapshot, limits)
    return WhatIf(outcome.decision, outcome.plan, snapshot)
