"""Looks at each open position: prices every two seconds, the rest at the configured interval."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.clock import Clock
from bot.execution.orders.one_by_one import each
from bot.execution.ports import LimitsSource, MarketCache, limits_for
from bot.market.reading import MarketReading
from bot.risk import alerts
from bot.risk.limits import RiskLimits
from bot.safety.halting import global_state
from bot.safety.positions import conditions, trades
from bot.safety.positions.conditions import Alarm, Cause, Confidence, Watched
from bot.safety.positions.exits import ACTOR, PositionExits
from config.keys.positions import PositionRules
from models.database import Database, UnitOfWork
from models.enums import TradeSide
from models.repositories.safety import stops, watching
from models.tables import PositionRow, PositionWatchRow, TradeRequestRow

log = logging.getLogger(__name__)

FRESH = timedelta(seconds=10)
"""The oldest mark by which a position is judged."""


@dataclass
class PositionMonitor:
    """Watches one account's positions. It remembers in rows, so that restarts change nothing."""

    db: Database
    account: str
    market: MarketCache
    limits: LimitsSource
    clock: Clock
    exits: PositionExits
    decide: Callable[[str], object]
    """Decides a stored request at once; the dispatcher repeats what fails."""
    halt: Callable[[str], object]
    """Finishes a halt whose state is set: stops entries under way, and seals."""

    def look(self) -> int:
        """Looks at each open position; returns the number of exits that were asked for."""
        with self.db.reading() as session:
            held = watching.open_positions(session, self.account)
            known = watching.watches(session, self.account)
        gone = sorted(known.keys() - {position.symbol for position in held})
        if gone:
            with self.db.transaction() as session:
                watching.forget(session, self.account, gone)
        if not held:
            return 0
        limits = limits_for(self.limits, reduce_only=True)
        what = "an open position can't be looked at"
        return sum(each(held, lambda one: self._look_at(one.symbol, limits, held), what))

    def _look_at(self, symbol: str, limits: RiskLimits, held: Sequence[PositionRow]) -> int:
        reading = self.market.read(symbol)
        with self.db.unit_of_work() as uow:
            look = self._begin(uow, symbol, reading)
            if look is None:
                return 0
            if look.mark is None:
                self._tell(look, _no_price(symbol))
                uow.commit()
                return 0
            if _is_due(look, limits.positions):
                self._look_fully(look, limits, _moving_along(look.position, reading, held, limits))
            halted = self._halt(look, conditions.drawdown(look.watched, limits.positions))
            for finding in conditions.alerts(look.watched, limits.positions):
                self._tell(look, finding)
            asked = self._close(look, limits)
            uow.commit()
        if asked is not None:
            self.decide(asked)
        if halted is not None:
            self.halt(halted.sentence)
        return int(asked is not None)

    def _begin(self, uow: UnitOfWork, symbol: str, reading: MarketReading) -> "_Look | None":
        """The position and the memory of it, locked; None when it is flat meanwhile."""
        watch = watching.lock_watch(uow.session, self.account, symbol)
        position = uow.session.get(PositionRow, (self.account, symbol), populate_existing=True)
        if position is None or not position.qty:
            return None
        opened_at = position.opened_at or position.updated_at
        if watch is None:
            watch = watching.new_watch(uow.session, self.account, symbol, opened_at)
        now = self.clock.now()
        mark = _mark(reading, position, now)
        if watch.opened_at != opened_at:
            watch.opened_at, watch.told = opened_at, ()
            watch.best_price = watch.mark_price = None
            watch.looked_at = watch.crossed_at = None
        side = TradeSide.BUY if position.qty > 0 else TradeSide.SELL
        entries = watching.entries_of(uow.session, self.account, symbol, side, opened_at)
        return _Look(uow, now, position, watch, entries, mark)

    def _look_fully(self, look: "_Look", limits: RiskLimits, moving_along: int) -> None:
        """Adds what costs more than a comparison of prices: confidence and correlation."""
        look.watch.looked_at = look.now
        look.confidences = trades.confidences(look.uow.session, look.entries)
        crowded = conditions.crowd(look.watched, moving_along, limits.max_correlated_positions)
        if crowded is not None:
            self._tell(look, crowded)

    def _close(self, look: "_Look", limits: RiskLimits) -> str | None:
        """Asks for an exit if there is a reason; returns its request's id."""
        least = limits.min_liquidation_distance
        found = conditions.exits(look.watched, limits.positions, least, look.now)
        found = self._beside_the_stop(look, found, limits.positions)
        if not found:
            return None
        return self.exits.ask(look.uow, look.position, found[0], look.watched.mark, look.now)

    def _beside_the_stop(
        self, look: "_Look", found: list[Alarm], rules: PositionRules
    ) -> list[Alarm]:
        """Leaves a loss to the stop at the exchange for a while, and closes what that does not
        close. A position whose stop failed is closed at once."""
        session, watch = look.uow.session, look.watch
        key = (session, self.account, watch.symbol, watch.opened_at)
        if not any(alarm.cause in conditions.OF_THE_STOP for alarm in found):
            watch.crossed_at = None
        elif watch.crossed_at is None:
            watch.crossed_at = look.now
        if stops.protects(*key):
            open_for = look.now - (watch.crossed_at or look.now)
            if open_for >= timedelta(seconds=rules.stop_fill_seconds):
                return [conditions.stop_did_not_close(watch.symbol, open_for, rules)]
            return [alarm for alarm in found if alarm.cause not in conditions.OF_THE_STOP]
        if rules.protective_stops and stops.newest_failure(*key) is not None:
            return [conditions.stop_failed(watch.symbol), *found]
        return found

    def _halt(self, look: "_Look", found: Alarm | None) -> Alarm | None:
        """Sets the state to HALTED, once for a position, so that an operator can resume."""
        if found is None or not self._tell(look, found, kind="position_drawdown"):
            return None
        reason = f"position drawdown: {found.sentence}"
        global_state.set_halted(look.uow, reason=reason, actor=ACTOR, now=look.now)
        return found

    def _tell(self, look: "_Look", found: Alarm, *, kind: str = "position_alert") -> bool:
        """Alerts of a finding once for a position; returns whether it is news."""
        watch = look.watch
        if found.cause.value in watch.told:
            return False
        watch.told = (*watch.told, found.cause.value)
        facts = {
            "cause": found.cause.value,
            "value": found.value,
            "limit": found.limit,
            "reason": found.sentence,
            "qty": format(look.position.qty, "f"),
        }
        look.uow.audit(self.account, kind, watch.symbol, ACTOR, facts, look.now)
        level = alerts.of_entry(kind, facts)
        log.log(
            alerts.LOG_LEVELS[level],
            "an open position needs attention: %s",
            found.sentence,
            extra={
                "event": "position_alert",
                "kind": kind,
                "alert": level.value,
                "symbol": watch.symbol,
                "cause": found.cause.value,
            },
        )
        return True


