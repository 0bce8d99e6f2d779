"""Whatever happens in whatever order: the stricter wins, and nothing gets looser by itself.

The machine runs breakers, lease, trading states and recoveries together on one database. It trips,
halts, restarts, jumps with the clock, looks, takes the lease away, and tries to trade, as
production does. The only ways back are a person's reset, resume and recovery.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from bot.errors import Refused
from bot.execution.sending.sender import SendResult
from bot.safety.breakers.evaluator import BreakerEvaluator
from bot.safety.lease.keeper import LeaseKeeper
from bot.safety.lease.sensing import database_time
from bot.safety.lease.sensors import SENSORS, Reading
from bot.safety.recovery.ladder import RecoveryLadder
from bot.safety.recovery.recovering import Recovering
from bot.safety.recovery.resetting import Recovery
from bot.state.breakers import BreakerScope, Finding, trip
from bot.state.scope import EVERYTHING, Scope
from models.enums import ScopeKind, TradingState, strictest
from models.repositories.safety import states
from models.tables import BreakerRow, TradingLeaseRow
from tests.support.accounts.recovering import FREE, RULES
from tests.support.desk import ACCOUNT, Desk
from tests.support.properties import examples

KINDS = ("liquidation", "correlation_breakdown", "consecutive_losses")
SCOPES = (
    BreakerScope(ScopeKind.ACCOUNT, ACCOUNT),
    BreakerScope(ScopeKind.SYMBOL, "BTCUSDT"),
    BreakerScope(ScopeKind.STRATEGY, "test"),
)
_Key = tuple[str, str, str]
_States = dict[tuple[str, str], TradingState]


class Safety(RuleBasedStateMachine):
    """Production: nothing may recover. It continues on one database from example to example."""

    def __init__(self, desk: Desk, numbers: Iterator[int]) -> None:
        super().__init__()
        self.desk = desk
        self.numbers = numbers
        self.tripped = self._tripped()
        self.lease_is_gone = False
        with desk.db.transaction() as session:
            session.get_one(TradingLeaseRow, ACCOUNT).holder = "safety"

    def _tripped(self) -> set[_Key]:
        with self.desk.db.reading() as session:
            rows = session.scalars(select(BreakerRow).where(BreakerRow.tripped)).all()
        return {(row.scope_kind, row.scope_key, row.kind) for row in rows}

    def _states(self) -> _States:
        with self.desk.db.reading() as session:
            rows = states.all_states(session)
        return {(row.scope_kind, row.scope_key): TradingState(row.state) for row in rows}

    def _may_add(self) -> bool:
        worst = strictest(self._states().values(), lambda state: state)
        return (
            worst is not None
            and worst.allows_adding
            and not self.tripped
            and not self.lease_is_gone
        )

    @contextmanager
    def _nobody_loosens(self, *, climbs: bool = False) -> Iterator[None]:
        """No state gets looser within the block; a recovery may take its last step up."""
        before = self._states()
        yield
        for scope, state in self._states().items():
            was = before.get(scope, TradingState.ACTIVE)
            last_step = (was, state) == (TradingState.RECOVERING, TradingState.ACTIVE)
            assert state.strictness >= was.strictness or (climbs and last_step), scope

    @rule(kind=st.sampled_from(KINDS), scope=st.sampled_from(SCOPES))
    def something_trips(self, kind: str, scope: BreakerScope) -> None:
        with self._nobody_loosens(), self.desk.db.unit_of_work() as uow:
            found = Finding(kind, "1", "0", "a test's", scope)
            trip(uow, ACCOUNT, found, actor="test", now=self.desk.clock.now())
            uow.commit()
        self.tripped.add((scope.kind, scope.key, kind))

    @rule(seconds=st.sampled_from([0, 5, 600]), equity=st.sampled_from(["100000", "60000"]))
    def it_looks_after_a_restart(self, seconds: float, equity: str) -> None:
        wallet = replace(self.desk.exchange.wallet(), equity=Decimal(equity))
        self.desk.exchange.wallet = lambda: wallet  # type: ignore[method-assign]
        self.desk.pass_time(seconds)
        evaluator = BreakerEvaluator(
            db=self.desk.db,
            account=ACCOUNT,
            symbols=("BTCUSDT",),
            market=self.desk.market,
            limits=self.desk.limits,
            clock=self.desk.clock,
            production=True,
            follow=lambda _report: None,
        )
        with self._nobody_loosens():
            report = evaluator.evaluate()
        assert report is not None
        assert report.recovered == ()
        assert self._tripped() >= self.tripped
        self.tripped = self._tripped()
        if report.stopped is not None:
            stopped = self._states()[EVERYTHING.kind, EVERYTHING.key]
            assert stopped.strictness >= TradingState.HALTED.strictness

    @rule(minutes=st.sampled_from([1, 20]))
    def a_recovery_is_looked_at(self, minutes: int) -> None:
        self.desk.pass_time(60 * minutes)
        with self._nobody_loosens(climbs=True):
            RecoveryLadder(self.desk.db, ACCOUNT, self.desk.limits, self.desk.clock).tick()

    @rule(hours=st.sampled_from([-1, 1]))
    def the_clock_jumps(self, hours: int) -> None:
        self.desk.clock.move_to(self.desk.clock.now() + timedelta(hours=hours))

    @rule(is_fresh=st.booleans())
    def the_sensors_are_read(self, is_fresh: bool) -> None:
        readings = {sensor.name: Reading(0.0) for sensor in SENSORS}
        if not is_fresh:
            del readings["audit"]

        def read() -> tuple[datetime, Mapping[str, Reading]]:
            with self.desk.db.reading() as session:
                return database_time(session), readings

        with self._nobody_loosens():
            LeaseKeeper(self.desk.db, ACCOUNT, "safety", self.desk.limits, read).look()
        self.lease_is_gone = not is_fresh

    @rule()
    def somebody_halts(self) -> None:
        with self._nobody_loosens():
            self.desk.trading_halt.set_halted("a test's", "test")

    @rule()
    def a_strategy_tries_to_trade(self) -> None:
        """What may not be added is neither approved nor sent, also where it was approved before."""
        request_id = f"r-{next(self.numbers)}"
        verdict = self.desk.approve(request_id)["verdict"]
        results = self.desk.send_due()
        if not self._may_add():
            assert verdict == "deny"
            assert SendResult.SENT not in results

    @rule(kind=st.sampled_from(KINDS), scope=st.sampled_from(SCOPES))
    def a_person_resets(self, kind: str, scope: BreakerScope) -> None:
        if (scope.kind, scope.key, kind) not in self.tripped:
            return
        before = self._states()
        recovery = Recovery(self.desk.db, ACCOUNT, self.desk.limits, self.desk.clock)
        recovery.reset(kind, reason="seen", actor="test", authorised=True, scope=scope)
        self.tripped.discard((scope.kind, scope.key, kind))
        after = self._states()
        for one, state in before.items():
            if state.strictness >= TradingState.FLAT.strictness:
                assert after[one] is state, "a reset ends no halt"
        assert after.get((scope.kind, scope.key)) is not TradingState.ACTIVE or (
            scope.kind is ScopeKind.ACCOUNT and before[scope.kind, scope.key].allows_adding
        )

    @rule()
    def a_person_resumes(self) -> None:
        self.desk.trading_halt.resume(reason="seen", actor="test", development=True)

    @rule(scope=st.sampled_from([EVERYTHING, Scope(ScopeKind.ACCOUNT, ACCOUNT)]))
    def a_person_recovers(self, scope: Scope) -> None:
        before = self._states()
        recovering = Recovering(self.desk.db, ACCOUNT, self.desk.clock)
        try:
            recovering.ask(scope, reason="over", authority=FREE, needs_second=False)
        except Refused:
            assert self._states() == before
        else:
            assert self._states()[scope.kind, scope.key] is TradingState.RECOVERING

    @invariant()
    def the_stricter_wins(self) -> None:
        assert self._tripped() == self.tripped
        if any(scope == ScopeKind.ACCOUNT for scope, _, _ in self.tripped):
            found = self._states()[ScopeKind.ACCOUNT, ACCOUNT]
            assert found.strictness >= TradingState.REDUCING.strictness


def test_nothing_leaves_a_stricter_state_but_a_persons_recovery(desk: Desk) -> None:
    desk.limits.change(recovery=RULES, max_repeated_orders=1_000)
    numbers = iter(range(1_000_000))
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Safety(desk, numbers),
        settings=settings(
            max_examples=examples(15),
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
