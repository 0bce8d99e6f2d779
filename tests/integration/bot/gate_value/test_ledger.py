"""The ledger on real Postgres: each blocked trade once, whole batches or nothing, for ever."""

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.errors import DependencyDown
from bot.gate_value import ledger as ledger_module
from bot.gate_value.ledger import GateLedger
from bot.gate_value.summary import daily_line, summary
from bot.market.bars import MINUTE, Bar
from models.enums import NotValued, ValueEnd, Verdict
from models.tables import GateValueRow
from tests.support.desk import ACCOUNT, Desk
from tests.support.repository import ROOT

pytestmark = pytest.mark.services

D = Decimal


class Minutes:
    """The exchange's minutes, by a price for each minute's end."""

    def __init__(self, close: Callable[[datetime], Decimal]) -> None:
        self.close = close
        self.away = False
        self.missing_before: datetime | None = None
        self.asked = 0

    def minute_bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[Bar]:
        self.asked += 1
        if self.away:
            raise DependencyDown("the exchange is away")
        first = start.replace(second=0, microsecond=0)
        starts = [first + number * MINUTE for number in range(int((end - first) / MINUTE) + 1)]
        if self.missing_before is not None:
            starts = [at for at in starts if at >= self.missing_before]
        prices = [self.close(at + MINUTE) for at in starts]
        return [Bar(at, p, p, p, p, D(1), p) for at, p in zip(starts, prices, strict=True)]


@pytest.fixture
def ledger(desk: Desk) -> GateLedger:
    """A market that falls by a percent each minute: a purchase that is blocked saves a loss."""
    epoch = desk.clock.now()
    minutes = Minutes(lambda at: D(60_000) - 600 * D(int((at - epoch) / MINUTE)))
    return GateLedger(desk.db, ACCOUNT, minutes, desk.clock)


def block(desk: Desk, request_id: str, *, side: str = "buy", **signal: object) -> None:
    asked = {"position_size": "2000", "horizon_seconds": 60} | signal
    answer = desk.approve(request_id, side=side, signal_data=asked)
    assert answer["verdict"] == Verdict.DENY, answer


def lines(desk: Desk) -> dict[str, GateValueRow]:
    with desk.db.reading() as session:
        return {row.request_id: row for row in session.query(GateValueRow)}


def test_blocks_are_judged_once_after_their_horizon_and_never_change(
    desk: Desk, ledger: GateLedger
) -> None:
    desk.limits.change(min_confidence=0.99)
    block(desk, "bought")
    block(desk, "sold", side="sell")
    block(desk, "far", limit_price="50000")
    block(desk, "out", side="sell", reduce_only=True)
    assert ledger.judge() <= 1, "only the exit may be told before the horizon"
    desk.pass_time(180)
    ledger.judge()
    assert ledger.judge() == 0
    found = lines(desk)
    assert found.keys() == {"bought", "sold", "far", "out"}
    bought, sold = found["bought"], found["sold"]
    assert bought.blockers == ["confidence"]
    assert bought.profit is not None
    assert bought.profit < 0
    assert sold.profit is not None
    assert sold.profit > 0
    assert (bought.ended_by, bought.not_valued) == (ValueEnd.HORIZON, None)
    assert found["far"].not_valued is NotValued.LIMIT_NOT_REACHED
    assert found["far"].profit is None
    assert found["out"].not_valued is NotValued.EXIT
    since = desk.clock.now() - timedelta(hours=1)
    with desk.db.reading() as session:
        told = summary(session, since, desk.clock.now())
        line = daily_line(session, since, desk.clock.now())
    (value,) = [each for each in told.values if each.name == "confidence"]
    assert (value.blocks, value.false_blocks, value.unknown["limit_not_reached"]) == (2, 1, 1)
    assert value.net == -(bought.profit + sold.profit)
    assert "4 blocks judged" in line
    for change in ("UPDATE gate_value SET profit = 0", "DELETE FROM gate_value"):
        with pytest.raises(DBAPIError, match="written once"), desk.db.transaction() as session:
            session.execute(text(change))


