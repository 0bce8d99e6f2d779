"""Halting and resuming: the state row first, then proof that nothing more is on its way.

A halt is *sealed* once every sender of every account has stored its outcome (their shared lock is
taken exclusively) and what dead senders may have placed is past its recv_window. From then on the
exchange accepts nothing more from us that adds risk.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, text

from bot.clock import Clock
from bot.errors import MlriskError, NotAuthorised, RetryLater
from bot.exchange.protocol import Exchange
from bot.execution import settlement
from bot.execution.ports import DispatcherOnly, Wakeups
from models.audit import GLOBAL_CHAIN
from models.database import Database, UnitOfWork
from models.enums import ChildState, ScopeKind, TradingState
from models.locks import lock_parent, sending_exclusive
from models.repositories import orders, states
from models.tables import AccountRow, ChildOrderRow

SEAL_TIMEOUT_SECONDS = 30
"""Longer than the slowest POST (3 s to connect, 8 s to read) and its bookkeeping."""


@dataclass(frozen=True, slots=True)
class HaltReport:
    """What a halt did; `sealed_at` None means that a sender could not be waited for."""

    state: TradingState
    already_halted: bool
    sealed_at: datetime | None
    children_cancelled: int
    unresolved: tuple[str, ...]
    """Children whose order may still be at the exchange, by order_link_id."""
    orders_cancelled: int
    tasks_revoked: int
    problems: tuple[str, ...]


class Halter:
    """Moves the global trading state. Needs Postgres; Celery and the exchange only if given."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        exchange: Exchange | None = None,
        revoke: Callable[[], int] | None = None,
        wakeups: Wakeups | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._exchange = exchange
        self._revoke = revoke
        self._wakeups = wakeups or DispatcherOnly()

    def halt(self, *, reason: str, actor: str, cancel: bool = False) -> HaltReport:
        """Lets nothing more through; a second call seals and cancels again, harmlessly."""
        problems: list[str] = []
        already = self.latch(reason, actor)
        sealed_at = self._seal(actor, problems)
        revoked = self._revoke_tasks(problems)
        cancelled = self._stop_parents()
        orders_cancelled = self._cancel_orders(problems) if cancel else 0
        with self._db.reading() as session:
            unresolved = tuple(c.order_link_id for c in orders.unresolved_children(session))
        return HaltReport(
            TradingState.HALTED,
            already,
            sealed_at,
            cancelled,
            unresolved,
            orders_cancelled,
            revoked,
            tuple(problems),
        )

    def resume(self, *, reason: str, actor: str, development: bool) -> None:
        """Back to ACTIVE. Raises NotAuthorised outside development: recovery needs authority."""
        if not development:
            raise NotAuthorised(
                "resume is free in development only; production needs an authorised recovery "
                "(override code and TOTP)"
            )
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            row = states.lock_state(
                uow.session, ScopeKind.GLOBAL, states.GLOBAL_KEY, now=now, actor=actor
            )
            if row.state == TradingState.ACTIVE:
                return
            uow.audit(
                GLOBAL_CHAIN,
                "resumed",
                "global:*",
                actor,
                {"reason": reason, "from": row.state},
                now,
            )
            row.state = TradingState.ACTIVE
            row.reason, row.actor, row.changed_at = reason, actor, now
            row.epoch += 1
            row.sealed_at = None
            uow.commit()

    def latch(self, reason: str, actor: str) -> bool:
        """The state row alone: from its commit on, no claim succeeds. True: it was halted before.

        For who may hold a sender's lock itself; `halt` also seals, cancels and revokes.
        """
        with self._db.unit_of_work() as uow:
            already = latch(uow, reason=reason, actor=actor, now=self._clock.now())
            uow.commit()
        return already

    def _seal(self, actor: str, problems: list[str]) -> datetime | None:
        """Waits for every sender under way, then for what dead senders may have sent."""
        with self._db.reading() as session:
            accounts = list(
                session.scalars(select(AccountRow.account).order_by(AccountRow.account))
            )
        for account in accounts:
            with self._db.autocommit_connection() as connection:
                connection.execute(text(f"SET lock_timeout = '{SEAL_TIMEOUT_SECONDS}s'"))
                with sending_exclusive(connection, account):
                    orphans = self._orphans(account)
            problems.extend(
                f"{child.order_link_id}: its sender died at {child.sent_at}; "
                "what it may have placed is being reconciled"
                for child in orphans
            )
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            row = states.lock_state(
                uow.session, ScopeKind.GLOBAL, states.GLOBAL_KEY, now=now, actor=actor
            )
            if row.state != TradingState.HALTED:
                problems.append("the halt was lifted while it was being sealed")
                return None
            if row.sealed_at is None:
                row.sealed_at = max(now, self._ambiguity_ends(accounts) or now)
                uow.audit(
                    GLOBAL_CHAIN,
                    "halt_sealed",
                    "global:*",
                    actor,
                    {"sealed_at": row.sealed_at.isoformat(), "accounts": accounts},
                    now,
                )
                uow.commit()
            return row.sealed_at

    def _orphans(self, account: str) -> Sequence[ChildOrderRow]:
        """With the lock held exclusively, whoever is SENDING has lost its process."""
        with self._db.reading() as session:
            return session.scalars(
                select(ChildOrderRow).where(
                    ChildOrderRow.account == account, ChildOrderRow.state == ChildState.SENDING
                )
            ).all()

    def _ambiguity_ends(self, accounts: Sequence[str]) -> datetime | None:
        """When the last request of a dead sender can no longer be accepted."""
        window = timedelta(
            milliseconds=5000 if self._exchange is None else self._exchange.recv_window_ms
        )
        sent = [c.sent_at for a in accounts for c in self._orphans(a) if c.sent_at is not None]
        return max(sent) + window if sent else None

    def _stop_parents(self) -> int:
        """Ends every parent: what has not gone out is released, what rests is to be cancelled.

        Parents whose orders rest are looked at by their workers, which send the cancels.
        """
        cancelled = 0
        with self._db.reading() as session:
            parents = [parent.request_id for parent in orders.open_parents(session)]
        for request_id in parents:
            with self._db.unit_of_work() as uow:
                parent = lock_parent(uow.session, request_id)
                if parent is None:
                    continue
                cancelled += settlement.stop(
                    uow, parent, "halted", self._clock.now(), self._wakeups
                )
                uow.commit()
        return cancelled

    def _revoke_tasks(self, problems: list[str]) -> int:
        """An accelerator only: the state row is what stops; so a lost broker is a note, no more."""
        if self._revoke is None:
            return 0
        try:
            return self._revoke()
        except RetryLater as error:
            problems.append(
                f"queued tasks could not be revoked ({error}); they will stop at their claim"
            )
            return 0

    def _cancel_orders(self, problems: list[str]) -> int:
        if self._exchange is None:
            problems.append("working orders were not cancelled: no exchange is configured")
            return 0
        try:
            cancelled = self._exchange.cancel_all()
            left = self._exchange.open_orders()
        except MlriskError as error:
            problems.append(f"working orders may remain: {error}")
            return 0
        problems.extend(f"{order.order_link_id or order.order_id} is still open" for order in left)
        return len(cancelled)


def latch(uow: UnitOfWork, *, reason: str, actor: str, now: datetime) -> bool:
    """Moves the global state to HALTED within the caller's transaction; True: it was already."""
    row = states.lock_state(uow.session, ScopeKind.GLOBAL, states.GLOBAL_KEY, now=now, actor=actor)
    if row.state == TradingState.HALTED:
        return True
    uow.audit(
        GLOBAL_CHAIN,
        "halted",
        "global:*",
        actor,
        {"reason": reason, "from": row.state},
        now,
    )
    row.state = TradingState.HALTED
    row.reason, row.actor, row.changed_at = reason, actor, now
    row.epoch += 1
    row.sealed_at = None
    return False
