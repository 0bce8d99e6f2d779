"""Whatever happens in whatever order, every parent's books balance and every id is used once."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.errors import DependencyDown, ExchangeRefused, OutcomeUnknown, Refused, Throttled
from bot.execution.orders.control import ParentControl
from bot.execution.orders.transitions import CHILD_MOVES, PARENT_MOVES
from models.database import Database
from models.enums import ChildState, ParentState, VenueReason
from tests.support.accounts.moves import moves, watch_moves
from tests.support.desk import Desk
from tests.support.fakes import INSTRUMENT, PRICE
from tests.support.properties import examples
from tests.support.recycling import RecycledDatabases

FAULTS = {
    "lost ack": (OutcomeUnknown("read timeout"), True),
    "lost request": (OutcomeUnknown("reset"), False),
    "throttled": (Throttled("10006"), False),
    "refused connection": (DependencyDown("refused"), False),
    "price refused": (ExchangeRefused(110003, "price", reason=VenueReason.PRICE), False),
    "no margin": (ExchangeRefused(110007, "margin", reason=VenueReason.MARGIN), False),
}


ALGORITHMS: dict[str, dict[str, object]] = {
    "immediate": {},
    "twap": {"horizon_seconds": 20, "interval_seconds": 4},
    "vwap": {
        "horizon_seconds": 20,
        "volume_curve": [2, 1, 0, 3],
        "backup_plan": {"price": ["retry", "other_algorithm"], "fallback_algorithm": "passive"},
    },
    "pov": {"horizon_seconds": 30, "participation_rate": 0.001},
    "iceberg": {"horizon_seconds": 40, "display_size": "700"},
    "passive": {"horizon_seconds": 30, "cross_margin_seconds": 8},
}
CANCEL_FAULTS = {
    "lost": (OutcomeUnknown("read timeout"), True),
    "not taken": (DependencyDown("refused"), False),
}


class AnyHistory(RuleBasedStateMachine):
    """Requests, steps, sends, faults, fills, paces, sweeps, halts and time, in any order."""

    databases: RecycledDatabases

    def __init__(self) -> None:
        super().__init__()
        self.url = self.databases.take()
        self.db = Database(self.url)
        watch_moves(self.db)
        self.desk = Desk(self.db)
        self.desk.limits.change(
            max_gross_exposure_share=Decimal(100),
            max_reservation_share=Decimal(100),
            max_net_exposure_share=Decimal(100),
            max_position_share=Decimal(100),
            max_portfolio_risk=Decimal(100),
            max_repeated_orders=10_000,
            max_orders_per_second=10_000,
        )
        self.requests = 0
        self.halted = False

    def teardown(self) -> None:
        self.db.dispose()
        self.databases.give_back(self.url)

    @initialize(algorithms=st.lists(st.sampled_from(sorted(ALGORITHMS)), min_size=1, max_size=3))
    def trades_are_under_way(self, algorithms: list[str]) -> None:
        for algorithm in algorithms:
            self.ask(5000, algorithm, "buy")
        self.step()

    @rule(
        size=st.integers(100, 9000),
        algorithm=st.sampled_from(sorted(ALGORITHMS)),
        side=st.sampled_from(["buy", "sell"]),
    )
    def ask(self, size: int, algorithm: str, side: str) -> None:
        self.requests += 1
        signal = {"position_size": str(size), "algorithm": algorithm, **ALGORITHMS[algorithm]}
        outcome = self.desk.approve(f"r-{self.requests}", signal_data=signal, side=side)
        assert not (self.halted and outcome["verdict"] != "deny")

    @rule()
    def send_due(self) -> None:
        accepted = len(self.desk.exchange.accepted)
        self.desk.send_due()
        assert not (self.halted and len(self.desk.exchange.accepted) != accepted)

    @rule()
    def step(self) -> None:
        """Every stepped parent is looked at; what it makes is sent with the rest."""
        for number in range(1, self.requests + 1):
            self.desk.worker.step(f"r-{number}")

    @rule(part=st.sampled_from([None, "0.001"]))
    def somebody_trades_against_us(self, part: str | None) -> None:
        for order in self.desk.exchange.open_orders():
            self.desk.exchange.fill(order.order_link_id, None if part is None else Decimal(part))

    @rule(name=st.sampled_from(sorted(CANCEL_FAULTS)))
    def next_cancel_fails(self, name: str) -> None:
        self.desk.exchange.cancel_faults.append(CANCEL_FAULTS[name])

    @rule(percent=st.sampled_from(["0.99", "1", "1.001", "1.02"]))
    def market_moves(self, percent: str) -> None:
        self.desk.market.touch = self.desk.exchange.touch = (PRICE * Decimal(percent)).quantize(
            Decimal("0.1")
        )

    @precondition(lambda self: self.requests > 0)
    @rule(act=st.sampled_from(["pause", "resume", "cancel"]), number=st.integers(1, 9))
    def operator_acts(self, act: str, number: int) -> None:
        control = ParentControl(self.db, self.desk.clock, self.desk.task_queue)
        with suppress(Refused):
            getattr(control, act)(f"r-{number}", reason="drill", actor="operator")

    @rule(volatility=st.sampled_from([0.02, 0.04, 0.09]))
    def risk_changes(self, volatility: float) -> None:
        self.desk.market.volatility = volatility
        self.desk.throttling.tick()

    @rule(name=st.sampled_from(sorted(FAULTS)))
    def next_post_fails(self, name: str) -> None:
        self.desk.exchange.faults.append(FAULTS[name])

    @rule(share=st.sampled_from(["0", "0.3", "1"]))
    def liquidity(self, share: str) -> None:
        self.desk.exchange.fill_share = Decimal(share)

    @rule(visible=st.booleans())
    def exchange_shows_orders(self, visible: bool) -> None:
        self.desk.exchange.visible = visible

    @rule()
    def stream_delivers(self) -> None:
        self.desk.stream()

    @rule()
    def reconcile(self) -> None:
        self.desk.reconciler.reconcile_account()

    @rule()
    def sweep(self) -> None:
        self.desk.reconciler.expire_overdue()
        for child in self.desk.children():
            self.desk.reconciler.resolve_child(child.child_id)
        self.desk.reconciler.recheck_expired()

    @rule(seconds=st.sampled_from([0.5, 3.0, 12.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.desk.pass_time(seconds)

    @precondition(lambda self: self.requests > 0)
    @rule(
        seconds=st.sampled_from([1.0, 5.0, 15.0]),
        times=st.integers(1, 6),
        volatility=st.sampled_from([0.02, 0.04, 0.09]),
    )
    def the_system_runs_for_a_while(self, seconds: float, times: int, volatility: float) -> None:
        """Alone, the other rules rarely get a trade past its first child."""
        self.desk.market.volatility = volatility
        for _ in range(times):
            self.desk.pass_time(seconds)
            self.desk.throttling.tick()
            self.step()
            self.send_due()
            self.desk.stream()

    @precondition(lambda self: not self.halted)
    @rule()
    def halt(self) -> None:
        self.desk.trading_halt.halt(reason="any", actor="machine")
        self.halted = True

    @precondition(lambda self: self.halted)
    @rule()
    def resume(self) -> None:
        self.desk.trading_halt.resume(reason="any", actor="machine", development=True)
        self.halted = False

    @invariant()
    def books_balance(self) -> None:
        self.desk.check_balance()

    @invariant()
    def every_move_is_of_the_table_and_has_its_entry(self) -> None:
        for move in moves(self.db):
            if move.kind == "child":
                assert move.after in CHILD_MOVES[ChildState(move.before)], move
            else:
                assert move.after in PARENT_MOVES[ParentState(move.before)], move
            assert move.audited, move

    @invariant()
    def one_order_per_child(self) -> None:
        links = [str(body["orderLinkId"]) for body in self.desk.exchange.accepted]
        assert len(links) == len(set(links))
        ours = {child.order_link_id: child for child in self.desk.children()}
        for body in self.desk.exchange.accepted:
            assert Decimal(str(body["qty"])) == ours[str(body["orderLinkId"])].qty

    @invariant()
    def every_order_is_one_that_the_venue_takes_and_in_time(self) -> None:
        deadlines = {c.order_link_id: c.deadline_at for c in self.desk.children()}
        for body in self.desk.exchange.accepted:
            qty, price = Decimal(str(body["qty"])), Decimal(str(body["price"]))
            assert qty % INSTRUMENT.qty_step == 0
            assert qty >= INSTRUMENT.min_qty
            assert body["reduceOnly"] or qty * price >= INSTRUMENT.min_notional
            accepted_at = self.desk.exchange.accepted_at[str(body["orderLinkId"])]
            assert accepted_at < deadlines[str(body["orderLinkId"])]

    def _calm_end(self) -> None:
        """Afterwards: faults end, time passes, and everything comes to rest, fully accounted."""
        desk = self.desk
        desk.exchange.faults.clear()
        desk.exchange.visible = True
        desk.exchange.cancel_faults.clear()
        desk.market.volatility = 0.02
        for _ in range(14):
            desk.throttling.tick()
            self.step()
            desk.send_due()
            desk.stream()
            self.sweep()
            desk.pass_time(12)
        desk.reconciler.reconcile_account()
        for child in desk.children():
            assert ChildState(child.state).is_final, (child.state, child.note)
        total = Decimal(0)
        for request in range(1, self.requests + 1):
            if any(True for _ in desk.children(f"r-{request}")):
                parent = desk.parent(f"r-{request}")
                assert ParentState(parent.state).is_final
                total += parent.filled_qty * (1 if parent.side == "buy" else -1)
        assert total == desk.position()
        assert desk.exchange.open_orders() == []
        assert total == sum(f.qty * f.side.sign for f in desk.exchange.fills)


class AnyHistoryThatEnds(AnyHistory):
    def teardown(self) -> None:
        try:
            self._calm_end()
        finally:
            super().teardown()


@pytest.mark.hypothesis
@pytest.mark.timeout(480)  # a minute of work on a quiet machine, three on a busy one
def test_any_history_balances_and_comes_to_rest(migrated_databases: RecycledDatabases) -> None:
    AnyHistoryThatEnds.databases = migrated_databases
    run_state_machine_as_test(
        AnyHistoryThatEnds,
        settings=settings(
            max_examples=examples(15),
            stateful_step_count=25,
            suppress_health_check=list(HealthCheck),
        ),
    )
