import pytest

from paper_exchange.server.faults.catalogue import CATALOGUE, FaultBoard, FaultError, parse_fault


def test_a_fault_strikes_its_endpoint_as_often_as_asked() -> None:
    board = FaultBoard()
    fault = board.add("drop_after", "order/*", count=2)
    assert board.strike("after", "market/time") is None
    assert [board.strike("after", "order/create") for _ in range(3)] == [fault, fault, None]
    assert board.strike("before", "order/create") is None


def test_probability_is_seeded() -> None:
    def run(seed: int) -> list[bool]:
        board = FaultBoard()
        board.add("drop_after", probability=0.3, seed=seed)
        return [board.strike("after", "x") is not None for _ in range(200)]

    assert run(1) == run(1) != run(2)
    assert 30 <= sum(run(1)) <= 90


def test_faults_are_switched_off_by_id_name_or_all() -> None:
    changes = []
    board = FaultBoard()
    board.on_change = lambda: changes.append(len(board.active))
    one, _, _ = board.add("html"), board.add("html"), board.add("realtime_lag", options={"ms": 5})
    assert board.option("realtime_lag", "ms") == 5
    assert board.remove(str(one.id)) == 1
    assert board.remove("html") == 1
    assert board.remove() == 1
    assert board.option("realtime_lag", "ms") is None
    assert changes == [1, 2, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"name": "nope"}, "unknown fault"),
        ({"name": "html", "probability": 0}, "above 0"),
        ({"name": "html", "probability": 1.5}, "at most 1"),
        ({"name": "html", "count": 0}, "at least 1"),
        ({"name": "html", "options": {"ms": 1}}, "unknown option ms"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(FaultError, match=text):
        FaultBoard().add(**arguments)  # type: ignore[arg-type]


def test_a_fault_is_written_in_one_word() -> None:
    assert parse_fault("delay_after:order/create:p=0.25:n=3:seed=9:ms=50") == {
        "name": "delay_after",
        "endpoint": "order/create",
        "probability": 0.25,
        "count": 3,
        "seed": 9,
        "options": {"ms": 50.0},
    }
    for bad in ("html:a:b", "html:p=often"):
        with pytest.raises(FaultError):
            parse_fault(bad)


def test_every_fault_of_the_facts_has_a_name() -> None:
    """The faults that the document names, in its order."""
    wanted = (
        "drop_before drop_after delay_before delay_after code_10000 code_10000_effect code_10016"
        " code_10016_effect http_429 http_403 rate_limit rate_limit_past rate_limit_no_header"
        " code_10002 clock_skew html truncated_json reset_before reset_after realtime_lag"
        " history_lag cache_restart duplicate_execution late_execution double_filled stream_gap"
        " ws_close ws_abort ws_silence ws_refuse connect_refuse auth_refusal"
        " forced_cancel_reduce_only forced_cancel_liq forced_cancel_admin tick_change"
        " min_qty_change delivering funding liquidation crash_after_partial_fill foreign_order"
        " foreign_position"
    )
    assert set(wanted.split()) <= CATALOGUE.keys()
