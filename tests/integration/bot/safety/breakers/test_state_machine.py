"""Whatever happens in whatever order: the stricter wins, and nothing gets looser by itself.

The machine trips breakers, halts, restarts, jumps with the clock and looks, as production does. The
only ways back are a person's reset and a person's resume.
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from bot.safety.breakers.evaluator import BreakerEvaluator
from bot.safety.recovery import Recovery
from bot.state.breakers import BreakerScope, Finding, trip
from models.enums import ScopeKind, TradingState, strictest
from models.repositories import states
from models.tables import BreakerRow
from tests.support.desk import ACCOUNT, Desk
from tests.support.properties import examples

KINDS = ("liquidation", "correlation_breakdown", "consecutive_losses")
SCOPES = (
    BreakerScope(ScopeKind.ACCOUNT, ACCOUNT),
    BreakerScope(ScopeKind.SYMBOL, "BTCUSDT"),
    BreakerScope(ScopeKind.STRATEGY, "test"),
)
_Key = tuple[str, str, str]


class Breakers(RuleBasedStateMachine):
    """Production: nothing may recover. It continues on one database from example to example."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.tripped = self._tripped()
        self.flattening = self._global() is TradingState.FLATTENING
        self.halted = self.flattening or self._global() is TradingState.HALTED

    def _tripped(self) -> set[_Key]:
        with self.desk.db.reading() as session:
            rows = session.scalars(select(BreakerRow).where(BreakerRow.tripped)).all()
        return {(row.scope_kind, row.scope_key, row.kind) for row in rows}

    def _states(self) -> dict[str, TradingState]:
        with self.desk.db.reading() as session:
            rows = states.all_states(session)
        return {row.scope_kind: TradingState(row.state) for row in rows}

    def _global(self) -> TradingState:
        return self._states()[ScopeKind.GLOBAL]

    @rule(kind=st.sampled_from(KINDS), scope=st.sampled_from(SCOPES))
    def something_trips(self, kind: str, scope: BreakerScope) -> None:
        with self.desk.db.unit_of_work() as uow:
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
        report = evaluator.evaluate()
        assert report is not None
        assert report.recovered == ()
        assert self._tripped() >= self.tripped
        self.tripped = self._tripped()
        self.halted = self.halted or report.stopped is not None
        self.flattening = self.flattening or report.flatten

    @rule(hours=st.sampled_from([-1, 1]))
    def the_clock_jumps(self, hours: int) -> None:
        self.desk.clock.move_to(self.desk.clock.now() + timedelta(hours=hours))

    @rule()
    def somebody_halts(self) -> None:
        self.desk.trading_halt.set_halted("a test's", "test")
        self.halted = True

    @rule(kind=st.sampled_from(KINDS), scope=st.sampled_from(SCOPES))
    def a_person_resets(self, kind: str, scope: BreakerScope) -> None:
        if (scope.kind, scope.key, kind) in self.tripped:
            recovery = Recovery(self.desk.db, ACCOUNT, self.desk.limits, self.desk.clock)
            recovery.reset(kind, reason="seen", actor="test", authorised=True, scope=scope)
            self.tripped.discard((scope.kind, scope.key, kind))

    @rule()
    def a_person_resumes(self) -> None:
        self.desk.trading_halt.resume(reason="seen", actor="test", development=True)
        self.halted = self.flattening = False

    @invariant()
    def nothing_got_looser_and_the_stricter_wins(self) -> None:
        found = self._states()
        assert self._tripped() == self.tripped
        stopped = TradingState.FLATTENING if self.flattening else TradingState.HALTED
        assert (found[ScopeKind.GLOBAL] is stopped) is self.halted
        whole = {kind for scope, _, kind in self.tripped if scope == ScopeKind.ACCOUNT}
        if whole:
            assert found[ScopeKind.ACCOUNT].strictness >= TradingState.REDUCING.strictness
        worst = strictest(found.values(), TradingState)
        assert worst is not None
        assert worst.allows_adding is not (self.halted or bool(whole))


def test_nothing_leaves_a_stricter_state_but_a_persons_recovery(desk: Desk) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Breakers(desk),
        settings=settings(
            max_examples=examples(20),
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
