"""Deciding a request and writing everything that follows from it in one transaction."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from bot.decision import holding, order_rows, parsing, responses
from bot.decision.decide import Approved, decide, gate_version
from bot.decision.figures import figures_of
from bot.decision.parking import MAX_ATTEMPTS, Killed, Parking
from bot.decision.requests import Admission
from bot.errors import BadMessage, DependencyDown, FieldError, MlriskError
from bot.execution.orders import exits
from bot.execution.orders.attempts import SERVERS_AWAY
from bot.execution.orders.ownership import Ownership
from bot.execution.orders.parents import is_urgent, step_soon, wake_child
from bot.execution.orders.request_status import move_request
from bot.execution.ports import (
    UNREADABLE,
    AccountDeps,
    LimitsSource,
    MarketCache,
    OrderWork,
)
from bot.execution.working import precedence
from bot.failpoints import AFTER_DECISION_COMMIT, BEFORE_DECISION_COMMIT, hit
from bot.risk import codec
from bot.risk.decision import Decision
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import MarketView, RiskSnapshot, TradeIntent
from bot.state import halt_journal, snapshots
from models.database import UnitOfWork
from models.enums import ExecutionStatus
from models.inserting import insert_rows, write_rows
from models.locks import lock_account
from models.messages import MLTradeRequest
from models.repositories import portfolio
from models.tables import (
    DecisionRow,
    TradeRequestRow,
)

log = logging.getLogger(__name__)


class _RulesMissing(MlriskError):
    """An exit's instrument has no row here; the exchange may know it."""


_UNDECIDED_FOR_GOOD = (ExecutionStatus.PARKED, ExecutionStatus.CANCELLED)
"""States of a request that is parked, or that an operator ended: it is not decided."""


@dataclass(frozen=True, slots=True)
class ApprovalPorts:
    """What a decision asks outside of Postgres."""

    market: MarketCache
    limits: LimitsSource
    read_rules: Callable[[], object] | None = None
    """Reads the trading rules of every instrument from the exchange. Without it only stored rules
    count."""
    pending_halt: Callable[[], str | None] = lambda: None
    """Why a halt that Postgres doesn't know stops entries; claims ask it again."""


