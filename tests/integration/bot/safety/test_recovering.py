"""The authorised way back on real Postgres: codes, two persons, the ladder up and the fall back."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from bot.authority.actors import Operator
from bot.authority.override_codes import OverrideCodes, Use
from bot.errors import NotAuthorised, Refused
from bot.execution.sending.sender import SendResult
from bot.safety.recovering import CONFIRM_WITHIN, LADDER, Authority, Recovering
from bot.safety.recovery_ladder import RecoveryLadder
from bot.safety.recovery_preview import preview, resting_orders
from bot.state.breakers import Finding, trip
from bot.state.scope import EVERYTHING as GLOBAL
from bot.state.scope import Scope
from config.recovery import RecoveryRules
from models.enums import (
    ChildState,
    OperatorRole,
    OverrideAction,
    RecoveryPhase,
    ScopeKind,
    TradingState,
)
from models.repositories import states
from models.tables import ChildOrderRow, RecoveryRow, TradingStateRow
from tests.support.desk import ACCOUNT, Desk
from tests.support.operators import add_person

D = Decimal
pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases", "standing_codes")]
RULES = RecoveryRules(step_minutes=15, good_fills=0)


@pytest.fixture
def recovering(desk: Desk) -> Recovering:
    return Recovering(desk.db, ACCOUNT, desk.clock)


@pytest.fixture
def ladder(desk: Desk) -> RecoveryLadder:
    desk.limits.change(recovery=RULES)
    return RecoveryLadder(desk.db, ACCOUNT, desk.limits, desk.clock)


@pytest.fixture
def ann(desk: Desk) -> Operator:
    return add_person(desk.db, desk.clock, "ann").login()


@pytest.fixture
def bob(desk: Desk, ann: Operator) -> Operator:
    return add_person(desk.db, desk.clock, "bob", by=ann).login()


FREE = Authority("test", is_free=True)


def by(desk: Desk, person: Operator, action: OverrideAction, scope: Scope = GLOBAL) -> Authority:
    """A person with a fresh code for the act."""
    codes, use = OverrideCodes(desk.db, desk.clock), Use(action, str(scope))
    return Authority(
        person, code=codes.prove(codes.create(use, person, reason="test").code, use, person)
    )


def state(desk: Desk, scope: Scope = GLOBAL) -> TradingState:
    with desk.db.reading() as session:
        return TradingState(session.get_one(TradingStateRow, (scope.kind, scope.key)).state)


def row(desk: Desk) -> RecoveryRow:
    with desk.db.reading() as session:
        return (
            session.scalars(select(RecoveryRow).order_by(RecoveryRow.recovery_id.desc())).first()
            or RecoveryRow()
        )


def begin(desk: Desk, recovering: Recovering, scope: Scope = GLOBAL) -> RecoveryRow:
    return recovering.ask(scope, reason="over", authority=FREE, needs_second=False)


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


def test_a_login_and_a_code_are_needed_and_the_code_is_gone_afterwards(
    desk: Desk, recovering: Recovering, ann: Operator
) -> None:
    desk.trading_halt.halt(reason="drill", actor="test")
    cat = add_person(desk.db, desk.clock, "cat", OperatorRole.OPERATOR, by=ann).login()
    for authority in (Authority("operator:ann"), Authority(ann), Authority(cat)):
        with pytest.raises(NotAuthorised):
            recovering.ask(GLOBAL, reason="x", authority=authority, needs_second=False)
    assert state(desk) is TradingState.HALTED
    given = by(desk, ann, OverrideAction.RECOVER)
    recovering.ask(GLOBAL, reason="over", authority=given, needs_second=False)
    assert state(desk) is TradingState.RECOVERING
    desk.trading_halt.halt(reason="again", actor="test")
    with pytest.raises(NotAuthorised, match="override code refused"):
        recovering.ask(GLOBAL, reason="over", authority=given, needs_second=False)
    assert state(desk) is TradingState.HALTED


def test_a_second_person_begins_what_the_first_asked_for(
    desk: Desk, recovering: Recovering, ann: Operator, bob: Operator
) -> None:
    desk.trading_halt.halt(reason="drill", actor="test")
    asked = recovering.ask(
        GLOBAL,
        reason="over",
        authority=by(desk, ann, OverrideAction.RECOVER),
        needs_second=True,
    )
    assert (state(desk), asked.phase) == (TradingState.HALTED, RecoveryPhase.PENDING)
    with pytest.raises(NotAuthorised, match="a second person"):
        recovering.confirm(
            asked.recovery_id, reason="me too", authority=by(desk, ann, OverrideAction.CONFIRM)
        )
    with pytest.raises(NotAuthorised, match="override code"):
        recovering.confirm(asked.recovery_id, reason="yes", authority=Authority(bob))
    assert state(desk) is TradingState.HALTED
    recovering.confirm(
        asked.recovery_id, reason="yes", authority=by(desk, bob, OverrideAction.CONFIRM)
    )
    found = row(desk)
    assert (state(desk), found.phase) == (TradingState.RECOVERING, RecoveryPhase.CLIMBING)
    assert (found.asked_by, found.confirmed_by) == ("operator:ann", "operator:bob")


@pytest.mark.parametrize("spoiled", ["late", "moved", "forged"])
def test_what_was_asked_for_too_long_ago_or_before_another_halt_or_by_nobody_is_not_confirmed(
    desk: Desk, recovering: Recovering, ann: Operator, bob: Operator, spoiled: str
) -> None:
    desk.trading_halt.halt(reason="drill", actor="test")
    asked = recovering.ask(
        GLOBAL,
        reason="over",
        authority=by(desk, ann, OverrideAction.RECOVER),
        needs_second=True,
    )
    if spoiled == "late":
        desk.clock.move_to(desk.clock.now() + CONFIRM_WITHIN)
    if spoiled == "moved":
        with desk.db.transaction() as session:
            session.execute(update(RecoveryRow).values(epoch=asked.epoch - 1))
    if spoiled == "forged":
        add_person(desk.db, desk.clock, "eve", by=ann)
        with desk.db.transaction() as session:
            session.execute(update(RecoveryRow).values(asked_by="operator:eve"))
    with pytest.raises((Refused, NotAuthorised)):
        recovering.confirm(
            asked.recovery_id, reason="yes", authority=by(desk, bob, OverrideAction.CONFIRM)
        )
    assert state(desk) is TradingState.HALTED


def test_a_recovery_that_nobody_confirms_ends(
    desk: Desk, recovering: Recovering, ladder: RecoveryLadder, ann: Operator
) -> None:
    desk.trading_halt.halt(reason="drill", actor="test")
    given = by(desk, ann, OverrideAction.RECOVER)
    recovering.ask(GLOBAL, reason="over", authority=given, needs_second=True)
    assert ladder.tick() == 0
    desk.clock.move_to(desk.clock.now() + CONFIRM_WITHIN)
    assert ladder.tick() == 1
    assert (state(desk), row(desk).phase) == (TradingState.HALTED, RecoveryPhase.ENDED)


def test_an_account_with_a_tripped_breaker_is_reset_first(
    desk: Desk, recovering: Recovering
) -> None:
    with desk.db.unit_of_work() as uow:
        found = Finding("data_quality_issue", "1", "0", "positions disagree")
        trip(uow, ACCOUNT, found, actor="test", now=desk.clock.now())
        uow.commit()
    with pytest.raises(Refused, match="`mlrisk breaker reset` comes first"):
        begin(desk, recovering, Scope(ScopeKind.ACCOUNT, ACCOUNT))


def test_the_preview_names_state_orders_and_who_acted(desk: Desk) -> None:
    desk.trading_halt.halt(reason="drill", actor="cli:me")
    denying = ("global * is HALTED: drill", "breaker x is tripped: y")
    shown = preview(desk.db, GLOBAL, denying, resting_orders(desk.db, desk.exchange))
    assert (shown.scope, shown.state, shown.reason) == ("global:*", TradingState.HALTED, "drill")
    assert "breaker x is tripped: y" in shown.stays
    assert not any("global * is HALTED" in line for line in shown.stays)
    assert shown.resting.orders == ()
    assert ("cli:me", "halted") in [(act.actor, act.kind) for act in shown.acts]
