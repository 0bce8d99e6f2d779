"""The services that watch, halt, flatten and recover."""

import logging
from dataclasses import dataclass
from functools import cached_property, partial

from bot.decision.requests import Admission
from bot.errors import MlriskError
from bot.exchange.protocol import Exchange
from bot.gate_value.ledger import GateLedger
from bot.safety.audit.heads import HeadsFile
from bot.safety.breakers.evaluator import ACTOR as BREAKERS
from bot.safety.breakers.evaluator import BreakerEvaluator, BreakerReport
from bot.safety.halting import journal as halt_journal
from bot.safety.halting.flattening import Flattener, FlatteningPorts
from bot.safety.halting.halt import HaltReach, HaltWaits, TradingHalt
from bot.safety.halting.latching import Latched
from bot.safety.model_performance import ModelPerformance
from bot.safety.monitor import Monitor
from bot.safety.positions.exits import ACTOR as POSITION_MONITOR
from bot.safety.positions.exits import PositionExits
from bot.safety.positions.monitor import PositionMonitor
from bot.safety.positions.stops import ProtectiveStops
from bot.safety.recovery.ladder import RecoveryLadder
from bot.safety.strategies.falling import StageWatch
from config.identity import Environment
from models.database import Database
from tasks.queue import revoke_queued
from tasks.wiring.by_settings import heads_file
from tasks.wiring.trading import TradingServices

log = logging.getLogger(__name__)

_FOLLOWING_SEAL_SECONDS = 1.0


@dataclass(frozen=True)
class WatchingServices(TradingServices):
    """Watches losses, positions and models, and stops trading."""

    @cached_property
    def monitor(self) -> Monitor:
        """Judges losses and trips breakers."""
        return Monitor(
            db=self.db, account=self.settings.account, limits=self.limits, clock=self.clock
        )

    @cached_property
    def model_performance(self) -> ModelPerformance:
        """Judges the strategies' models by the outcomes of their predictions."""
        return ModelPerformance(
            db=self.db, account=self.settings.account, minutes=self.exchange, clock=self.clock
        )

    @cached_property
    def stage_watch(self) -> StageWatch:
        """Lowers strategies that must not stay at their stage."""
        return StageWatch(self.db, self.settings.account, self.limits, self.clock)

    @cached_property
    def gate_ledger(self) -> GateLedger:
        """Judges what blocked trades would have been worth."""
        return GateLedger(
            db=self.db, account=self.settings.account, minutes=self.exchange, clock=self.clock
        )

    @cached_property
    def position_monitor(self) -> PositionMonitor:
        """Watches open positions and closes them."""
        return PositionMonitor(
            db=self.db,
            account=self.settings.account,
            market=self.market_for_exits,
            limits=self.limits,
            clock=self.clock,
            exits=PositionExits(Admission(self.account_deps), self.settings.account),
            decide=lambda request_id: self.approval.validate_stored(request_id),
            halt=lambda reason: self.trading_halt.halt(reason=reason, actor=POSITION_MONITOR),
        )

    @cached_property
    def protective_stops(self) -> ProtectiveStops:
        """Keeps the stops of open positions at the exchange."""
        return ProtectiveStops(self.deps, self.limits, self.rate_limiter)

    @cached_property
    def breakers(self) -> BreakerEvaluator:
        """Judges every circuit breaker."""
        return BreakerEvaluator(
            db=self.db,
            account=self.settings.account,
            symbols=self.settings.symbol_list,
            market=self.market,
            limits=self.limits,
            clock=self.clock,
            production=self.settings.environment is Environment.PRODUCTION,
            follow=self._follow_breakers,
        )

    def _follow_breakers(self, report: BreakerReport) -> None:
        """The steps of an emergency stop that a breaker has latched: cancelled, then sealed."""
        latched = Latched(report.was_halted, self.clock.now())
        self.trading_halt.follow(latched, HaltReach(cancel=True), actor=BREAKERS)

    @cached_property
    def flattener(self) -> Flattener:
        """Closes the positions of a scope that is to be flattened."""
        return self.flattener_at(self.exchange, self.db)

    def flattener_at(self, exchange: Exchange, db: Database) -> Flattener:
        """As `flattener`, by the positions that `exchange` reports, with its states in `db`."""

        def catch_up() -> None:
            # Not before: it needs the account's proof, for which the exchange is asked.
            self.reconciler.follow_exits()

        ports = FlatteningPorts(
            exchange=exchange,
            decide=self.approval.validate_and_execute,
            send=lambda child_id: self.sender.send(child_id, self.settings.account),
            catch_up=catch_up,
        )
        return Flattener(db, self.settings.account, self.clock, ports)

    @cached_property
    def recovery_ladder(self) -> RecoveryLadder:
        """Takes the steps of recoveries."""
        return RecoveryLadder(
            db=self.db, account=self.settings.account, limits=self.limits, clock=self.clock
        )

    @cached_property
    def audit_heads(self) -> HeadsFile:
        """The file that keeps the audit chains' heads outside of Postgres."""
        return heads_file(self.settings)

    @property
    def trading_halt(self) -> TradingHalt:
        """Halts trading. Without an exchange it still halts, but it cancels no order and logs an
        error."""
        return self._halt(None)

    @property
    def following_halt(self) -> TradingHalt:
        """As `trading_halt`, with a short wait for senders: exits wait behind its worker, and the
        next call looks again."""
        return self._halt(HaltWaits(seal_seconds=_FOLLOWING_SEAL_SECONDS, tries_again=True))

    def _halt(self, waits: HaltWaits | None) -> TradingHalt:
        exchange: Exchange | None = None
        try:
            exchange = self.exchange
        except MlriskError as error:
            log.error(
                "the halt cancels no order at the exchange, because the keys are unproven: %s",
                error,
                extra={"event": "halting_without_an_exchange_its_keys_are_unproven"},
            )
        return TradingHalt(
            self.db,
            self.clock,
            exchange=exchange,
            revoke=revoke_queued,
            too_fast=partial(self.rate_limiter.throttled, self.settings.account, cancels=True),
            waits=waits,
        )

    def record_journalled_halts(self) -> int:
        """Takes the halts of this home's journal into Postgres; returns how many there were."""
        return halt_journal.record(self.db, self.settings.home, self.clock)
