"""What the sensors read on real Postgres: each thing that goes missing, late or wrong is told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, text, update

from bot.clock import FixedClock
from bot.market.reading import MarketReading
from bot.risk.snapshot import MarketView
from bot.safety.lease.sensing import BEAT, BREAKERS, AuditVerifier, Sensing
from bot.safety.lease.sensors import faults, judge
from bot.safety.monitor import Monitor
from bot.state import fitness
from bot.state.fitness import Fitness
from config.keys.lease import LeaseRules
from models.database import Database
from models.tables import EquityRow, HeartbeatRow, InstrumentRow
from tests.support.desk import ACCOUNT, Desk

FEED = {"private": "live", "public": "live", "refused": {}}
PATIENT = LeaseRules(
    market_seconds=300,
    account_stream_seconds=300,
    equity_seconds=300,
    reconciliation_seconds=300,
    breakers_seconds=300,
    beat_seconds=300,
)
"""A test may be slow."""
Spoil = Callable[["Watched"], None]


class Watched:
    """A desk in which everything is fresh, and the sensors of its account."""

    def __init__(self, db: Database) -> None:
        self.desk = Desk(db, clock=FixedClock(datetime.now(UTC)))
        self.desk.reconciler.record_wallet()
        self.halted: str | None = None
        self.symbols = ["BTCUSDT"]
        monitor = Monitor(db, ACCOUNT, self.desk.limits, self.desk.clock)
        for name in ("reconciliation", BREAKERS, BEAT):
            monitor.heartbeat(name, 1)
        monitor.heartbeat("feed", 1, dict(FEED))
        self.sensing = Sensing(
            db, ACCOUNT, self.desk.market, self.symbols, Now(), lambda: self.halted
        )

    def problems(self) -> dict[str, str | None]:
        _, readings = self.sensing.read()
        return {each.name: each.problem for each in faults(judge(readings, PATIENT))}

    def age_heartbeat(self, name: str, seconds: float) -> None:
        with self.desk.db.transaction() as session:
            session.execute(
                update(HeartbeatRow)
                .where(HeartbeatRow.name == name)
                .values(at=HeartbeatRow.at - timedelta(seconds=seconds))
            )

    def forget_heartbeat(self, name: str) -> None:
        with self.desk.db.transaction() as session:
            session.execute(delete(HeartbeatRow).where(HeartbeatRow.name == name))

    def feed_says(self, **details: object) -> None:
        monitor = Monitor(self.desk.db, ACCOUNT, self.desk.limits, self.desk.clock)
        monitor.heartbeat("feed", 1, {**FEED, **details})

    def age_equity(self, seconds: float) -> None:
        with self.desk.db.transaction() as session:
            session.execute(update(EquityRow).values(at=EquityRow.at - timedelta(seconds=seconds)))


class Now:
    """The machine's clock, some seconds wrong if a test says so."""

    wrong = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.wrong


@pytest.fixture
def watched(db: Database) -> Watched:
    return Watched(db)


def _wrong_clock(watched: Watched) -> None:
    watched.sensing.clock = clock = Now()
    clock.wrong = timedelta(seconds=60)


def _clock_refused(watched: Watched) -> None:
    answer = Fitness(False, datetime.now(UTC), "clock_offset: our clock is 9 s behind")
    fitness.record(watched.desk.db, ACCOUNT, answer)


def _no_market(watched: Watched) -> None:
    watched.desk.market.away = True


def _future_market(watched: Watched) -> None:
    watched.desk.clock.move_to(datetime.now(UTC) + timedelta(hours=1))


def _halt(watched: Watched) -> None:
    watched.halted = "a halt that Postgres doesn't know yet"


def test_a_system_whose_parts_all_work_has_no_fault(watched: Watched) -> None:
    assert watched.problems() == {}


@pytest.mark.parametrize(
    ("sensor", "spoil"),
    [
        ("market", _no_market),
        ("market", _future_market),
        ("account_stream", lambda w: w.forget_heartbeat("feed")),
        ("account_stream", lambda w: w.age_heartbeat("feed", 400)),
        ("account_stream", lambda w: w.feed_says(private="waiting")),
        ("equity", lambda w: w.age_equity(400)),
        ("equity", lambda w: w.age_equity(-3600)),
        ("reconciliation", lambda w: w.forget_heartbeat("reconciliation")),
        ("reconciliation", lambda w: w.age_heartbeat("reconciliation", 400)),
        ("breakers", lambda w: w.forget_heartbeat(BREAKERS)),
        ("breakers", lambda w: w.age_heartbeat(BREAKERS, 400)),
        ("beat", lambda w: w.forget_heartbeat(BEAT)),
        ("beat", lambda w: w.age_heartbeat(BEAT, -3600)),
        ("clock", _wrong_clock),
        ("clock", _clock_refused),
        ("halt_journal", _halt),
    ],
)
def test_each_fault_is_that_of_its_sensor_alone(
    watched: Watched, sensor: str, spoil: Spoil
) -> None:
    spoil(watched)
    assert set(watched.problems()) == {sensor}


def test_a_symbol_that_the_exchange_refuses_or_has_closed_needs_no_market(
    watched: Watched,
) -> None:
    class Some:
        """The market of the desk's symbol alone."""

        def get(self, symbol: str) -> MarketView | None:
            return watched.desk.market.get(symbol) if symbol == "BTCUSDT" else None

        def read(self, symbol: str) -> MarketReading:
            return MarketReading(self.get(symbol))

    watched.sensing.market = Some()
    watched.symbols.append("NOSUCHUSDT")
    assert watched.problems() == {"market": "missing: NOSUCHUSDT"}
    watched.feed_says(refused={"NOSUCHUSDT": "no such symbol"})
    assert watched.problems() == {}
    with watched.desk.db.transaction() as session:
        session.execute(update(InstrumentRow).values(status="Closed"))
    assert watched.problems() == {"market": "missing"}, "nothing is left to trade"


def test_an_audit_that_was_changed_is_a_fault(watched: Watched) -> None:
    watched.desk.approve()
    assert watched.problems() == {}
    watched.desk.approve("r-2")
    with watched.desk.db.transaction() as session:
        session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER ALL"))
        session.execute(_CHANGE, {"chain": ACCOUNT})
    assert set(watched.problems()) == {"audit"}


def test_an_audit_that_takes_no_entry_is_a_fault(watched: Watched, application_url: str) -> None:
    db = Database(application_url, pool_size=1)
    verifier = AuditVerifier(db, ACCOUNT)
    assert verifier.read(datetime.now(UTC)).fault is None
    with watched.desk.db.transaction() as session:
        session.execute(text("REVOKE INSERT ON audit_entry FROM test_application"))
    assert "can't be written" in str(verifier.read(datetime.now(UTC)).fault)
    db.dispose()


def test_a_trial_entry_is_never_kept(watched: Watched) -> None:
    before = watched.desk.audit_kinds()
    watched.problems()
    assert watched.desk.audit_kinds() == before


_CHANGE = text(
    """
    UPDATE audit_entry SET payload = '{}' WHERE chain = :chain
      AND seq = (SELECT max(seq) FROM audit_entry WHERE chain = :chain)
    """
)
