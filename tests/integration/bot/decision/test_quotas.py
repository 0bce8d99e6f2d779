"""What one strategy may ask for at once: refused before it is decided, and no exit held back."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.decision import refusals
from bot.decision.authentication import AuthenticatedDecisions as Door
from bot.decision.quotas import Quotas
from config.keys.quotas import QuotaRules
from models.enums import MessageRefusal
from models.repositories import refused
from models.tables import AuditRow, DecisionRow, TradeRequestRow
from tests.support.desk import ACCOUNT, Desk

RULES = QuotaRules(requests_per_second=3, open_requests=5, exits_per_second=6, open_exits=9)
TWAP = {"algorithm": "twap", "horizon_seconds": 30, "interval_seconds": 5}


@pytest.fixture
def quotas(desk: Desk) -> Quotas:
    desk.limits.change(quotas=RULES, max_repeated_orders=1000)
    return Quotas(desk.db, ACCOUNT, desk.limits, desk.clock)


@pytest.fixture
def door(desk: Desk, quotas: Quotas) -> Door:
    return Door(desk.approval, quotas=quotas)


def ask(desk: Desk, door: Door, request_id: str, **changes: Any) -> dict[str, Any]:
    """Small: the limits of the gate are not what is asked about."""
    signal = {"position_size": "100", **changes.pop("signal_data", {})}
    return door.validate_and_execute(desk.request(request_id, signal_data=signal, **changes))


def exit_of(desk: Desk, door: Door, request_id: str) -> dict[str, Any]:
    return ask(desk, door, request_id, side="sell", signal_data={"reduce_only": True})


def count(desk: Desk, row: type[Any]) -> int:
    with desk.db.reading() as session:
        return session.scalar(select(func.count()).select_from(row)) or 0


def recorded(desk: Desk) -> list[tuple[str, str]]:
    """Kinds and senders of the entries that a quota's refusals have left."""
    kinds = (MessageRefusal.QUOTA_EXCEEDED.value, refusals.SUMMED)
    with desk.db.reading() as session:
        rows = session.scalars(
            select(AuditRow).where(AuditRow.kind.in_(kinds)).order_by(AuditRow.chain, AuditRow.seq)
        )
        return [(row.kind, row.payload.get("sender", row.subject)) for row in rows]


def quota_of(answer: dict[str, Any]) -> str:
    """The quota that an answer names."""
    assert answer["error"]["type"] == "quota_exceeded"
    (told,) = answer["error"]["fields"]
    return str(told["field"]).removeprefix("quotas.")


def use_up(desk: Desk, door: Door, quota: int = RULES.requests_per_second) -> None:
    for number in range(quota):
        assert ask(desk, door, f"first-{number}")["verdict"] == "allow"


def test_requests_beyond_the_rate_are_refused_with_the_numbers_and_leave_nothing(
    desk: Desk, door: Door
) -> None:
    use_up(desk, door)
    before = (count(desk, TradeRequestRow), count(desk, DecisionRow))
    refused = ask(desk, door, "r-over")
    assert refused["error"] == {
        "type": "quota_exceeded",
        "fields": [
            {
                "field": "quotas.requests_per_second",
                "message": "requests in the last second: 3, and 3 are allowed",
            }
        ],
    }
    assert (refused["request_id"], refused["verdict"]) == ("r-over", "deny")
    assert "3, and 3 are allowed" in refused["message"]
    assert (count(desk, TradeRequestRow), count(desk, DecisionRow)) == before
    # Nothing was taken: it may be sent again under its id.
    desk.pass_time(1.001)
    assert ask(desk, door, "r-over")["verdict"] == "allow"


def test_another_strategy_has_a_quota_of_its_own(desk: Desk, door: Door) -> None:
    use_up(desk, door)
    assert ask(desk, door, "r-over")["error"]["type"] == "quota_exceeded"
    assert ask(desk, door, "r-b", metadata={"strategy": "b"})["verdict"] == "allow"


def test_requests_that_have_not_ended_count_until_they_end(desk: Desk, door: Door) -> None:
    for number in range(RULES.open_requests):
        desk.pass_time(2)
        assert ask(desk, door, f"r-{number}", signal_data=TWAP)["verdict"] == "allow"
    desk.pass_time(2)
    refused = ask(desk, door, "r-over", signal_data=TWAP)
    assert quota_of(refused) == "open_requests"
    assert f": {RULES.open_requests}, and {RULES.open_requests} are" in refused["message"]
    desk.send_due()
    desk.stream()
    desk.pass_time(300)
    desk.reconciler.expire_overdue()
    desk.pass_time(2)
    assert ask(desk, door, "r-over", signal_data=TWAP)["verdict"] == "allow"


