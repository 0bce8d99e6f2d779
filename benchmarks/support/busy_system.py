"""A small system with much under way: slices of live TWAPs go out, and orders rest at the exchange.

Workers, feed, beat, Redis and the paper exchange are processes of its own. The resting orders are
rows like those of an approved trade, and the same orders at the exchange, so far from the market
that nothing fills them.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from pydantic import SecretStr
from sqlalchemy import func, select, text

from benchmarks.support.whole_system import LIFTED, QUEUE, REQUEST, SYMBOLS, sender
from bot.clock import SystemClock
from bot.exchange.bybit.config import BybitConfig, BybitMode
from bot.exchange.bybit.http import BybitExchange
from bot.exchange.protocol import OrderIntent, OrderType, TimeInForce
from bot.execution.orders.identity import PREFIX
from bot.limits.source import ConfiguredLimits
from bot.safety.halting.halt import TradingHalt
from bot.safety.recovery.resetting import Recovery
from bot.state.breakers import BreakerScope
from config.identity import PAPER_ACCOUNT
from config.settings import load_settings
from models.enums import ScopeKind, Style, TradeSide, TradingState, Verdict
from models.open_rows import PARENT_IS_OPEN
from models.repositories.safety import states
from models.tables import BreakerRow, ChildOrderRow, DecisionRow, ParentOrderRow
from tests.support.bulk import PARENT_UNDER_WAY, PLANNED_CHILD, Bulk
from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, mini_system, trade_request

SLICE_SECONDS = 2.0
SLICES = 60
SLICE_NOTIONAL = 200
"""A lot or more of every symbol, and nothing near a limit."""
QTY = Decimal("0.01")
WAIT_SECONDS = 180.0
_SIDES = {SYMBOLS[0]: TradeSide.BUY, SYMBOLS[1]: TradeSide.SELL}
_FAR = {TradeSide.BUY: Decimal("0.92"), TradeSide.SELL: Decimal("1.08")}
"""Where orders rest, in shares of the last price."""
_BATCH = 20
_PAUSE_SECONDS = 0.5
_OPERATOR = "benchmark"
OVERRIDES: dict[str, Any] = {
    **LIFTED,
    "circuit_breakers": {"volatility_spike_multiplier": 1_000.0},
    "breakers": {"max_correlation_shift": 2.0},
}
"""The random market is no subject of a halt: what it trips by chance would last."""
_LONG = "now() + interval '9 hours'"
_RESTING_PARENT = {
    **PARENT_UNDER_WAY,
    "approved_qty": str(QTY),
    "released_qty": "0",
    "filled_notional": "0",
    "fees": "0",
    "deadline_at": _LONG,
}
_RESTING_CHILD = {
    **PLANNED_CHILD,
    **dict.fromkeys(
        (
            *("arrival", "absent_since", "body", "bound_bps", "cancel_requested_at"),
            *("exchange_filled_qty", "exchange_order_id", "exchange_status", "first_sent_at"),
            *("lease_owner", "lease_until", "look_at", "note", "ret_code", "venue_reason"),
        ),
        "NULL",
    ),
    **dict.fromkeys(("absences", "cancels", "wakes"), "0"),
    **dict.fromkeys(("claims", "posts"), "1"),
    **dict.fromkeys(("due_at", "planned_at", "sent_at", "acked_at"), "now()"),
    "state": "'working'",
    "style": "'limit'",
    "qty": str(QTY),
    "deadline_at": _LONG,
}


@dataclass(frozen=True, slots=True)
class Load:
    """What is under way."""

    workers: int
    """Processes that send orders."""
    twaps: int
    orders: int
    """Orders that rest."""


class BusySystem:
    """A running system, and the load that can be put on it again and again."""

    def __init__(self, system: MiniSystem, load: Load, chance: random.Random) -> None:
        self.system = system
        self.load = load
        self.exchange = BybitExchange(
            BybitConfig(
                api_key=SecretStr(system.exchange.api_key),
                api_secret=SecretStr(system.exchange.api_secret),
                mode=BybitMode.PAPER,
                endpoint=system.exchange.url,
            )
        )
        self._chance = chance
        self._rounds = count(1)
        self._round = 0
        self.resets: Counter[str] = Counter()
        """How often each breaker was reset, by kind."""

    def put_under_way(self) -> None:
        """Returns when every TWAP is approved, the first slices have gone out, and orders rest.

        Raises RuntimeError when TWAPs are denied again and again.
        """
        self.system.wait(self.system.market_ready, "the market", WAIT_SECONDS)
        begun = datetime.now(UTC)
        self._round = next(self._rounds)
        models = self._ask_for_twaps()
        for symbol, model in models.items():
            self._rest(f"rest-{self._round}-{symbol}", symbol, model)
        self.system.wait(
            lambda: len(self.exchange.open_orders()) >= self.load.orders,
            f"{self.load.orders} resting orders",
            WAIT_SECONDS,
        )
        self.system.wait(lambda: self._has_sent_since(begun), "the first slices", WAIT_SECONDS)

    def wait_until_over(self) -> None:
        """Returns when nothing is under way any more."""
        self.system.wait(lambda: self._open_parents() == 0, "all parents to end", WAIT_SECONDS)

    def clear_the_way(self) -> None:
        """Does what a person does after a disturbance: resets what has tripped, and ends a stop
        that the system has asked for itself."""
        db, clock = self.system.db, SystemClock()
        with db.reading() as session:
            tripped = session.scalars(select(BreakerRow).where(BreakerRow.tripped)).all()
            halted = any(
                row.scope_kind == ScopeKind.GLOBAL and row.state != TradingState.ACTIVE
                for row in states.all_states(session)
            )
            sealed = not states.all_halts_unsealed(session)
        settings = load_settings(self.system.home)
        held = Recovery(db, PAPER_ACCOUNT, ConfiguredLimits(settings, db), clock)
        for row in tripped:
            scope = BreakerScope(ScopeKind(row.scope_kind), row.scope_key)
            held.reset(row.kind, reason="benchmark", actor=_OPERATOR, authorised=True, scope=scope)
            self.resets[row.kind] += 1
        held.release_account(reason="benchmark", actor=_OPERATOR, authorised=True)
        if halted and sealed:
            TradingHalt(db, clock).resume(reason="benchmark", actor=_OPERATOR, development=True)

    def claimed_since(self, moment: datetime) -> int:
        """How many adding children were claimed after a moment."""
        with self.system.session() as session:
            found = session.scalar(
                select(func.count())
                .select_from(ChildOrderRow)
                .where(ChildOrderRow.reduce_only.is_(False), ChildOrderRow.sent_at > moment)
            )
        return found or 0

    def _ask_for_twaps(self) -> dict[str, str]:
        """Asks for TWAPs until enough are approved; returns one of each symbol, by symbol.

        The market that the gate sees may be too old for a moment on a busy machine, and a
        disturbance of the last trip may be noticed only now.
        """
        wanted = [SYMBOLS[n % len(SYMBOLS)] for n in range(self.load.twaps)]
        approved: dict[str, str] = {}
        until = time.monotonic() + WAIT_SECONDS
        while wanted:
            asked = {str(twap["request_id"]): twap for twap in map(self._twap, wanted)}
            with sender(self.system.redis.url(0)) as broker:
                for twap in asked.values():
                    broker.send_task(REQUEST, args=[twap], queue=QUEUE, ignore_result=True)
            denied = self._denied(list(asked))
            if denied and time.monotonic() > until:
                why = f"{denied.popitem()[1]}; tripped: {self._tripped() or 'nothing'}"
                raise RuntimeError(f"TWAPs are denied: {why}")
            if denied:
                self.clear_the_way()
                time.sleep(_PAUSE_SECONDS)
            approved |= {
                str(twap["symbol"]): name for name, twap in asked.items() if name not in denied
            }
            wanted = [str(asked[name]["symbol"]) for name in denied]
        return approved

    def _twap(self, symbol: str) -> dict[str, Any]:
        """Never the same size twice."""
        notional = SLICE_NOTIONAL * SLICES * self._chance.uniform(0.9, 1.1)
        ends = datetime.now(UTC) + timedelta(seconds=SLICE_SECONDS * SLICES * 2)
        return trade_request(
            symbol=symbol,
            side=_SIDES[symbol].value,
            expires_at=ends.isoformat(),
            # The market is a coin, and the request claims to know better: a model that went on
            # with it would be stopped. Each round has a model of its own.
            ml_predictions={"model_version": f"round-{self._round}"},
            signal_data={
                "position_size": f"{notional:.2f}",
                "algorithm": "twap",
                "horizon_seconds": SLICE_SECONDS * SLICES,
                "interval_seconds": SLICE_SECONDS,
            },
        )

    def _denied(self, names: Sequence[str]) -> dict[str, list[str]]:
        """The reasons of the denied ones, once all are decided."""

        def decisions() -> Sequence[DecisionRow]:
            with self.system.session() as session:
                return session.scalars(
                    select(DecisionRow).where(DecisionRow.request_id.in_(names))
                ).all()

        self.system.wait(lambda: len(decisions()) == len(names), "the decisions", WAIT_SECONDS)
        return {
            row.request_id: row.decision["reasons"]
            for row in decisions()
            if row.verdict == Verdict.DENY
        }

    def _tripped(self) -> str:
        """What stops entries, in words."""
        with self.system.session() as session:
            rows = session.scalars(select(BreakerRow).where(BreakerRow.tripped)).all()
        return "; ".join(f"{row.kind} of {row.scope_key}: {row.reason}" for row in rows)

    def _rest(self, name: str, symbol: str, model: str) -> None:
        """A symbol's share of the resting orders: first the rows, then the orders."""
        side = _SIDES[symbol]
        last = self.exchange.minute_closes(symbol, count=1)[-1][1]
        price = (last * _FAR[side]).quantize(Decimal(1))
        orders = self.load.orders // len(SYMBOLS)
        numbered = "translate(lpad(n::text, 12, '0'), '0123456789', 'abcdefghij')"
        link = f"'{PREFIX}' || {numbered} || '{_new_id()}'"
        Bulk(self.system.db, model, prefix=name).children(
            orders,
            of_a_parent=1,
            child={**_RESTING_CHILD, "order_link_id": link, "price": str(price)},
            parent=_RESTING_PARENT,
        )
        with self.system.db.transaction() as session:
            session.execute(
                text(
                    "UPDATE reservation SET approved_qty = :qty, open_qty = :qty "
                    "WHERE request_id LIKE :ids"
                ),
                {"qty": QTY, "ids": f"{name}-%"},
            )
            links = session.scalars(
                select(ChildOrderRow.order_link_id).where(
                    ChildOrderRow.request_id.startswith(f"{name}-", autoescape=True)
                )
            ).all()
        for start in range(0, len(links), _BATCH):
            self._place([_resting(each, symbol, price) for each in links[start : start + _BATCH]])

    def _place(self, intents: Sequence[OrderIntent]) -> None:
        bodies = [self.exchange.order_body(intent) for intent in intents]
        self.exchange._session.write("place_batch_order", category="linear", request=bodies)

    def _has_sent_since(self, moment: datetime) -> bool:
        with self.system.session() as session:
            newest = session.scalar(
                select(func.max(ChildOrderRow.sent_at)).where(ChildOrderRow.style == Style.IOC)
            )
        return newest is not None and newest > moment

    def _open_parents(self) -> int:
        with self.system.session() as session:
            found = session.scalar(
                select(func.count()).select_from(ParentOrderRow).where(PARENT_IS_OPEN)
            )
        return found or 0


def _new_id() -> str:
    """Twelve characters that no other round has."""
    return "".join(random.choices("abcdefghijklmnopqrstuvwxyz234567", k=12))


def _resting(link: str, symbol: str, price: Decimal) -> OrderIntent:
    return OrderIntent(
        order_link_id=link,
        symbol=symbol,
        side=_SIDES[symbol],
        qty=QTY,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        price=price,
        reduce_only=False,
    )


@contextmanager
def busy_system(
    postgres: PostgresServer, load: Load, chance: random.Random
) -> Iterator[BusySystem]:
    """A running system for the time of the block, without load yet."""
    with mini_system(postgres, overrides=OVERRIDES, senders=load.workers) as system:
        busy = BusySystem(system, load, chance)
        try:
            yield busy
        finally:
            busy.exchange.close()
