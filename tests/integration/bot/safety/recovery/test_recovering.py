"""The authorised way back on real Postgres: codes, two persons, the ladder up and the fall back."""

import pytest
from sqlalchemy import update

from bot.authority.actors import Operator
from bot.errors import NotAuthorised, Refused
from bot.safety.recovery.ladder import RecoveryLadder
from bot.safety.recovery.recovering import CONFIRM_WITHIN, Authority, Recovering
from bot.state.breakers import Finding, trip
from bot.state.scope import EVERYTHING as GLOBAL
from bot.state.scope import Scope
from models.enums import (
    OperatorRole,
    OverrideAction,
    RecoveryPhase,
    ScopeKind,
    TradingState,
)
from models.tables import RecoveryRow
from tests.support.accounts.recovering import begin, by, row, state
from tests.support.desk import ACCOUNT, Desk
from tests.support.operators import add_person

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases", "standing_codes")]


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