def test_an_exit_goes_its_way_when_its_strategys_quota_is_used_up(desk: Desk, door: Door) -> None:
    use_up(desk, door)
    desk.send_due()
    desk.stream()
    assert ask(desk, door, "r-over")["error"]["type"] == "quota_exceeded"
    assert exit_of(desk, door, "r-exit")["verdict"] == "allow"
    # And one that doesn't say that it is one.
    reduction = ask(desk, door, "r-less", side="sell", signal_data={"position_size": "80"})
    assert reduction["verdict"] == "allow"
    # It opens nothing: who has no position is not let through by a word.
    other = {"metadata": {"strategy": "b"}}
    for number in range(RULES.requests_per_second):
        ask(desk, door, f"b-{number}", **other)
    assert ask(desk, door, "b-less", side="sell", **other)["error"]["type"] == "quota_exceeded"


def test_exits_have_a_bound_too(desk: Desk, door: Door) -> None:
    for number in range(RULES.exits_per_second):
        assert exit_of(desk, door, f"r-{number}")["status"] != "parked"
    refused = exit_of(desk, door, "r-over")
    assert quota_of(refused) == "exits_per_second"
    assert "6 are allowed" in refused["message"]
    # Entries are counted apart.
    assert ask(desk, door, "r-in")["verdict"] == "allow"


def test_what_was_taken_is_answered_again_beyond_the_quota(desk: Desk, door: Door) -> None:
    use_up(desk, door)
    again = ask(desk, door, "first-0")
    assert (again["verdict"], again["repeated"]) == ("allow", True)


def test_what_can_t_be_read_is_refused_for_what_it_is(desk: Desk, door: Door) -> None:
    use_up(desk, door)
    odd: list[Any] = [
        [],
        {},
        desk.request("a\x00b"),
        desk.request(metadata={"strategy": "\ud800"}),
        desk.request(metadata={"strategy": "a" * 65}),
        desk.request(side="hold"),
        desk.request(symbol="\x00"),
        {**desk.request(), "signal_data": 1},
    ]
    for raw in odd:
        assert door.validate_and_execute(raw)["error"]["type"] == "bad_message"


def test_a_flood_is_two_audit_entries_for_a_strategy_and_minute(desk: Desk, door: Door) -> None:
    use_up(desk, door)
    since = desk.clock.now()
    for number in range(40):
        ask(desk, door, f"over-{number}")
    for number in range(RULES.requests_per_second + 2):
        ask(desk, door, f"b-{number}", metadata={"strategy": "b"})
    kind = MessageRefusal.QUOTA_EXCEEDED
    assert recorded(desk) == [(kind.value, "test"), (kind.value, "b")]
    desk.pass_time(75)
    for _ in range(2):
        refusals.sum_up(desk.db, desk.clock)
        summed = [who for what, who in recorded(desk) if what == refusals.SUMMED]
        assert sorted(summed) == ["b", "test"]
    with desk.db.reading() as session:
        assert refused.total(session, since, [kind]) == 42


def test_a_strategy_reserves_its_share_and_leaves_the_rest_to_others(desk: Desk) -> None:
    """In the gate, so that it holds under any number of workers."""
    desk.limits.change(
        max_reservation_share=Decimal("0.004"), max_repeated_orders=1000, hard_caps=frozenset()
    )
    room = desk.exchange.wallet().equity * Decimal("0.004")
    size = format((room * Decimal("0.7")).quantize(Decimal(1)), "f")
    assert desk.approve_twap("r-1", size)["verdict"] == "allow"
    second = desk.approve_twap("r-2", size)
    assert second["verdict"] == "shrink"
    (broken,) = [c for c in second["checks_failed"] if c["name"] == "reservation_share"]
    assert Decimal(broken["limit"]) == room
    other = desk.approve("r-b", metadata={"strategy": "b"}, signal_data={"position_size": size})
    assert other["verdict"] == "allow"
    # What only reduces is never asked.
    desk.send_due()
    desk.stream()
    out = desk.approve("r-out", side="sell", signal_data={"position_size": "100"})
    assert (out["verdict"], out["checks_failed"]) == ("allow", [])
