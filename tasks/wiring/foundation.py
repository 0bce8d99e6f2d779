"""What every service of a process shares: database, exchange, market, limits and queue."""

import logging
import os
import socket
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from redis import Redis

from bot.clock import Clock
from bot.decision.forged_market import ForgedMarket
from bot.decision.last_resort import MarketOfLastResort
from bot.exchange.factory import make_exchange
from bot.exchange.market_cache import RedisMarketCache
from bot.exchange.protocol import Exchange
from bot.execution.ports import AccountDeps, Deps, TaskQueue, limits_for
from bot.execution.sending.rate_limiter import RedisOrderRateLimiter, connect
from bot.limits.selftest_halt import halt_on_ineffective
from bot.limits.source import ConfiguredLimits
from bot.safety.halting import journal as halt_journal
from bot.state import binding
from config.celery import MARKET_DATABASE, with_database
from config.settings import Settings
from models.database import Database
from tasks.early_looks import EarlyLooks
from tasks.queue import EXPIRES_IN_TIMEOUTS, CeleryTaskQueue
from tasks.wiring.by_settings import market_seal

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Foundation:
    """What the services of one process share."""

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
    def account_deps(self) -> AccountDeps:
        """The dependencies that the account's services share."""
        return AccountDeps(self.db, self.settings.account, self.clock, self.task_queue)

    @cached_property
    def deps(self) -> Deps:
        """The same with the exchange, for services that ask it."""
        exchange = self.exchange  # first: it proves that the keys are this account's
        ours = self.account_deps
        return Deps(ours.db, ours.account, ours.clock, ours.task_queue, exchange)

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

    @cached_property
    def rate_limiter(self) -> RedisOrderRateLimiter:
        """The rate limiter of order writes that all processes share."""
        url = with_database(self.settings.require_redis_url(), MARKET_DATABASE)
        # The limiter only paces and authorizes nothing. It therefore keeps the last known limits
        # when newer ones can't be read.
        return RedisOrderRateLimiter(
            connect(url), lambda: limits_for(self.limits, reduce_only=True).working
        )

    @property
    def owner(self) -> str:
        """This process in leases: host name and process id."""
        return f"{socket.gethostname()}:{os.getpid()}"

    def pending_halt(self) -> str | None:
        """Why a halt in this home's journal stops entries; None without one."""
        return halt_journal.pending(self.settings.home)
