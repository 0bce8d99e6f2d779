"""The ledger of blocked trades: each one's worth, written once when its horizon is over."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from bot.clock import Clock
from bot.errors import MlriskError
from bot.gate_value.judging import Question, answer, question_of
from bot.gate_value.worth import TAKER_FEE, Worth
from bot.market.bars import MINUTE, Bar, MinuteSource
from bot.model_risk.outcomes import DEFAULT_HORIZON
from models.amounts import ZERO, stored
from models.database import Database
from models.enums import NotValued
from models.inserting import insert_unless_known
from models.repositories import gate_values
from models.tables import DecisionRow, GateValueRow

log = logging.getLogger(__name__)

LOOKS_BACK = timedelta(days=3)
"""Decisions of this time are judged: the longest horizon is a day, and the system may have been
down."""
LATE = timedelta(seconds=5)
"""The exchange tells a minute this long after its end."""
GIVEN_UP_AFTER = timedelta(hours=6)
"""A trade whose minutes the exchange has not told by then stays without a known worth."""
FEES_OF = timedelta(days=30)
FEES_FILLS = 1000
"""The newest fills of this time tell what a taker pays."""
BATCH = 200
"""Decisions in one transaction: each is read with its snapshot and decided again."""
BATCHES = 10
"""Transactions in one look, so that a flood of blocks is judged and nothing waits for long."""


@dataclass(frozen=True, slots=True)
class _Asked:
    row: DecisionRow
    question: Question


@dataclass
class _Run:
    """How far one look has come. It passes over trades whose minutes are missing."""

    after: tuple[datetime, str]
    """The time and the request id of the last decision that was read."""
    silent: set[str] = field(default_factory=set)
    """The symbols whose minutes can't be read now: one look asks once for each."""
    written: int = 0
    is_over: bool = False


@dataclass
class GateLedger:
    """Judges the blocked trades of one account. A second run finds them judged."""

    db: Database
    account: str
    minutes: MinuteSource
    clock: Clock

    def judge(self) -> int:
        """Judges those whose outcome can be known by now; returns how many lines it wrote."""
        run = _Run((self.clock.now() - LOOKS_BACK, ""))
        for _ in range(BATCHES):
            self._judge_batch(run)
            if run.is_over:
                break
        return run.written

    def _judge_batch(self, run: _Run) -> None:
        now = self.clock.now()
        with self.db.reading() as session:
            rows = gate_values.unjudged(
                session,
                self.account,
                run.after,
                now - LATE,
                default_horizon=DEFAULT_HORIZON,
                limit=BATCH,
            )
            run.is_over = len(rows) < BATCH
            if not rows:
                return
            rate = gate_values.taker_fee_rate(session, self.account, now - FEES_OF, FEES_FILLS)
        run.after = rows[-1].decided_at, rows[-1].request_id
        fee_rate = TAKER_FEE if rate is None else max(ZERO, stored(rate))
        asked = [_Asked(row, question_of(row)) for row in rows]
        bars = self._bars(asked, run.silent)
        lines = [
            line for each in asked if (line := self._line(each, bars, fee_rate, now)) is not None
        ]
        if not lines:
            return
        with self.db.unit_of_work() as uow:
            run.written += sum(insert_unless_known(uow.session, line) for line in lines)
            uow.commit()

    def _bars(self, asked: Sequence[_Asked], silent: set[str]) -> Mapping[str, Sequence[Bar]]:
        """The minutes of each symbol from its first decision to its last horizon. Adds to `silent`
        the symbols whose minutes can't be read."""
        spans: dict[str, tuple[datetime, datetime]] = {}
        for each in asked:
            missed = each.question.missed
            if missed is not None and missed.intent.symbol not in silent:
                symbol, (start, end) = missed.intent.symbol, missed.window
                first, last = spans.get(symbol, (start, end))
                spans[symbol] = min(first, start), max(last, end)
        found: dict[str, Sequence[Bar]] = {}
        for symbol, (start, end) in sorted(spans.items()):
            try:
                found[symbol] = self.minutes.minute_bars(symbol, start - MINUTE, end)
            except MlriskError as error:
                silent.add(symbol)
                log.warning(
                    "the minutes of blocked trades can't be read: %s",
                    error,
                    extra={"event": "minutes_of_blocked_trades_cant_be_read", "symbol": symbol},
                )
        return found

    def _line(
        self,
        asked: _Asked,
        bars: Mapping[str, Sequence[Bar]],
        fee_rate: Decimal,
        now: datetime,
    ) -> GateValueRow | None:
        """The line of one trade; None while the exchange may still tell its minutes."""
        question = asked.question
        found = answer(question, bars.get(asked.row.intent["symbol"], ()), fee_rate)
        if found is NotValued.NO_MINUTES and now - question.known_at <= GIVEN_UP_AFTER:
            return None
        blockers = question.attribution.blockers
        worth = found if isinstance(found, Worth) else None
        return GateValueRow(
            request_id=asked.row.request_id,
            account=self.account,
            strategy=asked.row.intent["strategy"],
            symbol=asked.row.intent["symbol"],
            side=asked.row.intent["side"],
            verdict=asked.row.verdict,
            decided_at=asked.row.decided_at,
            known_at=question.known_at,
            blockers=[blocker.name for blocker in blockers],
            shares=[blocker.share for blocker in blockers],
            not_valued=None if isinstance(found, Worth) else found,
            judged_at=now,
            fee_rate=None if worth is None else fee_rate,
            **_columns(worth),
        )


_WORTH = (
    *("qty", "entry_price", "exit_price", "ended_by", "ended_at"),
    *("spread", "impact", "fees", "profit", "equity"),
)


def _columns(worth: Worth | None) -> dict[str, object]:
    columns: dict[str, object] = {name: getattr(worth, name, None) for name in _WORTH}
    return columns | {"profit_bps": None if worth is None else float(worth.profit_bps)}
