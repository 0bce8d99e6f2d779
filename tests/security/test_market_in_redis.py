"""An attacker with the broker's password rewrites the market in Redis: the gate never sees it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from redis import Redis
from sqlalchemy import func, select

from bot.clock import FixedClock
from bot.decision.forged_market import FORGED
from bot.decision.service import ApprovalPorts, ApprovalService
from bot.exchange.market_cache import CORRELATIONS, KEY, MARK, RedisMarketCache
from bot.market.reading import MarketReading
from bot.risk.snapshot import MarketView
from config.settings import Settings
from models.tables import AuditRow
from tasks.bootstrap import MARKET_DATABASE, Services
from tests.support.desk import Desk
from tests.support.fakes import PRICE, T0, FakeMarket
from tests.support.services import RedisServer

pytestmark = pytest.mark.services

OUR_KEY = "of-feed-and-workers-alone"
BTC = "BTCUSDT"


@pytest.fixture
def attacker(redis: RedisServer) -> Iterator[Redis]:
    """Somebody with the password, and so with every command on the market's database."""
    with redis.client(MARKET_DATABASE) as client:
        yield client


def services(desk: Desk, redis: RedisServer, url: str, key: str | None = OUR_KEY) -> Services:
    """A worker's, as it is built from its settings."""
    given = {
        "database_url": url,
        "redis_url": redis.url(),
        "market_key": key,
        "symbols": "BTCUSDT,ETHUSDT",
    }
    return Services(Settings(**given), desk.clock)  # type: ignore[arg-type]


@pytest.fixture
def worker(desk: Desk, redis: RedisServer, migrated_url: str) -> Iterator[Services]:
    """With a market of its own feed in Redis."""
    made = services(desk, redis, migrated_url)
    made.market.put([view(desk.clock), view(desk.clock, "ETHUSDT")])
    made.market.put_correlations({BTC: {"ETHUSDT": 0.9}})
    yield made
    made.db.dispose()


def view(clock: FixedClock, symbol: str = BTC) -> MarketView:
    found = FakeMarket(clock).get(symbol)
    assert found is not None
    return found


def decided(desk: Desk, worker: Services, request_id: str = "r-1") -> dict[str, object]:
    """What the gate says by the market that the worker reads."""
    service = ApprovalService(
        desk.deps,
        ApprovalPorts(worker.market, desk.limits),
        horizon=timedelta(seconds=5),
    )
    return service.validate_and_execute(desk.request(request_id))


def alerts(desk: Desk) -> list[str]:
    with desk.db.reading() as session:
        query = select(AuditRow.subject).where(AuditRow.kind == FORGED).order_by(AuditRow.subject)
        return list(session.scalars(query))


def rewritten(clock: FixedClock) -> MarketView:
    """Deep, calm and of this moment, at a price that makes a coin cost next to nothing."""
    return replace(view(clock), bid=Decimal(1), ask=Decimal(1), mark=Decimal(1))


def test_our_own_market_is_seen(desk: Desk, worker: Services) -> None:
    assert decided(desk, worker)["verdict"] == "allow"
    read = worker.market.read(BTC)
    assert (read.mark("ETHUSDT"), read.correlations) == (PRICE, {"ETHUSDT": 0.9})
    assert alerts(desk) == []


def test_a_rewritten_market_is_none_and_is_told(
    desk: Desk, worker: Services, attacker: Redis
) -> None:
    RedisMarketCache(attacker).put([rewritten(desk.clock), view(desk.clock, "ETHUSDT")])
    RedisMarketCache(attacker).put_correlations({BTC: {"ETHUSDT": 0.0}})
    assert worker.market.read(BTC) == MarketReading()
    assert worker.market.get(BTC) is None
    assert decided(desk, worker)["verdict"] == "deny"
    # Once a minute and key, however often it is read.
    assert alerts(desk) == sorted([CORRELATIONS, KEY + BTC, MARK + BTC, MARK + "ETHUSDT"])
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=61))
    worker.market.get(BTC)
    assert len(alerts(desk)) == 5


def test_a_sealed_market_counts_neither_for_another_symbol_nor_for_ever(
    desk: Desk, worker: Services, attacker: Redis
) -> None:
    kept = {key: attacker.get(key) for key in (KEY + BTC, MARK + "ETHUSDT", CORRELATIONS)}
    # The other symbol's own value, with its own seal,
    attacker.set(KEY + BTC, attacker.get(KEY + "ETHUSDT"))
    assert worker.market.get(BTC) is None
    assert decided(desk, worker)["verdict"] == "deny"
    # and yesterday's: a mark and correlations have no time of their own.
    desk.clock.move_to(T0 + timedelta(days=1))
    for key, value in kept.items():
        attacker.set(key, value)
    assert worker.market.read(BTC) == MarketReading()


def test_a_market_sealed_by_another_key_is_none(
    desk: Desk, worker: Services, redis: RedisServer, migrated_url: str
) -> None:
    other = services(desk, redis, migrated_url, key="of-somebody-else-entirely")
    other.market.put([rewritten(desk.clock)])
    assert worker.market.get(BTC) is None
    other.db.dispose()


def test_reading_goes_on_without_a_market_while_postgres_is_away(
    desk: Desk, redis: RedisServer, attacker: Redis
) -> None:
    away = services(desk, redis, "postgresql+psycopg://nobody:pw@127.0.0.1:1/none")
    RedisMarketCache(attacker).put([rewritten(desk.clock)])
    assert away.market.get(BTC) is None
    with desk.db.reading() as session:
        assert session.scalar(select(func.count()).where(AuditRow.kind == FORGED)) == 0
    away.db.dispose()


def test_without_a_key_what_redis_holds_is_believed_and_the_worker_says_so(
    desk: Desk,
    redis: RedisServer,
    migrated_url: str,
    attacker: Redis,
    caplog: pytest.LogCaptureFixture,
) -> None:
    open_to_all = services(desk, redis, migrated_url, key=None)
    RedisMarketCache(attacker).put([rewritten(desk.clock)])
    assert open_to_all.market.get(BTC) == rewritten(desk.clock)
    assert "MLRISK_MARKET_KEY is not set" in caplog.text
    open_to_all.db.dispose()
