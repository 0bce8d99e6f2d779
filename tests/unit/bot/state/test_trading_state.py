"""A row's trading state moves by the table of moves alone, and loosens with authority alone."""

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from bot.errors import NotAuthorised, Refused
from bot.state import trading_state
from models.enums import ScopeKind, TradingState
from models.tables import TradingStateRow
from tests.unit.bot.risk.cases import NOW

ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


@pytest.fixture
def session() -> Iterator[Session]:
    """A session that is never flushed: it stands for the lock that callers hold."""
    with Session() as opened:
        yield opened


def row(session: Session, state: TradingState) -> TradingStateRow:
    made = TradingStateRow(
        **{"scope_kind": ScopeKind.GLOBAL, "scope_key": "*", "state": state, "epoch": 3}
    )
    session.add(made)
    return made


def test_loosening_takes_authority_and_tightening_does_not(session: Session) -> None:
    halted = row(session, HALTED)
    with pytest.raises(NotAuthorised):
        trading_state.move(halted, ACTIVE, reason="r", actor="a", now=NOW)
    assert (halted.state, halted.epoch) == (HALTED, 3)
    trading = row(session, ACTIVE)
    assert trading_state.move(trading, HALTED, reason="drill", actor="ann", now=NOW)
    assert (trading.state, trading.reason, trading.epoch) == (HALTED, "drill", 4)


def test_with_authority_a_halt_is_lifted_once(session: Session) -> None:
    halted = row(session, HALTED)
    halted.sealed_at = NOW
    for changes in (True, False):
        said = trading_state.move(
            halted, ACTIVE, reason="calm", actor="ann", now=NOW, authorised=True
        )
        assert bool(said) is changes
    assert (halted.state, halted.sealed_at, halted.epoch) == (ACTIVE, None, 4)


def test_an_act_that_only_stops_leaves_a_stricter_state_as_it_is(session: Session) -> None:
    halted = row(session, HALTED)
    assert trading_state.tighten(halted, REDUCING, reason="r", actor="a", now=NOW) == {}
    assert (halted.state, halted.epoch) == (HALTED, 3)


def test_what_nobody_changed_is_not_undone(session: Session) -> None:
    with pytest.raises(Refused, match="is the state in the audit"):
        trading_state.undo(row(session, HALTED), ACTIVE, reason="r", actor="a", now=NOW)
