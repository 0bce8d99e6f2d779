"""Recoveries of a desk's account, and the persons who ask for them."""

from decimal import Decimal

from sqlalchemy import select

from bot.authority.actors import Operator
from bot.authority.override_codes import OverrideCodes, Use
from bot.safety.recovery.recovering import Authority, Recovering
from bot.state.scope import EVERYTHING as GLOBAL
from bot.state.scope import Scope
from config.keys.recovery import RecoveryRules
from models.enums import (
    OverrideAction,
    TradingState,
)
from models.tables import RecoveryRow, TradingStateRow
from tests.support.desk import Desk

D = Decimal


RULES = RecoveryRules(step_minutes=15, good_fills=0)


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
