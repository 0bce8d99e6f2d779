"""The ladder of a recovery on real Postgres: up step by step, and the fall back."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from bot.errors import Refused
from bot.execution.sending.sender import SendResult
from bot.safety.recovery.ladder import FELL_BACK, RecoveryLadder
from bot.safety.recovery.recovering import LADDER, Recovering
from bot.state.breakers import Finding, trip
from bot.state.scope import Scope
from models.enums import (
    ChildState,
    RecoveryPhase,
    ScopeKind,
    TradingState,
)
from models.repositories.safety import states
from models.tables import AlertRow, AuditRow, ChildOrderRow, RecoveryRow
from tests.support.accounts.recovering import RULES, D, begin, row, state
from tests.support.desk import ACCOUNT, Desk

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases", "standing_codes")]


def test_a_recovery_climbs_in_four_steps_and_then_trades_fully(
    desk: Desk, recovering: Recovering, ladder: RecoveryLadder
) -> None:
    desk.approve("r-before")
    full = desk.parent("r-before").approved_qty
    desk.trading_halt.halt(reason="drill", actor="test")
    begin(desk, recovering)
    assert state(desk) is TradingState.RECOVERING
    assert desk.send(desk.children("r-before")[0].child_id) is SendResult.ALREADY_TAKEN
    for number, share in enumerate(LADDER):
        assert row(desk).share == share
        desk.approve(f"r-{number}")
        assert 0 < desk.parent(f"r-{number}").approved_qty <= full * share
        assert ladder.tick() == 0
        desk.pass_time(15 * 60)
        desk.approve(f"r-late-{number}")
        assert ladder.tick() == 1
    assert (state(desk), row(desk).phase) == (TradingState.ACTIVE, RecoveryPhase.RECOVERED)
    assert states_agree(desk)
    kinds = desk.audit_kinds()
    assert kinds.count("recovery_advanced") == 3
    assert desk.send(desk.children("r-late-3")[0].child_id) is SendResult.SENT


def states_agree(desk: Desk) -> bool:
    with desk.db.reading() as session:
        return not states.contradictions(session)


def test_a_step_takes_its_time_and_its_good_fills(
    desk: Desk, recovering: Recovering, ladder: RecoveryLadder
) -> None:
    desk.limits.change(recovery=replace(RULES, good_fills=1))
    desk.trading_halt.halt(reason="drill", actor="test")
    begin(desk, recovering)
    desk.pass_time(60 * 60)
    assert ladder.tick() == 0
    assert row(desk).step == 0


def test_a_breaker_a_loss_or_failed_orders_take_a_recovery_back(
    desk: Desk, recovering: Recovering, ladder: RecoveryLadder
) -> None:
    desk.pass_time(3)
    desk.pass_time(3)
    desk.pass_time(3)

    def trip_one() -> None:
        with desk.db.unit_of_work() as uow:
            found = Finding("data_quality_issue", "1", "0", "positions disagree")
            trip(uow, ACCOUNT, found, actor="test", now=desk.clock.now())
            uow.commit()

    def lose() -> None:
        wallet = replace(desk.exchange.wallet(), equity=D("99000"))
        desk.exchange.wallet = lambda: wallet  # type: ignore[method-assign]
        for _ in range(3):
            desk.pass_time(3)

    def fail() -> None:
        desk.approve("r-failed")
        with desk.db.transaction() as session:
            session.execute(
                update(ChildOrderRow)
                .where(ChildOrderRow.request_id == "r-failed")
                .values(state=ChildState.REJECTED, final_at=desk.clock.now())
            )
        desk.limits.change(recovery=replace(RULES, max_failures=0))

    for sign, why in ((fail, "rejected or lost"), (lose, "lost 1.00%"), (trip_one, "tripped")):
        desk.limits.change(recovery=RULES)
        desk.trading_halt.halt(reason="drill", actor="test")
        begin(desk, recovering)
        sign()
        assert ladder.tick() == 1
        assert (state(desk), row(desk).phase) == (TradingState.HALTED, RecoveryPhase.FELL_BACK)
        assert why in str(row(desk).note)
        assert ladder.tick() == 0
        assert states_agree(desk)
        with desk.db.reading() as session:
            entries = select(AuditRow).where(AuditRow.kind == FELL_BACK).order_by(AuditRow.seq)
            newest = session.scalars(entries).all()[-1]
            told = session.scalars(select(AlertRow.kind)).all()
        assert newest.payload["recovery"] == row(desk).recovery_id
        assert why in newest.payload["why"]
        assert FELL_BACK in told


def test_a_halt_during_a_recovery_ends_it_and_restarts_change_nothing(
    desk: Desk, recovering: Recovering, ladder: RecoveryLadder
) -> None:
    desk.trading_halt.halt(reason="drill", actor="test")
    begin(desk, recovering)
    desk.trading_halt.halt(reason="again", actor="test")
    desk.pass_time(60 * 60)
    again = RecoveryLadder(desk.db, ACCOUNT, desk.limits, desk.clock)
    assert again.tick() == 1
    assert (state(desk), row(desk).phase) == (TradingState.HALTED, RecoveryPhase.ENDED)


def test_a_scope_that_recovers_without_a_recoverys_row_trades_nothing(
    desk: Desk, recovering: Recovering
) -> None:
    desk.trading_halt.halt(reason="drill", actor="test")
    begin(desk, recovering)
    with desk.db.transaction() as session:
        session.execute(update(RecoveryRow).values(phase=RecoveryPhase.ENDED))
    assert desk.approve("r-1")["verdict"] == "deny"


def test_a_strategy_recovers_apart_from_the_others(
    desk: Desk, recovering: Recovering, ladder: RecoveryLadder
) -> None:
    scope = Scope(ScopeKind.STRATEGY, "test")
    with pytest.raises(Refused, match="nothing to recover"):
        begin(desk, recovering, scope)
    with desk.db.unit_of_work() as uow:
        locked = states.lock_state(
            uow.session, scope.kind, scope.key, now=desk.clock.now(), actor="test"
        )
        said = states.move(
            locked, TradingState.REDUCING, reason="drift", actor="test", now=desk.clock.now()
        )
        uow.audit(scope.chain, states.RECORDED, str(scope), "test", said, desk.clock.now())
        uow.commit()
    begin(desk, recovering, scope)
    assert state(desk, scope) is TradingState.RECOVERING
    for _ in LADDER:
        desk.pass_time(15 * 60)
        assert ladder.tick() == 1
    assert state(desk, scope) is TradingState.ACTIVE
