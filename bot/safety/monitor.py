"""Watching an account: changed states, disagreement with the exchange, the audit chain, heartbeats.

A tripped breaker stays tripped until an operator resets it
(`bot/safety/recovery/resetting.py`). One reading is a glitch until the next ones confirm it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.account.reconciliation import AccountReport
from bot.clock import Clock
from bot.execution.ports import LimitsSource
from bot.risk.portfolio.kinds import AlertLevel
from bot.safety.audit import watch as audit_watch
from bot.safety.halting import global_state
from bot.state import breakers, external_halt
from models.audit_progress import verify_on
from models.database import Database, UnitOfWork
from models.enums import CircuitBreakerType
from models.locks import lock_account
from models.repositories.safety import disagreements, heartbeats, states
from models.repositories.safety.bases import CONFIRMATIONS
from models.tables import DisagreementRow

log = logging.getLogger(__name__)


@dataclass
class Monitor:
    """Judges one account. Its counts are rows, so that restarts and several processes keep them."""

    db: Database
    account: str
    limits: LimitsSource
    clock: Clock

    def judge_states(self) -> bool:
        """Halts when a trading state's row differs from the audit; returns True if it did.

        Claims and decisions refuse from the change on; the halt makes it known and lasting.
        """
        with self.db.reading() as session:
            found = states.contradictions(session)
        if not found:
            return False
        text = "; ".join(f"{one.kind} {one.key}: {one.why}" for one in found)
        with self.db.unit_of_work() as uow:
            reason = f"a trading state was changed without mlrisk: {text}"
            already = global_state.set_halted(
                uow, reason=reason, actor="monitor", now=self.clock.now()
            )
            uow.commit()
        if not already:
            log.critical(
                "HALTED: %s",
                reason,
                extra={"event": "trading_halted", "alert": AlertLevel.CRITICAL.value},
            )
        return not already

    def judge_reconciliation(self, report: AccountReport) -> None:
        """Reports foreign orders. A lasting difference of a position trips the data breaker, and so
        does a risk-adding order under our ids without a row."""
        now = self.clock.now()
        with self.db.unit_of_work() as uow:
            lock_account(uow.session, self.account)
            self._report_orders(uow, report, now)
            self._judge_foreign_orders(uow, report, now)
            self._judge_orphans(uow, report, now)
            noted: Sequence[DisagreementRow] = ()
            # For an account in hedge mode nothing was compared, which is no agreement either.
            if report.unfit is None:
                noted = disagreements.note_positions(
                    uow.session, self.account, report.position_differences, now
                )
            confirmed = [row for row in noted if row.readings >= CONFIRMATIONS]
            if confirmed:
                text = "; ".join(
                    f"{row.symbol}: ours {row.ours:f}, exchange {row.theirs:f}" for row in confirmed
                )
                self._trip(
                    uow,
                    CircuitBreakerType.DATA_QUALITY_ISSUE,
                    value=text,
                    limit="0",
                    reason=f"positions disagree with the exchange: {text}",
                    now=now,
                )
            uow.commit()

    def _report_orders(self, uow: UnitOfWork, report: AccountReport, now: datetime) -> None:
        """Alerts of foreign orders and of orders under our ids without a row, when new ones appear;
        the alert names all that rest."""
        orphans = {order.order_id: order.order_link_id for order in report.orphans}
        news = disagreements.note_foreign_orders(
            uow.session, self.account, report.foreign_orders, now, orphans=orphans
        )
        if set(news) - orphans.keys():
            others = [order_id for order_id in report.foreign_orders if order_id not in orphans]
            facts = {"order_ids": others}
            uow.audit(self.account, "foreign_orders", self.account, "reconcile", facts, now)
        if set(news) & orphans.keys():
            links = sorted(orphans.values())
            payload = {"orders": links}
            uow.audit(self.account, "orders_without_child", self.account, "reconcile", payload, now)
            log.critical("orders without a child rest at the exchange: %s", ", ".join(links))

    def _judge_foreign_orders(self, uow: UnitOfWork, report: AccountReport, now: datetime) -> None:
        """Stops entries while orders of others rest, where the limits say so. Limits that can't be
        read deny entries by themselves."""
        orphans = {order.order_id for order in report.orphans}
        others = [order_id for order_id in report.foreign_orders if order_id not in orphans]
        if not others:
            return
        if self.limits.last_known().working.foreign_orders_stop_entries:
            external_halt.by_orders(uow, self.account, others, actor="monitor", now=now)

    def _judge_orphans(self, uow: UnitOfWork, report: AccountReport, now: datetime) -> None:
        """Trips at first sight, because the order may fill at once and no limit counts it."""
        adding = [order.order_link_id for order in report.orphans if not order.reduce_only]
        if not adding:
            return
        text = ", ".join(adding)
        self._trip(
            uow,
            CircuitBreakerType.DATA_QUALITY_ISSUE,
            value=text,
            limit="0",
            reason=(
                "the exchange has orders with our ids that this database does not know: "
                f"{text}; the database lost rows, or another system trades on the account"
            ),
            now=now,
        )

    def verify_audit(self) -> list[str]:
        """Faults of every chain, in new entries and in a piece of the past; empty when none.

        A fault causes the emergency stop, in the transaction that finds it.
        """
        now = self.clock.now()
        with self.db.unit_of_work() as uow:
            chains = verify_on(uow.session, now)
            problems = [problem for chain in chains for problem in chain.problems]
            if problems:
                audit_watch.stop_for(uow, self.account, problems, now)
            uow.commit()
        for problem in problems:
            log.critical(
                "an audit chain is broken: %s", problem, extra={"event": "audit_chain_is_broken"}
            )
        return problems

    def stop_for_audit(self, problems: Sequence[str]) -> None:
        """Stops all trading when the ends of the audit are not as they were noted elsewhere."""
        if not problems:
            return
        with self.db.unit_of_work() as uow:
            audit_watch.stop_for(uow, self.account, problems, self.clock.now())
            uow.commit()

    def heartbeat(self, name: str, pid: int, details: dict[str, object] | None = None) -> None:
        """Stores a sign of life under `name`."""
        with self.db.transaction() as session:
            heartbeats.store(session, name, pid, details or {}, self.clock.now())

    def _trip(
        self,
        uow: UnitOfWork,
        kind: CircuitBreakerType,
        *,
        value: str,
        limit: str,
        reason: str,
        now: datetime,
    ) -> bool:
        """Trips a breaker of the account and moves its state to REDUCING; once."""
        found = breakers.Finding(kind, value, limit, reason)
        return breakers.trip(uow, self.account, found, actor="monitor", now=now)