class ApprovalService:
    """Takes requests of one account: decides, reserves and plans, each request once."""

    def __init__(
        self,
        deps: AccountDeps,
        ports: ApprovalPorts,
        *,
        horizon: timedelta,
        max_attempts: int = MAX_ATTEMPTS,
    ) -> None:
        self._deps = deps
        self._account = deps.account
        self._admission = Admission(deps)
        self._parking = Parking(deps.db, self._admission, deps.clock, max_attempts)
        self._market = ports.market
        self._limits = ports.limits
        self._ownership = Ownership(deps.db, deps.account, deps.clock, actor="gate")
        self._horizon = horizon
        self._read_rules = ports.read_rules
        self._pending_halt = ports.pending_halt

    def validate_and_execute(
        self, raw: object, *, redelivered: bool = False, killed: Killed | None = None
    ) -> dict[str, Any]:
        """The outcome as plain JSON; the same request_id gives the first outcome again.

        A message that breaks the schema, or that reuses a request_id for another content, gets a
        typed error with its fields, and is recorded. A message that fails otherwise is stored,
        tried again from its row, and parked after repeated failures. A `redelivered` message may
        have killed a process, so its attempt is counted before it begins. A message that has
        `killed` its processes for sure is parked, an exit after one last attempt.
        """
        try:
            request = self._admission.parse(raw)
            if redelivered:
                return self._decide_counted(self._parking.begin(request, killed), request)
            try:
                return self._decide(request)
            except (BadMessage, *SERVERS_AWAY):
                raise
            except Exception as error:  # noqa: BLE001 - kept in its row, judged by its counter
                return responses.undecided(self._parking.failed_first(request, error))
        except BadMessage as error:
            return self.refuse(raw, error)

    def refuse(self, raw: object, error: BadMessage) -> dict[str, Any]:
        """Records a refused message, and returns its answer."""
        self._admission.record(raw, error)
        return responses.bad_message(parsing.claimed_request_id(raw), error)

    def refuse_unreadable(self, text: str, problem: str) -> dict[str, Any]:
        """Records a message that is no task at all, and returns its answer."""
        return self.refuse(text, BadMessage((FieldError("request", problem),)))

    def validate_stored(
        self, request_id: str, *, killed: Killed | None = None
    ) -> dict[str, Any] | None:
        """Decides a request from its row; None when there is no such row."""
        with self._deps.db.reading() as session:
            row = session.get(TradeRequestRow, request_id)
        if row is not None and self._ownership.refuses(row.account, request_id, "validate"):
            return None
        counted = self._parking.begin_stored(request_id, killed)
        if counted is None:
            return None
        try:
            return self._decide_counted(counted, self._admission.parse(counted.payload))
        except BadMessage as error:
            return responses.undecided(self._parking.refuse(request_id, error) or counted)

    def _decide_counted(self, row: TradeRequestRow, request: MLTradeRequest) -> dict[str, Any]:
        """Decides a request from its row, where the attempt is counted."""
        if row.status == ExecutionStatus.PARKED:
            return responses.undecided(row)
        try:
            return self._decide(request, bare=self._parking.is_last_of_an_exit(row))
        except BadMessage:
            raise
        except SERVERS_AWAY:
            self._parking.withdraw(row.request_id)
            raise
        except Exception as error:  # noqa: BLE001 - kept in its row, judged by its counter
            return responses.undecided(self._parking.failed(row.request_id, error) or row)

    def _decide(self, request: MLTradeRequest, *, bare: bool = False) -> dict[str, Any]:
        try:
            return self._decide_once(request, bare=bare)
        except _RulesMissing:
            # Nothing is locked or written: the exchange may take its time.
            self._read_rules_now(request.symbol)
        return self._decide_once(request, bare=bare, with_what_is_known=True)

    def _read_rules_now(self, symbol: str) -> None:
        try:
            if self._read_rules is not None:
                self._read_rules()
        except MlriskError as error:
            log.error("trading rules can't be read: %s", error, extra={"symbol": symbol})

    def _decide_once(
        self, request: MLTradeRequest, *, bare: bool, with_what_is_known: bool = False
    ) -> dict[str, Any]:
        """Raises _RulesMissing when an exit lacks its instrument's rules, unless they were asked
        for before."""
        market = self._market.read(request.symbol)
        with self._deps.work() as uow:
            received = self._deps.clock.now()
            row, is_new = self._admission.insert(uow, request, received)
            first = None if is_new else uow.session.get(DecisionRow, row.request_id)
            if first is not None:
                return responses.of_decision(row, first, repeated=True)
            if row.status in _UNDECIDED_FOR_GOOD:
                return responses.undecided(row)
            key = row.request_id
            intent = parsing.to_intent(request, self._account, row.created_at, key=key)
            if bare:
                exits.report_bare(uow, row, received)
                intent = parsing.bare(intent)
            self._serialise(uow, received)
            # Under the lock: the newest time, and nobody else's reservation in between.
            now = uow.now
            limits, unread = self._limits_in_reach()
            before = precedence.of(uow.session, intent)
            whole, epoch = snapshots.take(uow.session, intent, market, now)
            pending = self._pending_halt()
            if pending is not None:
                whole = replace(whole, states=(*whole.states, halt_journal.as_state(pending)))
            snapshot = before.out_of(whole, intent)
            outcome = decide(intent, snapshot, limits)
            decision, plan = outcome.decision, outcome.plan
            if unread is not None and not exits.only_reduces(decision):
                if isinstance(unread, SERVERS_AWAY):
                    raise unread
                # The cause is a server, not the request.
                raise DependencyDown(f"the limits can't be read: {unread}") from unread
            if exits.lacks_rules(intent, snapshot) and not with_what_is_known:
                raise _RulesMissing
            if plan and holding.warn_or_hold(uow, row, decision, limits, now):
                uow.commit()
                return responses.undecided(row)
            stored = self._store_decision(uow, intent, snapshot, limits, decision)
            if isinstance(outcome, Approved):
                precedence.apply(uow, before, intent, decision, outcome.plan, whole)
                self._store_plan(uow, intent, outcome, epoch, market.view)
            exits.report_denied(uow, intent, decision)
            status = (
                ExecutionStatus.PENDING_EXECUTION if plan else ExecutionStatus.VALIDATION_FAILED
            )
            move_request(row, status, now)
            algorithm = "" if plan is None else plan.algorithm.value
            hit(BEFORE_DECISION_COMMIT, algorithm)
            uow.commit()
            hit(AFTER_DECISION_COMMIT, algorithm)
            return responses.of_decision(row, stored, repeated=False)

    def _limits_in_reach(self) -> tuple[RiskLimits, Exception | None]:
        """The limits; or the last known ones, with the reason why newer ones can't be read."""
        try:
            return self._limits.limits(), None
        except UNREADABLE as error:
            return self._limits.last_known(), error

    def _serialise(self, uow: UnitOfWork, now: datetime) -> None:
        """Decides under the account's lock, one request at a time, so that limits hold across
        workers."""
        if not lock_account(uow.session, self._account):
            portfolio.ensure_account(uow.session, self._account, now)
            lock_account(uow.session, self._account)

    def _store_decision(
        self,
        uow: UnitOfWork,
        intent: TradeIntent,
        snapshot: RiskSnapshot,
        limits: RiskLimits,
        decision: Decision,
    ) -> DecisionRow:
        encoded = codec.to_json(decision)
        digest = sha256(codec.canonical_bytes(encoded)).hexdigest()
        row = DecisionRow(
            request_id=intent.request_id,
            account=self._account,
            verdict=decision.verdict,
            approved_qty=decision.approved_qty,
            approved_notional=decision.approved_notional,
            reference_price=decision.reference_price,
            intent=codec.to_json(intent),
            snapshot=codec.to_json(snapshot),
            limits=codec.to_json(limits),
            decision=encoded,
            decision_sha256=digest,
            gate_version=gate_version(),
            decided_at=decision.decided_at,
        )
        figures = figures_of(intent, decision)
        write_rows(uow.session, [row])
        write_rows(uow.session, [figures])
        uow.audit(
            self._account,
            "decision",
            intent.request_id,
            "gate",
            {
                "verdict": decision.verdict.value,
                "approved_notional": format(decision.approved_notional, "f"),
                "reasons": [reason.value for reason in decision.reasons],
                "decision_sha256": digest,
                "risk_level": figures.risk_level,
            },
            decision.decided_at,
        )
        return row

    def _store_plan(
        self,
        uow: OrderWork,
        intent: TradeIntent,
        approved: Approved,
        epoch: int,
        market: MarketView | None,
    ) -> None:
        """Writes the plan. This process enqueues the children that are due soon; the dispatcher
        enqueues the others."""
        parent = order_rows.parent_row(intent, approved, epoch, market)
        children = order_rows.child_rows(intent, approved, self._horizon)
        # Parents first: children refer to rows that must be there.
        insert_rows(uow.session, [parent])
        write_rows(uow.session, [order_rows.reservation_row(intent, approved)])
        insert_rows(uow.session, children)
        for child in children:
            if child.wake_at is not None:
                wake_child(uow, child, is_urgent(parent))
        step_soon(uow, parent, approved.plan.start_at)
