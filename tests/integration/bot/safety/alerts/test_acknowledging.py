"""An operator acknowledges an alert: signed, recorded, once."""

import pytest
from sqlalchemy import select

from bot.authority.actors import SIGNED
from bot.errors import NotAuthorised, Refused
from bot.safety.alerts.acknowledging import ACKNOWLEDGED, Acknowledgement
from bot.safety.halting.halt import TradingHalt
from bot.state import binding
from bot.state.identity import Identity
from config.settings import Environment, TradingMode
from models.enums import AlertState, OperatorRole
from models.tables import AlertRow, AuditRow
from tests.support.desk import Desk
from tests.support.operators import operator

pytestmark = pytest.mark.services


@pytest.fixture
def halted(desk: Desk) -> int:
    """The alert of a halt."""
    TradingHalt(desk.db, desk.clock).halt(reason="drill", actor="desk:bob")
    with desk.db.reading() as session:
        return session.scalars(select(AlertRow.alert_id)).one()


def guard(desk: Desk) -> None:
    owner = Identity(desk.account, "paper", "1", Environment.PRODUCTION, TradingMode.PAPER_TRADING)
    binding.bind(desk.db, owner, desk.clock.now())


def test_an_operators_acknowledgement_is_signed_and_recorded_once(desk: Desk, halted: int) -> None:
    guard(desk)
    acts = Acknowledgement(desk.db, desk.clock)
    with pytest.raises(NotAuthorised):
        acts.acknowledge(halted, reason="seen", actor="desk:bob")
    with pytest.raises(NotAuthorised):
        acts.acknowledge(halted, reason="seen", actor=operator("eve", OperatorRole.VIEWER))
    ann = operator("ann", OperatorRole.OPERATOR)
    assert acts.acknowledge(halted, reason="seen", actor=ann).state is AlertState.ACKNOWLEDGED
    acts.acknowledge(halted, reason="seen again", actor=ann)
    with desk.db.reading() as session:
        row = session.get_one(AlertRow, halted)
        entry = session.scalars(select(AuditRow).where(AuditRow.kind == ACKNOWLEDGED)).one()
    assert (row.acknowledged_by, row.acknowledge_reason) == ("operator:ann", "seen")
    assert entry.payload["alert"] == halted
    assert SIGNED in entry.payload


def test_what_cant_be_acknowledged_is_refused(desk: Desk, halted: int) -> None:
    acts = Acknowledgement(desk.db, desk.clock)
    with pytest.raises(Refused, match="needs its reason"):
        acts.acknowledge(halted, reason=" ", actor="bob")
    with pytest.raises(Refused, match="no alert 999"):
        acts.acknowledge(999, reason="seen", actor="bob")
    with desk.db.transaction() as session:
        session.get_one(AlertRow, halted).state = AlertState.CLEARED
    with pytest.raises(Refused, match="cleared already"):
        acts.acknowledge(halted, reason="seen", actor="bob")
