"""Text of others that no column holds becomes its visible codes; it never stops an act."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.errors import ExchangeRefused
from bot.risk.codec import canonical_bytes
from models.audit import chains, verify_chain
from models.enums import ScopeKind, TradingState, VenueReason
from models.tables import AuditRow, TradeRequestRow, TradingStateRow
from tests.support.desk import Desk
from tests.support.properties import examples

pytestmark = pytest.mark.services

ODD = "no \x00 money \ud800 \U0001f600 \\u0000 \\ud800"
SHOWN = "no \\x00 money \\ud800 \U0001f600 \\u0000 \\ud800"


def _verified(desk: Desk) -> None:
    with desk.db.transaction() as session:
        assert [verify_chain(session, name).problems for name in chains(session)] in (
            [()],
            [(), ()],
        )


def test_a_halt_holds_whatever_its_reason_and_its_person_are_called(desk: Desk) -> None:
    """A terminal of another encoding gives lone surrogates."""
    report = desk.trading_halt.halt(reason=ODD, actor=f"cli:{ODD}")
    assert report.sealed_at is not None
    with desk.db.reading() as session:
        row = session.get_one(TradingStateRow, (ScopeKind.GLOBAL, "*"))
    assert (row.state, row.reason, row.actor) == (TradingState.HALTED, SHOWN, f"cli:{SHOWN}")
    _verified(desk)


def test_what_the_exchange_says_is_kept_and_the_order_ends(desk: Desk) -> None:
    desk.approve()
    desk.exchange.faults.append((ExchangeRefused(110003, ODD, reason=VenueReason.PRICE), False))
    desk.send_due()
    refused = desk.children()[0]
    assert refused.state == "rejected"
    assert SHOWN in (refused.note or "")
    _verified(desk)


def test_an_audit_entry_is_hashed_as_it_is_kept(desk: Desk) -> None:
    payload = {ODD: [ODD, {"x": ODD}], "plain": "\U0001f600"}
    with desk.db.unit_of_work() as uow:
        uow.audit("paper", "drill", ODD, ODD, payload, desk.clock.now())
        uow.commit()
    with desk.db.reading() as session:
        entry = session.get_one(AuditRow, ("paper", 1))
    assert (entry.subject, entry.actor) == (SHOWN, SHOWN)
    assert entry.payload == {SHOWN: [SHOWN, {"x": SHOWN}], "plain": "\U0001f600"}
    assert canonical_bytes(entry.payload)
    _verified(desk)


@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers()))
@example(numbers=[1e16, -1e22, 1.7e308, -0.0, 5e-324, 1e-7, 0.1, 9999999999999998.0])
@settings(max_examples=examples(30), suppress_health_check=list(HealthCheck))
def test_a_chain_with_any_numbers_verifies(desk: Desk, numbers: list[float]) -> None:
    """Seen: a large float in a payload came back as an integer, and the chain was called broken."""
    with desk.db.unit_of_work() as uow:
        uow.audit("paper", "drill", "x", "x", {"numbers": numbers}, desk.clock.now())
        uow.commit()
    _verified(desk)


def test_what_is_asked_for_by_an_odd_name_is_just_not_there(desk: Desk) -> None:
    with desk.db.reading() as session:
        assert session.get(TradeRequestRow, ODD) is None
