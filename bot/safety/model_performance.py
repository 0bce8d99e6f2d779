"""Whether the strategies' models are as good as they say: predictions, outcomes, consequences.

Every prediction counts, blocked ones included, and its outcome is the market's at its horizon. Our
own fills decide nothing, because the gate chooses which predictions get any.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.clock import Clock
from bot.errors import MlriskError
from bot.market.bars import MINUTE, MinuteSource
from bot.model_risk import budget, outcomes
from bot.model_risk.betting import SHORTFALLS, Detector, lane_for
from bot.state import breakers, model_shrink
from bot.state.breakers import BreakerScope
from models.database import Database, UnitOfWork
from models.enums import CircuitBreakerType, ScopeKind
from models.locks import try_lock_predictions
from models.repositories import predictions
from models.repositories.predictions import Streams
from models.tables import ModelLaneRow, PredictionRow, TradeRequestRow

log = logging.getLogger(__name__)

LOOKS_BACK = timedelta(days=2)
"""Requests that were received within this time are looked for."""
LATE = timedelta(seconds=5)
"""The exchange tells a minute this long after its end."""
GIVEN_UP_AFTER = timedelta(hours=6)
"""An outcome whose minutes the exchange has not told by then stays unknown."""
_BATCH = 100
"""The rows of a transaction."""
_READ = 500
"""The waiting predictions of a read. Those that the exchange keeps waiting are among them, and must
not fill it."""
_MOST_BATCHES = 20
"""In one look. What is left waits for the next one."""
_WINDOW = "since the last reset, by stakes of a month"


@dataclass
class ModelPerformance:
    """Notes predictions of one account, settles them, and acts on what the bets say."""

    db: Database
    account: str
    minutes: MinuteSource
    clock: Clock

    def look(self) -> int:
        """One look; returns how many outcomes became known.

        It goes on until nothing is left to note or to settle, in transactions of a hundred rows.
        None of them holds a lock that a decision or a sender waits for.
        """
        for _ in range(_MOST_BATCHES):
            if self._note() < _BATCH:
                break
        settled = 0
        for _ in range(_MOST_BATCHES):
            found = self._settle()
            settled += found
            if found < _READ:
                break
        return settled

    def _note(self) -> int:
        """Notes the oldest predictions that are not noted yet; returns how many."""
        now = self.clock.now()
        with self.db.unit_of_work() as uow:
            if not try_lock_predictions(uow.session, self.account):
                return 0
            since = now - LOOKS_BACK
            asked = predictions.newly_asked(uow.session, self.account, since, _BATCH)
            streams = Streams(uow.session, self.account, live_since=now - budget.SHRINK_EVERY)
            for request in asked:
                self._note_one(uow, streams, request, now)
            uow.commit()
        return len(asked)

    def _note_one(
        self, uow: UnitOfWork, streams: Streams, request: TradeRequestRow, now: datetime
    ) -> None:
        said = request.payload["ml_predictions"]
        stream = (request.strategy, str(said.get("model_version") or ""), request.symbol)
        at = request.received_at
        horizon = request.payload["signal_data"].get("horizon_seconds")
        start, end = outcomes.window(at, None if horizon is None else float(horizon))
        last, live = streams.last(stream), streams.live
        streams.note(stream, at)
        uow.session.add(
            PredictionRow(
                request_id=request.request_id,
                account=self.account,
                strategy=stream[0],
                model_version=stream[1],
                symbol=stream[2],
                side=request.side,
                stated=float(said["confidence"]),
                predicted_at=at,
                starts_at=start,
                known_at=end,
                lane=self._lane(uow, streams, stream, at, end, now),
                stake=budget.stake(None if last is None else at - last, live),
            )
        )

    def _lane(
        self,
        uow: UnitOfWork,
        streams: Streams,
        stream: predictions.Stream,
        at: datetime,
        known_at: datetime,
        now: datetime,
    ) -> int:
        lanes = streams.lanes(stream)
        number = lane_for([lane.free_at.timestamp() for lane in lanes], at.timestamp())
        if number < len(lanes):
            lanes[number].free_at = known_at
            return number
        lane = ModelLaneRow(
            account=self.account,
            strategy=stream[0],
            model_version=stream[1],
            symbol=stream[2],
            lane=number,
            free_at=known_at,
            sums=[0.0] * len(SHORTFALLS),
            labels=0,
            changed_at=now,
        )
        uow.session.add(lane)
        lanes.append(lane)
        return number

    def _settle(self) -> int:
        """Settles the oldest predictions whose outcome is known; returns how many."""
        now = self.clock.now()
        with self.db.reading() as session:
            waiting = predictions.waiting(session, self.account, now - LATE, _READ)
        closes = self._closes(waiting)
        prices = {}
        for row in waiting:
            ends = [closes.get((row.symbol, end)) for end in (row.starts_at, row.known_at)]
            if None not in ends or now - row.known_at > GIVEN_UP_AFTER:
                prices[row.request_id] = ends
        known = list(prices)
        parts = [known[at : at + _BATCH] for at in range(0, len(known), _BATCH)]
        return sum(self._settle_part({name: prices[name] for name in part}, now) for part in parts)

    def _settle_part(self, prices: Mapping[str, Sequence[Decimal | None]], now: datetime) -> int:
        """Settles some predictions by their prices, in one transaction; returns how many."""
        with self.db.unit_of_work() as uow:
            if not try_lock_predictions(uow.session, self.account):
                return 0
            streams = Streams(uow.session, self.account, live_since=now - budget.SHRINK_EVERY)
            rows = predictions.unsettled(uow.session, prices.keys())
            for row in rows:
                self._settle_one(uow, streams, row, prices[row.request_id], now)
            uow.commit()
        return len(rows)

    def _closes(self, rows: Sequence[PredictionRow]) -> dict[tuple[str, datetime], Decimal]:
        """The closes of the symbols' minutes, by symbol and the minute's end."""
        found: dict[tuple[str, datetime], Decimal] = {}
        for symbol in sorted({row.symbol for row in rows}):
            ends = [end for r in rows if r.symbol == symbol for end in (r.starts_at, r.known_at)]
            try:
                bars = self.minutes.minute_bars(symbol, min(ends) - MINUTE, max(ends))
            except MlriskError as error:
                log.warning(
                    "the minutes of outcomes can't be read: %s",
                    error,
                    extra={"event": "the_minutes_of_outcomes_cant_be_read", "symbol": symbol},
                )
                continue
            found |= {(symbol, bar.end): bar.close for bar in bars}
        return found

    def _settle_one(
        self,
        uow: UnitOfWork,
        streams: Streams,
        row: PredictionRow,
        prices: Sequence[Decimal | None],
        now: datetime,
    ) -> None:
        row.start_price, row.end_price = prices
        row.outcome = outcomes.outcome(row.side, row.start_price, row.end_price)
        row.settled_at = now
        if row.outcome is None:
            return
        stream = (row.strategy, row.model_version, row.symbol)
        lane = streams.lanes(stream)[row.lane]
        after = Detector(tuple(lane.sums)).after(row.stated, row.outcome, row.stake)
        lane.sums, lane.labels, lane.changed_at = list(after.sums), lane.labels + 1, now
        if self._act(uow, row, after.evidence, now):
            lane.sums = [0.0] * len(SHORTFALLS)

    def _act(self, uow: UnitOfWork, row: PredictionRow, evidence: float, now: datetime) -> bool:
        """Shrinks or stops the strategy; returns whether the lane begins anew."""
        if evidence < budget.SHRINK_AT:
            return False
        scope = BreakerScope(ScopeKind.STRATEGY, row.strategy)
        reason = (
            f"model {row.model_version or 'without a version'} in {row.symbol} is right less often "
            f"than it states: the bets against it have won {evidence:.2f} of "
        )
        if evidence < budget.STOP_AT:
            reason += f"{budget.SHRINK_AT:.2f}, and sizes shrink"
            model_shrink.shrink(uow, self.account, scope, reason=reason, now=now)
            return False
        found = breakers.Finding(
            CircuitBreakerType.MODEL_PERFORMANCE_DEGRADED,
            f"{evidence:.2f}",
            f"{budget.STOP_AT:.2f}",
            reason + f"{budget.STOP_AT:.2f}, and the strategy is stopped",
            scope=scope,
            window=_WINDOW,
        )
        breakers.trip(uow, self.account, found, actor="monitor", now=now)
        return True
