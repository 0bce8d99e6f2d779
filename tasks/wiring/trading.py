"""The services that decide, send and book."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from bot.account.reconciliation import Reconciler
from bot.account.reservations import ReservationReport, rebuild
from bot.decision.authentication import AuthenticatedDecisions
from bot.decision.quotas import Quotas
from bot.decision.service import ApprovalPorts, ApprovalService
from bot.execution.booking.fills import FillBook
from bot.execution.sending.claims import Claims, Lessee
from bot.execution.sending.dispatch import Dispatcher
from bot.execution.sending.sender import Sender
from bot.execution.sending.trading_rules import TradingRules
from bot.execution.working.parent_worker import ParentWorker
from bot.execution.working.throttling import Throttling
from bot.execution.working.volume_models import ModelFile, ModelRows
from bot.execution.working.volume_source import VolumeSource
from bot.market.volume import MODELS_FILE
from tasks.queue import QueueDepth
from tasks.wiring.by_settings import message_signatures
from tasks.wiring.foundation import Foundation

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TradingServices(Foundation):
    """Decides requests, works their orders and compares books."""

    @cached_property
    def approval(self) -> ApprovalService:
        """Decides trade requests."""
        ports = ApprovalPorts(
            self.market_for_exits,
            self.limits,
            read_rules=TradingRules(self.db, self.exchange, self.clock).refresh,
            pending_halt=self.pending_halt,
        )
        return ApprovalService(
            self.account_deps,
            ports,
            max_attempts=self.settings.validation_attempts,
            horizon=timedelta(seconds=self.settings.dispatch_horizon_seconds),
        )

    @cached_property
    def decisions(self) -> AuthenticatedDecisions:
        """Decides messages once their signature is verified, within each strategy's quotas."""
        signatures = message_signatures(self.settings, self.clock)
        if signatures is None:
            log.warning(
                "MLRISK_MESSAGE_KEY is not set: anybody with access to the broker can "
                "send requests in any strategy's name",
                extra={
                    "event": "whoever_reaches_the_broker_asks_in_any_name_mlrisk_message_key_"
                    "isnt_set"
                },
            )
        return AuthenticatedDecisions(self.approval, signatures, self.quotas)

    @cached_property
    def quotas(self) -> Quotas:
        """Counts each strategy's requests against its quotas."""
        return Quotas(self.db, self.settings.account, self.limits, self.clock)

    @cached_property
    def sender(self) -> Sender:
        """Sends children."""
        return Sender(
            self.deps,
            market=self.market_for_exits,
            claims=self.claims,
            rate_limiter=self.rate_limiter,
            owner=self.owner,
        )

    @cached_property
    def claims(self) -> Claims:
        """Claims children for this process."""
        return Claims(
            self.deps,
            limits=self.limits,
            rate_limiter=self.rate_limiter,
            lessee=Lessee(self.owner, self.settings.lease_seconds),
            pending_halt=self.pending_halt,
        )

    @cached_property
    def parent_worker(self) -> ParentWorker:
        """Takes the steps of event-driven parents."""
        return ParentWorker(
            self.deps,
            market=self.market_for_exits,
            limits=self.limits,
            forecasts=VolumeSource(
                ModelRows(self.db, otherwise=ModelFile(self.settings.home / MODELS_FILE)),
                self.exchange,
            ),
            rate_limiter=self.rate_limiter,
        )

    @cached_property
    def reconciler(self) -> Reconciler:
        """Compares our books with the exchange's."""
        return Reconciler(self.deps, rate_limiter=self.rate_limiter)

    @cached_property
    def fills(self) -> FillBook:
        """Stores executions and order states."""
        return FillBook(self.db, self.settings.account, self.task_queue)

    @cached_property
    def dispatcher(self) -> Dispatcher:
        """Finds children, parents and requests that are due."""
        return Dispatcher(
            self.account_deps,
            horizon=timedelta(seconds=self.settings.dispatch_horizon_seconds),
            wake_timeout=timedelta(seconds=self.settings.wake_timeout_seconds),
            depth=QueueDepth(self.settings.require_redis_url()),
        )

    @cached_property
    def throttling(self) -> Throttling:
        """Sets the execution throttle of parents under way, once a second."""
        return Throttling(self.account_deps, self.market, self.limits)

    def rebuild_reservations(self) -> ReservationReport:
        """Compares reservations with the orders that may still fill, and repairs the
        reservations."""
        return rebuild(self.db, self.settings.account, self.clock, self.exchange)
