"""A request is admitted once, under a key that is its strategy's own."""

from typing import Any

from tests.support.desk import Desk


def _of(desk: Desk, strategy: str, **changes: Any) -> dict[str, Any]:
    return desk.request("r-1", metadata={"strategy": strategy}, **changes)


def test_two_strategies_may_use_one_id_and_see_nothing_of_each_other(desk: Desk) -> None:
    first = desk.approval.validate_and_execute(_of(desk, "alpha"))
    other = _of(desk, "beta", side="sell", signal_data={"position_size": "1000"})
    second = desk.approval.validate_and_execute(other)
    assert first["verdict"] == second["verdict"] == "allow"
    assert first["request_id"] == second["request_id"] == "r-1"
    assert (first["repeated"], second["repeated"]) == (False, False)
    assert second["approved_notional"] != first["approved_notional"]
    assert desk.approval.validate_and_execute(other) == {**second, "repeated": True}
    again = desk.approval.validate_and_execute(_of(desk, "alpha"))
    assert again == {**first, "repeated": True}
    assert {(p.request_id, p.strategy) for p in map(desk.parent, ("r-1", "r-1~beta"))} == {
        ("r-1", "alpha"),
        ("r-1~beta", "beta"),
    }
    links = [child.order_link_id for child in desk.children()]
    assert len(set(links)) == len(links) == 2
    desk.send_due()
    desk.stream()
    assert desk.at_rest()
    desk.check_balance()


def test_another_content_of_the_second_strategy_is_refused_by_its_own_first(desk: Desk) -> None:
    desk.approval.validate_and_execute(_of(desk, "alpha"))
    second = desk.approval.validate_and_execute(_of(desk, "beta"))
    changed = desk.approval.validate_and_execute(_of(desk, "beta", side="sell"))
    assert [each["field"] for each in changed["error"]["fields"]] == ["side"]
    again = desk.approval.validate_and_execute(_of(desk, "beta"))
    assert again == {**second, "repeated": True}


def test_no_message_can_ask_under_another_strategys_key(desk: Desk) -> None:
    for strategy in ("alpha", "beta"):
        desk.approval.validate_and_execute(_of(desk, strategy))
    outcome = desk.approval.validate_and_execute(desk.request("r-1~beta"))
    assert outcome["error"]["fields"][0]["field"] == "request_id"
