"""A protective stop rests at the exchange for every open position.

A stop is a reduce-only conditional order that closes the whole position at the market when the mark
reaches its price, so that it fits the position however the position grows or shrinks. Each stop is
a row before it is sent. A look compares rows, positions and the exchange's list, and takes the next
step: place, confirm, replace (the new one rests before the old one is cancelled), or remove. A stop
that is not confirmed in time has failed: the breaker trips, and the position is closed.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from sqlalchemy.orm import Session

from bot.errors import DependencyDown, ExchangeRefused, MlriskError, Refused, Throttled
from bot.exchange.protocol import ExchangeOrder, StopIntent
from bot.execution.orders.identity import is_protective_stop, stop_link_id
from bot.execution.orders.one_by_one import each
from bot.execution.ports import Deps, LimitsSource, limits_for
from bot.execution.sending.cancelling import Cancels
from bot.execution.sending.rate_limiter import OrderRateLimiter
from bot.safety.positions import conditions, trades
from bot.safety.positions.exits import ACTOR
from bot.state import breakers
from config.keys.positions import PositionRules
from models.database import UnitOfWork
from models.enums import OrderStatus, ScopeKind, StopState, TradeSide
from models.locks import try_position_guard
from models.repositories import portfolio
from models.repositories.safety import stops, watching
from models.tables import PositionRow, PositionWatchRow, ProtectiveStopRow

log = logging.getLogger(__name__)

BREAKER = "protective_stop"
AGAIN_AFTER = timedelta(seconds=10)
"""The time until the next try after a stop that could not be placed."""
VERIFY_EVERY = timedelta(seconds=5)
"""How often a resting stop is looked for in the exchange's list."""
STRANGE_AFTER = timedelta(seconds=30)
"""The age from which a stop without a row is cancelled: the position has another one by then."""
SAME_SHARE = Decimal("0.05")
"""A stop is replaced when its distance from the entry is wrong by more than this share of it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The stop that a position should have."""

    symbol: str
    side: TradeSide
    qty: Decimal
    trigger_price: Decimal
    opened_at: datetime
    tolerance: Decimal
    is_crossed: bool = False
    """The mark is beyond its price already: the exchange would refuse it, and the position monitor
    closes the position."""

    def fits(self, stop: ProtectiveStopRow) -> bool:
        """Whether a stop does the same as this one."""
        return (
            stop.opened_at == self.opened_at
            and stop.side is self.side
            and abs(stop.trigger_price - self.trigger_price) <= self.tolerance
        )