def test_minutes_that_are_late_are_waited_for_and_given_up_in_the_end(
    desk: Desk, ledger: GateLedger
) -> None:
    desk.limits.change(min_confidence=0.99)
    block(desk, "one")
    desk.pass_time(300)
    ledger.minutes.away = True  # type: ignore[attr-defined]
    assert ledger.judge() == 0
    ledger.minutes.away = False  # type: ignore[attr-defined]
    assert ledger.judge() == 1
    block(desk, "two")
    ledger.minutes.away = True  # type: ignore[attr-defined]
    desk.pass_time(timedelta(hours=7).total_seconds())
    assert ledger.judge() == 1
    assert lines(desk)["two"].not_valued is NotValued.NO_MINUTES


def test_blocks_that_wait_for_their_minutes_hold_up_no_later_ones(
    desk: Desk, ledger: GateLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "BATCH", 2)
    desk.limits.change(min_confidence=0.99)
    for name in ("waits-1", "waits-2", "waits-3"):
        block(desk, name)
    desk.pass_time(180)
    ledger.minutes.missing_before = desk.clock.now()  # type: ignore[attr-defined]
    block(desk, "later")
    desk.pass_time(180)
    assert ledger.judge() == 1
    assert lines(desk).keys() == {"later"}
    ledger.minutes.missing_before = None  # type: ignore[attr-defined]
    assert ledger.judge() == 3


def test_an_exchange_that_is_away_is_asked_once_a_symbol_and_run(
    desk: Desk, ledger: GateLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "BATCH", 2)
    desk.limits.change(min_confidence=0.99)
    for number in range(5):
        block(desk, f"r-{number}")
    desk.pass_time(180)
    ledger.minutes.away = True  # type: ignore[attr-defined]
    assert ledger.judge() == 0
    assert ledger.minutes.asked == 1  # type: ignore[attr-defined]


def test_what_takers_paid_is_the_fee_of_the_trade(desk: Desk, ledger: GateLedger) -> None:
    desk.approve("traded")
    desk.send(desk.child().child_id)
    desk.stream()
    with desk.db.reading() as session:
        paid = session.execute(text("SELECT sum(fee) / sum(qty * price) FROM fill")).scalar_one()
    desk.limits.change(min_confidence=0.99)
    block(desk, "blocked")
    desk.pass_time(180)
    assert ledger.judge() == 1
    assert lines(desk)["blocked"].fee_rate == pytest.approx(D(paid))


KILLED = """
import os, signal, sys
from datetime import datetime
from decimal import Decimal
from sqlalchemy import event
from bot.clock import FixedClock
from bot.gate_value.ledger import GateLedger
from bot.market.bars import MINUTE, Bar
from models.database import Database

class Minutes:
    def minute_bars(self, symbol, start, end):
        first = start.replace(second=0, microsecond=0)
        p = Decimal(60000)
        return [Bar(first + n * MINUTE, p, p, p, p, p, p) for n in range(600)]

db = Database(sys.argv[1])
written = []

@event.listens_for(db.engine, "after_cursor_execute")
def count(connection, cursor, statement, *rest):
    if "INSERT INTO gate_value" in statement:
        written.append(statement)
        if len(written) == 3:
            os.kill(os.getpid(), signal.SIGKILL)

GateLedger(db, sys.argv[2], Minutes(), FixedClock(datetime.fromisoformat(sys.argv[3]))).judge()
"""


def test_a_process_killed_in_the_middle_leaves_nothing_and_the_next_one_all(
    desk: Desk, ledger: GateLedger, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.limits.change(min_confidence=0.99)
    names = {f"r-{number}" for number in range(5)}
    for name in sorted(names):
        block(desk, name)
    desk.pass_time(180)
    arguments = [migrated_url, ACCOUNT, desk.clock.now().isoformat()]
    died = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert lines(desk) == {}
    with desk.db.reading() as session:
        told = summary(session, desk.clock.now() - timedelta(hours=1), desk.clock.now())
    assert (told.judged, told.not_judged) == (0, len(names))
    monkeypatch.setattr(ledger_module, "BATCH", 2)
    assert ledger.judge() == len(names)
    assert lines(desk).keys() == names
