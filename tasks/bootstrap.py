"""The services of one worker process, built on first use inside it and never shared over a fork."""

import logging
import os
import socket
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial

from redis import Redis

from bot import failpoints
from bot.account.reconciliation import Reconciler
from bot.account.reservations import ReservationReport, rebuild
from bot.clock import Clock, SystemClock
from bot.decision.authentication import AuthenticatedDecisions
from bot.decision.forged_market import ForgedMarket
from bot.decision.last_resort import MarketOfLastResort
from bot.decision.quotas import Quotas
from bot.decision.requests import Admission
from bot.decision.service import ApprovalService
from bot.decision.signing import Signatures
from bot.errors import ClockRefused, MlriskError
from bot.exchange.factory import make_exchange
from bot.exchange.market_cache import RedisMarketCache
from bot.exchange.protocol import Exchange
from bot.execution.booking.fills import FillBook
from bot.execution.ports import Deps, TaskQueue, limits_for
from bot.execution.sending.claims import Claims, Lessee
from bot.execution.sending.dispatch import Dispatcher
from bot.execution.sending.rate_limiter import RedisOrderRateLimiter, connect
from bot.execution.sending.sender import Sender
from bot.execution.sending.trading_rules import TradingRules
from bot.execution.working.parent_worker import ParentWorker
from bot.execution.working.throttling import Throttling
from bot.execution.working.volume_models import ModelFile, ModelRows
from bot.execution.working.volume_source import VolumeSource
from bot.gate_value.ledger import GateLedger
from bot.limits.selftest_halt import halt_on_ineffective
from bot.limits.source import ConfiguredLimits
from bot.market.seal import Seal
from bot.market.volume import MODELS_FILE
from bot.safety.audit import heads as audit_heads
from bot.safety.audit.heads import HeadsFile
from bot.safety.breakers.evaluator import ACTOR as BREAKERS
from bot.safety.breakers.evaluator import BreakerEvaluator, BreakerReport
from bot.safety.halting import journal as halt_journal
from bot.safety.halting.flattening import Flattener, FlatteningPorts
from bot.safety.halting.halt import HaltReach, HaltWaits, TradingHalt
from bot.safety.model_performance import ModelPerformance
from bot.safety.monitor import Monitor
from bot.safety.positions.exits import ACTOR as POSITION_MONITOR
from bot.safety.positions.exits import PositionExits
from bot.safety.positions.monitor import PositionMonitor
from bot.safety.positions.stops import ProtectiveStops
from bot.safety.recovery.ladder import RecoveryLadder
from bot.state import binding, disk_room, fitness
from bot.state.fitness import Fitness
from config.celery import MARKET_DATABASE as MARKET_DATABASE
from config.celery import with_database
from config.identity import Environment
from config.settings import Settings, load_settings
from models.database import Database
from models.transparency.submission import (
    AUDIT_LOG,
    AUDIT_WITNESS,
    LogDirectory,
    WitnessDirectory,
)
from tasks.early_looks import EarlyLooks
from tasks.queue import EXPIRES_IN_TIMEOUTS, CeleryTaskQueue, QueueDepth, revoke_queued

log = logging.getLogger(__name__)

_FOLLOWING_SEAL_SECONDS = 1.0


def market_seal(settings: Settings, clock: Clock) -> Seal | None:
    """The seal that proves that a market in Redis comes from our feed; None without a market
    key."""
    if settings.market_key is None:
        return None
    return Seal(settings.market_key.get_secret_value(), clock)


def message_signatures(settings: Settings, clock: Clock) -> Signatures | None:
    """The check that a message comes from its strategy; None without a message key."""
    if settings.message_key is None:
        return None
    key = settings.message_key.get_secret_value()
    return Signatures(key, clock, settings.oldest_generations)


def heads_file(settings: Settings) -> HeadsFile:
    """The file outside the database that notes the heads of the audit chains."""
    key = settings.market_key
    path = settings.audit_heads or settings.home / audit_heads.FILE
    return HeadsFile(path, None if key is None else key.get_secret_value())


