"""How a strategy's row is locked and set to a stage, and what follows for its entries under way."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.authority.actors import Actor, named, record
from bot.clock import Clock
from bot.execution.orders.reasons import Reason
from bot.execution.orders.stopping import ParentStopper, Stopped
from bot.risk.portfolio.kinds import AlertLevel
from bot.safety.halting.reach import LOCK_WAIT_MS
from models.audit import GLOBAL_CHAIN
from models.database import Database, UnitOfWork
from models.enums import EndCause, ScopeKind, StrategyStage
from models.repositories import strategies
from models.repositories.safety import scoping
from models.tables import StrategyRow

log = logging.getLogger(__name__)

STAGE_CHANGED = "strategy_stage_changed"


@dataclass(frozen=True, slots=True)
class StageCause:
    """Why, by whom and when a stage is set."""

    reason: str
    actor: Actor
    at: datetime


def locked(
    uow: UnitOfWork, name: str, unknown_stage: StrategyStage, actor: Actor, now: datetime
) -> StrategyRow:
    """The strategy's row, locked. An unknown strategy gets one at its present stage; a row that
    differs from the audit is set to SHADOW, with an entry of its own."""
    row = strategies.named(uow.session, name, lock=True)
    known = strategies.stage_of(uow.session, name)
    if row is not None and not known.reason:
        return row
    stage = known.stage or unknown_stage
    if row is None:
        row = StrategyRow(
            name=name,
            owner="",
            version="",
            stage=stage,
            stage_since=now,
            epoch=known.epoch,
            created_at=now,
            changed_at=now,
        )
        uow.session.add(row)
    row.epoch = known.epoch + (1 if known.reason else 0)
    move(uow, row, stage, StageCause(known.reason or "its row is new", actor, now))
    uow.session.flush()
    return row


def move(
    uow: UnitOfWork,
    row: StrategyRow,
    to: StrategyStage,
    cause: StageCause,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Sets a locked row to a stage, with the audit entry that proves it."""
    before, now = row.stage, cause.at
    row.stage, row.stage_since, row.changed_at = to, now, now
    row.asked_stage = row.asked_by = row.asked_until = None
    said = {"stage": to.value, "epoch": row.epoch, "from": before.value, "reason": cause.reason}
    subject = strategies.subject_of(row.name)
    record(
        uow, GLOBAL_CHAIN, strategies.STAGED, subject, cause.actor, {**said, **(more or {})}, now
    )
    if before is not to:
        log.warning(
            "strategy %s goes from %s to %s: %s",
            row.name,
            before,
            to,
            cause.reason,
            extra={
                "event": STAGE_CHANGED,
                "alert": AlertLevel.WARNING.value,
            },
        )


def end_entries(db: Database, clock: Clock, name: str, to: StrategyStage, actor: Actor) -> Stopped:
    """Ends the entries under way of a strategy that was demoted. Exits go on."""
    return ParentStopper(db, clock, lock_wait_ms=LOCK_WAIT_MS).stop_all(
        Reason(f"halted: the strategy was demoted to {to}", EndCause.HALTED),
        named(actor),
        exits=False,
        only=scoping.parents_of(ScopeKind.STRATEGY, name),
    )