class ProtectiveStops:
    """Keeps one account's protective stops."""

    def __init__(
        self, deps: Deps, limits: LimitsSource, rate_limiter: OrderRateLimiter | None = None
    ) -> None:
        """`rate_limiter` limits the rate of writes; without it only the exchange's limit holds."""
        self._deps = deps
        self._db = deps.db
        self._exchange = deps.exchange
        self._account = deps.account
        self._clock = deps.clock
        self._limits = limits
        self._cancels = Cancels(deps.exchange, rate_limiter, deps.account)
        self._rate_limiter = rate_limiter

    def guard(self) -> int:
        """Takes the next step for every symbol; returns the number of symbols with a stop to
        keep."""
        rules = limits_for(self._limits, reduce_only=True).positions
        with self._db.reading() as session:
            held = {row.symbol for row in watching.open_positions(session, self._account)}
            kept = {row.symbol for row in stops.open_stops(session, self._account)}
        symbols = sorted(kept | (held if rules.protective_stops else set()))
        what = "a protective stop can't be kept"
        return sum(each(symbols, lambda symbol: self._guard(symbol, rules), what))

    def cancel_strangers(self) -> int:
        """Cancels orders under ids of stops that no row explains; returns how many. They only
        reduce, but nothing would ever remove them."""
        now = self._clock.now()
        listed = [
            order
            for order in self._exchange.conditional_orders()
            if is_protective_stop(order.order_link_id)
            and now - (order.created_at or order.updated_at) >= STRANGE_AFTER
        ]
        with self._db.reading() as session:
            links = [order.order_link_id for order in listed]
            known = {
                stop.order_link_id
                for stop in stops.open_stops(session, self._account)
                if stop.order_link_id in links
            }
        strange = [order for order in listed if order.order_link_id not in known]
        for order in strange:
            self._cancels.send(order.symbol, order.order_link_id)
            with self._db.unit_of_work() as uow:
                facts = {"symbol": order.symbol, "order_id": order.order_id}
                link = order.order_link_id
                uow.audit(self._account, "protective_stop_called_back", link, ACTOR, facts, now)
                uow.commit()
        return len(strange)

    def _guard(self, symbol: str, rules: PositionRules) -> int:
        with (
            self._db.autocommit_connection() as connection,
            try_position_guard(connection, self._account, symbol) as is_ours,
        ):
            if not is_ours:
                return 0  # another process takes the same step at this moment
            with self._db.reading() as session:
                position = session.get(PositionRow, (self._account, symbol))
                known = [
                    stop
                    for stop in stops.open_stops(session, self._account)
                    if stop.symbol == symbol
                ]
                wanted = self._wanted(session, position, rules)
                failed_at = (
                    None
                    if wanted is None
                    else stops.newest_failure(session, self._account, symbol, wanted.opened_at)
                )
            return self._step(wanted, known, failed_at, rules)

    def _step(
        self,
        wanted: Wanted | None,
        known: Sequence[ProtectiveStopRow],
        failed_at: datetime | None,
        rules: PositionRules,
    ) -> int:
        now = self._clock.now()
        if _must_ask(known, wanted, now):
            known = self._confirm(known, rules)
        good = [stop for stop in known if wanted is not None and wanted.fits(stop)]
        resting = [stop for stop in good if stop.state is StopState.RESTING]
        may_place = wanted is not None and not wanted.is_crossed and not _waits(failed_at, now)
        if wanted is not None and may_place and not good:
            placed = self._place(wanted, rules)
            resting = [placed] if placed is not None and placed.state is StopState.RESTING else []
        if wanted is None or resting:
            keep = {stop.order_link_id for stop in resting[:1]}
            for stop in known:
                if stop.order_link_id not in keep:
                    self._remove(stop)
        return len(known)

    def _wanted(
        self, session: Session, position: PositionRow | None, rules: PositionRules
    ) -> Wanted | None:
        """The stop that a position should have; None when it is flat, or stops are off."""
        if position is None or not position.qty or not rules.protective_stops:
            return None
        entry, side = position.entry_price, 1 if position.qty > 0 else -1
        if entry is None:
            return None
        symbol, opened_at = position.symbol, position.opened_at or position.updated_at
        opening = TradeSide.BUY if side > 0 else TradeSide.SELL
        entries = watching.entries_of(session, self._account, symbol, opening, opened_at)
        price = conditions.stop_price(side, entry, rules, trades.tightest_stop(entries, side))
        watch = session.get(PositionWatchRow, (self._account, symbol))
        mark = watch.mark_price if watch is not None and watch.opened_at == opened_at else None
        known = portfolio.instrument(session, symbol)
        tick = Decimal(0) if known is None else known.tick_size
        if tick:
            # Never looser than the price itself.
            way = ROUND_CEILING if side > 0 else ROUND_FLOOR
            price = (price / tick).to_integral_value(way) * tick
        return Wanted(
            symbol=symbol,
            side=TradeSide.SELL if side > 0 else TradeSide.BUY,
            qty=abs(position.qty),
            trigger_price=price,
            opened_at=opened_at,
            tolerance=max(abs(entry - price) * SAME_SHARE, tick),
            is_crossed=mark is not None and (mark - price) * side <= 0,
        )

    def _place(self, wanted: Wanted, rules: PositionRules) -> ProtectiveStopRow | None:
        """Writes a stop and sends it; returns its row, None when the rate limiter makes it wait."""
        stop = self._write(wanted)
        link = stop.order_link_id
        try:
            self._take_turn(link)
            ack = self._exchange.place(stop.body)
        except (ExchangeRefused, Refused) as error:
            return self._fail(link, f"the exchange refused it: {error.message}", ended=True)
        except (Throttled, DependencyDown) as error:
            return self._not_taken(stop, error, rules)
        except MlriskError as error:
            # Taken or not: the list tells.
            log.warning(
                "whether a protective stop was taken is unknown: %s",
                error,
                extra={"event": "protective_stop_unanswered", "stop": link},
            )
            return stop
        with self._db.unit_of_work() as uow:
            row = stops.lock_stop(uow.session, self._account, link)
            row.order_id = ack.order_id
            uow.commit()
        return next(iter(self._confirm([row], rules)), None)

    def _take_turn(self, link: str) -> None:
        """Raises Throttled when the rate limiter makes the stop wait."""
        if self._rate_limiter is None:
            return
        wait = self._rate_limiter.take(self._account, order=link, is_exit=True)
        if wait > 0:
            raise Throttled("the rate limiter makes the stop wait", after_seconds=wait)

    def _not_taken(
        self, stop: ProtectiveStopRow, error: MlriskError, rules: PositionRules
    ) -> ProtectiveStopRow | None:
        """The next look tries again; a position that waits too long for its stop is closed."""
        why = f"the exchange did not take it: {error.message}"
        with self._db.reading() as session:
            since = stops.unprotected_since(session, self._account, stop.symbol, stop.opened_at)
        limit = timedelta(seconds=rules.stop_confirm_seconds)
        if since is not None and self._clock.now() - since >= limit:
            return self._fail(stop.order_link_id, why, ended=True)
        self._end(stop.order_link_id, why)
        return None

    def _write(self, wanted: Wanted) -> ProtectiveStopRow:
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            number = stops.next_number(uow.session, self._account, wanted.symbol)
            link = stop_link_id(self._account, wanted.symbol, wanted.opened_at, number)
            body = self._exchange.stop_body(
                StopIntent(link, wanted.symbol, wanted.side, wanted.qty, wanted.trigger_price)
            )
            row = ProtectiveStopRow(
                account=self._account,
                order_link_id=link,
                symbol=wanted.symbol,
                opened_at=wanted.opened_at,
                number=number,
                side=wanted.side,
                qty=wanted.qty,
                trigger_price=wanted.trigger_price,
                state=StopState.PLACING,
                body=body,
                asked_at=now,
            )
            uow.session.add(row)
            self._audit(uow, row, "protective_stop_placed", now)
            uow.commit()
        return row

    def _confirm(
        self, known: Sequence[ProtectiveStopRow], rules: PositionRules
    ) -> list[ProtectiveStopRow]:
        """Compares stops with the exchange's list; returns those that may still rest."""
        listed = {order.order_link_id: order for order in self._exchange.conditional_orders()}
        left = (self._told(stop, listed.get(stop.order_link_id), rules) for stop in known)
        return [stop for stop in left if stop is not None]

    def _told(
        self, stop: ProtectiveStopRow, listed: ExchangeOrder | None, rules: PositionRules
    ) -> ProtectiveStopRow | None:
        now = self._clock.now()
        if listed is not None:
            return self._seen(stop, listed, now)
        order = self._exchange.find_order(stop.symbol, stop.order_link_id)
        if order is not None and order.status.is_final:
            words = order.words or order.raw_status
            if order.status is OrderStatus.REJECTED:
                return self._fail(stop.order_link_id, f"the exchange ended it: {words}", ended=True)
            self._end(stop.order_link_id, words, order_id=order.order_id)
            return None
        limit = timedelta(seconds=rules.stop_confirm_seconds)
        if stop.state is StopState.PLACING and now - stop.asked_at >= limit:
            return self._fail(stop.order_link_id, f"it is not listed after {limit.seconds} s")
        if stop.state is not StopState.PLACING and order is None:
            self._end(stop.order_link_id, "the exchange does not know it any more")
            return None
        return stop

    def _seen(
        self, stop: ProtectiveStopRow, listed: ExchangeOrder, now: datetime
    ) -> ProtectiveStopRow:
        with self._db.unit_of_work() as uow:
            row = stops.lock_stop(uow.session, self._account, stop.order_link_id)
            row.seen_at, row.order_id = now, listed.order_id
            if row.state is StopState.PLACING:
                row.state, row.confirmed_at = StopState.RESTING, now
                self._audit(uow, row, "protective_stop_confirmed", now)
            uow.commit()
        return row

    def _fail(self, link: str, why: str, *, ended: bool = False) -> ProtectiveStopRow | None:
        """A stop that does not rest: the breaker trips, and the position monitor closes the
        position, because nothing protects it."""
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            row = stops.lock_stop(uow.session, self._account, link)
            row.failed_at = now
            row.state = StopState.ENDED if ended else StopState.CANCELLING
            row.end_reason = why
            if ended:
                row.ended_at = now
            reason = f"{row.symbol} has no protective stop at the exchange: {why}"
            scope = breakers.BreakerScope(ScopeKind.SYMBOL, row.symbol)
            found = breakers.Finding(BREAKER, "none", "one stop", reason, scope)
            breakers.trip(uow, self._account, found, actor=ACTOR, now=now)
            self._audit(uow, row, "protective_stop_failed", now, why=why)
            uow.commit()
        log.critical(
            "a protective stop failed: %s",
            reason,
            extra={"event": "protective_stop_failed", "symbol": row.symbol, "stop": link},
        )
        return None if ended else row

    def _end(self, link: str, why: str, *, order_id: str | None = None) -> None:
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            row = stops.lock_stop(uow.session, self._account, link)
            row.state, row.ended_at = StopState.ENDED, now
            row.end_reason = row.end_reason or why
            row.order_id = order_id or row.order_id
            self._audit(uow, row, "protective_stop_ended", now, why=why)
            uow.commit()

    def _remove(self, stop: ProtectiveStopRow) -> None:
        """Asks for a stop's cancel; the next looks confirm it."""
        if stop.state is not StopState.CANCELLING:
            with self._db.unit_of_work() as uow:
                row = stops.lock_stop(uow.session, self._account, stop.order_link_id)
                row.state = StopState.CANCELLING
                uow.commit()
        self._cancels.send(stop.symbol, stop.order_link_id)

    def _audit(
        self,
        uow: UnitOfWork,
        row: ProtectiveStopRow,
        kind: str,
        now: datetime,
        why: str | None = None,
    ) -> None:
        facts = {
            "symbol": row.symbol,
            "side": row.side.value,
            "trigger_price": format(row.trigger_price, "f"),
            **({} if why is None else {"why": why}),
        }
        uow.audit(self._account, kind, row.order_link_id, ACTOR, facts, now)


def _waits(failed_at: datetime | None, now: datetime) -> bool:
    return failed_at is not None and now - failed_at < AGAIN_AFTER


def _must_ask(known: Sequence[ProtectiveStopRow], wanted: Wanted | None, now: datetime) -> bool:
    """Whether the exchange's list is needed: something is under way, or the last look is old."""
    return any(
        wanted is None
        or stop.state is not StopState.RESTING
        or stop.seen_at is None
        or now - stop.seen_at >= VERIFY_EVERY
        for stop in known
    )