def audit_directories(settings: Settings) -> tuple[LogDirectory, WitnessDirectory]:
    """Where the audit log and its witness have their keys and files."""
    return (
        LogDirectory(settings.audit_log or settings.home / AUDIT_LOG),
        WitnessDirectory(settings.audit_witness or settings.home / AUDIT_WITNESS),
    )


@dataclass(frozen=True)
class Services:
    """The services that tasks call. Each is made on its first use."""

    settings: Settings
    clock: Clock

    @cached_property
    def db(self) -> Database:
        """The engine of Postgres."""
        return Database(self.settings.require_database_url())

    @cached_property
    def exchange(self) -> Exchange:
        """The exchange, once its account is proven to be this database's.

        With keys, this process proves the account itself. Without keys, another process must have
        proven it, and the exchange serves public data only.
        """
        exchange = make_exchange(self.settings, self.clock)
        if self.settings.holds_keys:
            binding.prove(self.db, exchange, self.settings, self.clock.now())
        else:
            binding.require_proven(self.db, self.settings)
        return exchange

    @cached_property
    def deps(self) -> Deps:
        """The dependencies that the account's services share."""
        return Deps(self.db, self.exchange, self.settings.account, self.clock, self.task_queue)

    @cached_property
    def market(self) -> RedisMarketCache:
        """The newest market views, in Redis; sealed where a market key is set."""
        url = with_database(self.settings.require_redis_url(), MARKET_DATABASE)
        client = Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        seal = market_seal(self.settings, self.clock)
        if seal is None:
            log.warning(
                "MLRISK_MARKET_KEY is not set: anybody with access to Redis can change "
                "the market data",
                extra={
                    "event": "whoever_writes_to_redis_makes_the_market_mlrisk_market_key_is_not_set"
                },
            )
        return RedisMarketCache(
            client,
            self.settings.symbol_list,
            seal=seal,
            on_forged=ForgedMarket(self.db, self.settings.account, self.clock).report,
        )

    @cached_property
    def market_for_exits(self) -> MarketOfLastResort:
        """The market, with the exchange's marks where the market is unknown."""
        return MarketOfLastResort(self.market, self.exchange, self.clock)

    @cached_property
    def limits(self) -> ConfiguredLimits:
        """The limits in force, read again when they change."""
        return ConfiguredLimits(
            self.settings,
            self.db,
            on_ineffective=lambda problems: halt_on_ineffective(self.db, self.clock, problems),
        )

    @cached_property
    def task_queue(self) -> TaskQueue:
        """Enqueues due children, parents and requests."""
        return CeleryTaskQueue(
            expire_after=EXPIRES_IN_TIMEOUTS
            * timedelta(seconds=self.settings.wake_timeout_seconds),
            early=self.early_looks,
        )

    @cached_property
    def early_looks(self) -> EarlyLooks:
        """Asks for looks at the breakers after events."""
        url = with_database(self.settings.require_redis_url(), MARKET_DATABASE)
        client = Redis.from_url(url, socket_timeout=0.25, socket_connect_timeout=0.25)
        return EarlyLooks(client, CeleryTaskQueue().look_at_breakers)

    @property
    def owner(self) -> str:
        """This process in leases: host name and process id."""
        return f"{socket.gethostname()}:{os.getpid()}"

    @cached_property
    def approval(self) -> ApprovalService:
        """Decides trade requests."""
        return ApprovalService(
            db=self.db,
            account=self.settings.account,
            market=self.market_for_exits,
            limits=self.limits,
            clock=self.clock,
            task_queue=self.task_queue,
            max_attempts=self.settings.validation_attempts,
            horizon=timedelta(seconds=self.settings.dispatch_horizon_seconds),
            read_rules=TradingRules(self.db, self.exchange, self.clock).refresh,
            pending_halt=self.pending_halt,
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
    def rate_limiter(self) -> RedisOrderRateLimiter:
        """The rate limiter of order writes that all processes share."""
        url = with_database(self.settings.require_redis_url(), MARKET_DATABASE)
        # The limiter only paces and authorizes nothing. It therefore keeps the last known limits
        # when newer ones can't be read.
        return RedisOrderRateLimiter(
            connect(url), lambda: limits_for(self.limits, reduce_only=True).working
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
            db=self.db,
            account=self.settings.account,
            clock=self.clock,
            task_queue=self.task_queue,
            horizon=timedelta(seconds=self.settings.dispatch_horizon_seconds),
            wake_timeout=timedelta(seconds=self.settings.wake_timeout_seconds),
            depth=QueueDepth(self.settings.require_redis_url()),
        )

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
    def gate_ledger(self) -> GateLedger:
        """Judges what blocked trades would have been worth."""
        return GateLedger(
            db=self.db, account=self.settings.account, minutes=self.exchange, clock=self.clock
        )

    @cached_property
    def position_monitor(self) -> PositionMonitor:
        """Watches open positions and closes them."""
        admission = Admission(
            db=self.db,
            account=self.settings.account,
            clock=self.clock,
            task_queue=self.task_queue,
        )
        return PositionMonitor(
            db=self.db,
            account=self.settings.account,
            market=self.market_for_exits,
            limits=self.limits,
            clock=self.clock,
            exits=PositionExits(admission, self.settings.account),
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
        self.trading_halt.follow(report.was_halted, HaltReach(cancel=True), actor=BREAKERS)

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

    @cached_property
    def throttling(self) -> Throttling:
        """Sets the execution throttle of parents under way, once a second."""
        return Throttling(
            db=self.db,
            account=self.settings.account,
            market=self.market,
            limits=self.limits,
            clock=self.clock,
            task_queue=self.task_queue,
        )

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

    def pending_halt(self) -> str | None:
        """Why a halt in this home's journal stops entries; None without one."""
        return halt_journal.pending(self.settings.home)

    def record_journalled_halts(self) -> int:
        """Takes the halts of this home's journal into Postgres; returns how many there were."""
        return halt_journal.record(self.db, self.settings.home, self.clock)

    def check_fitness(self) -> Fitness:
        """Asks the exchange whether the account may trade, and stores its answer."""
        return fitness.ask(
            self.db,
            self.exchange,
            self.settings.account,
            self.settings.symbol_list,
            self.clock,
            home=self.settings.home,
        )

    def watch_room(self) -> None:
        """Stops new risk before Postgres runs out of disk, and allows it again when there is
        room."""
        account, home = self.settings.account, self.settings.home
        short = disk_room.shortage(home)
        if short is not None:
            fitness.after_shortage(self.db, account, short, self.clock)
        elif disk_room.is_back(home) and fitness.room_was_short(self.db, account):
            self.check_fitness()

    def tell_wrong_clock(self, error: ClockRefused) -> None:
        """Stops new risk after the exchange refused a request because our clock is wrong."""
        fitness.after_clock_refusal(self.db, self.settings.account, error, self.clock)

    def ask_again_about_the_clock(self) -> None:
        """Asks the exchange again if our clock was wrong. Work resumes soon after the clock is
        right, because the next scheduled check may be minutes away."""
        if fitness.clock_was_wrong(self.db, self.settings.account):
            self.check_fitness()

    def rebuild_reservations(self) -> ReservationReport:
        """Compares reservations with the orders that may still fill, and repairs the
        reservations."""
        return rebuild(self.db, self.settings.account, self.clock, self.exchange)


_services: Services | None = None
_services_pid: int | None = None


def services() -> Services:
    """This process's services; a forked child gets its own, never its parent's."""
    global _services, _services_pid
    if _services is None or _services_pid != os.getpid():
        settings = load_settings()
        failpoints.arm(settings.failpoint)
        _services = Services(_settled(settings), SystemClock())
        _services_pid = os.getpid()
    return _services


def _settled(settings: Settings) -> Settings:
    """The settings, with unset ones from the database's binding. Raises WrongIdentity."""
    db = Database(settings.require_database_url(), pool_size=1)
    try:
        return binding.settled(db, settings)
    finally:
        db.dispose()