class _Look:
    """One look at one position. Its memory takes the new mark in."""

    def __init__(
        self,
        uow: UnitOfWork,
        now: datetime,
        position: PositionRow,
        watch: PositionWatchRow,
        entries: Sequence[TradeRequestRow],
        mark: Decimal | None,
    ) -> None:
        self.uow = uow
        self.now = now
        self.position = position
        self.watch = watch
        self.entries = entries
        self.mark = mark
        self.confidences: tuple[Confidence, ...] = ()
        if mark is not None:
            best = watch.best_price or position.entry_price or mark
            watch.best_price = conditions.better(self._sign, best, mark)
            watch.mark_price = mark
            watch.told = tuple(cause for cause in watch.told if cause != Cause.NO_PRICE)

    @property
    def _sign(self) -> int:
        return 1 if self.position.qty > 0 else -1

    @property
    def watched(self) -> Watched:
        """The position as the conditions read it. Raises LookupError without a mark."""
        if self.mark is None:
            raise LookupError(f"the mark of {self.position.symbol} is unknown")
        return Watched(
            symbol=self.position.symbol,
            qty=self.position.qty,
            mark=self.mark,
            opened_at=self.watch.opened_at,
            entry_price=self.position.entry_price,
            best_price=self.watch.best_price,
            liquidation_price=self.position.liquidation_price,
            strategy_stop=trades.tightest_stop(self.entries, self._sign),
            confidences=self.confidences,
        )


def _mark(reading: MarketReading, position: PositionRow, now: datetime) -> Decimal | None:
    """The newest mark of the market view or of the exchange's answer about the position."""
    known: list[tuple[datetime, Decimal]] = []
    view = reading.view
    if view is not None and view.mark is not None:
        known.append((view.as_of, view.mark))
    if position.marked_at is not None and position.mark_price is not None:
        known.append((position.marked_at, position.mark_price))
    at, mark = max(known, default=(None, None), key=lambda one: one[0])
    return mark if at is not None and now - at <= FRESH else None


def _is_due(look: _Look, rules: PositionRules) -> bool:
    """Whether it is time for more than a comparison of prices."""
    last = look.watch.looked_at
    return last is None or look.now - last >= timedelta(seconds=rules.check_interval_seconds)


def _no_price(symbol: str) -> Alarm:
    sentence = f"the mark of {symbol} is unknown; only the stop at the exchange protects it"
    return Alarm(Cause.NO_PRICE, "unknown", f"{FRESH.total_seconds():g} s", sentence)


def _moving_along(
    position: PositionRow,
    reading: MarketReading,
    held: Sequence[PositionRow],
    limits: RiskLimits,
) -> int:
    """The number of other positions that move with this one; an unknown correlation counts."""
    count = 0
    for other in held:
        if other.symbol == position.symbol:
            continue
        known = reading.correlations.get(other.symbol)
        same = (other.qty > 0) == (position.qty > 0)
        if known is None or (known if same else -known) >= limits.correlation_threshold:
            count += 1
    return count
