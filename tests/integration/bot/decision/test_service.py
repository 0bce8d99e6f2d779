"""One transaction from request to child orders, on real Postgres."""

import threading
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from bot.risk import codec
from bot.risk.snapshot import TradeIntent
from bot.state import snapshots
from models.audit import chains, verify_chain
from models.tables import (
    AuditRow,
    ChildOrderRow,
    DecisionRow,
    ParentOrderRow,
    ReservationRow,
    TradeRequestRow,
)
from tests.support.desk import Desk
from tests.support.fakes import T0

D = Decimal


def test_an_approved_request_writes_decision_reservation_parent_and_children(desk: Desk) -> None:
    outcome = desk.approve_twap()
    assert outcome["verdict"] == "allow"
    children = desk.children()
    assert len(children) == 6
    parent = desk.parent()
    assert sum(c.qty for c in children) == parent.approved_qty == D(outcome["approved_qty"])
    assert desk.reservation().open_qty == parent.approved_qty
    desk.check_balance()


def test_children_due_soon_are_woken_and_later_ones_wait_for_the_dispatcher(desk: Desk) -> None:
    desk.approve_twap()
    assert len(desk.task_queue.children) == 2
    desk.pass_time(6)
    desk.dispatcher.tick()
    assert len({child for child, _ in desk.task_queue.children}) == 3


def test_the_same_request_twice_gives_the_first_outcome_and_one_parent(desk: Desk) -> None:
    first = desk.approve()
    desk.market.away = True
    second = desk.approve()
    assert second == {**first, "repeated": True}
    assert len(desk.children()) == 1


def test_the_same_request_from_many_threads_gives_one_parent(desk: Desk) -> None:
    barrier = threading.Barrier(6)
    outcomes = []

    def run() -> None:
        barrier.wait()
        outcomes.append(desk.approve("r-race"))

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [o["verdict"] for o in outcomes] == ["allow"] * 6
    assert sum(not o["repeated"] for o in outcomes) == 1
    assert len(desk.children()) == 1


def test_two_workers_reserve_the_last_ten_percent_and_one_wins(desk: Desk) -> None:
    """Scenario two-workers-last-10-percent: the gross limit is one request wide."""
    desk.limits.change(
        max_gross_exposure_share=D("0.045"), max_net_exposure_share=D(1), max_repeated_orders=100
    )
    desk.approve("r-0")
    barrier = threading.Barrier(2)
    outcomes = {}

    def run(name: str) -> None:
        barrier.wait()
        outcomes[name] = desk.approve(name)

    threads = [threading.Thread(target=run, args=(n,)) for n in ("r-1", "r-2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(o["verdict"] for o in outcomes.values()) == ["allow", "deny"]


def test_a_denied_request_leaves_no_exposure(desk: Desk) -> None:
    outcome = desk.approve(ml_predictions={"confidence": 0.1})
    assert outcome["verdict"] == "deny"
    assert "insufficient_confidence" in outcome["reasons"]
    with desk.db.reading() as session:
        for table in (ParentOrderRow, ChildOrderRow, ReservationRow):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_what_a_bad_day_may_cost_makes_a_trade_smaller_and_is_stored(desk: Desk) -> None:
    desk.limits.change(max_portfolio_risk=D("0.0002"))
    outcome = desk.approve()
    assert outcome["verdict"] == "shrink"
    assert outcome["reasons"] == ["portfolio_risk_limit"]
    with desk.db.reading() as session:
        stored = session.scalars(select(DecisionRow)).one()
        check = next(c for c in stored.decision["checks"] if c["name"] == "trade_risk")
        assert (check["status"], check["limit"]) == ("fail", "20")
        assert "normal law" in check["sentence"]
        assert stored.limits["max_portfolio_risk"] == "0.0002"
    desk.check_balance()


def test_no_market_means_no(desk: Desk) -> None:
    desk.market.away = True
    assert desk.approve()["verdict"] == "deny"


def test_stale_market_means_no(desk: Desk) -> None:
    desk.market.age_seconds = 60
    assert desk.approve()["verdict"] == "deny"


def buy_then_see(desk: Desk, touch: str) -> None:
    """A position of 0.03, filled at 65,000, and a market view that says something else."""
    desk.approve("r-0")
    desk.send_due()
    desk.stream()
    desk.pass_time(2)
    desk.market.touch = D(touch)


def test_a_market_far_from_the_newest_fill_means_no(desk: Desk) -> None:
    """Seen: under a market that was made up, 250,000 USDT were filled where 5,000 were approved."""
    buy_then_see(desk, "1300")
    outcome = desk.approve("r-1")
    assert (outcome["verdict"], outcome["reasons"]) == ("deny", ["data_missing"])
    (failed,) = outcome["checks_failed"]
    assert failed["name"] == "market_agrees"
    assert "the mid of BTCUSDT is 1299.95" in failed["sentence"]
    assert "the newest fill at 65000" in failed["sentence"]
    exit_ = desk.approve("r-2", side="sell", signal_data={"position_size": "13"})
    assert exit_["verdict"] == "allow"
    desk.pass_time(120)
    assert desk.approve("r-3")["verdict"] == "allow"


def test_a_market_far_from_the_exchanges_mark_of_what_is_held_means_no(desk: Desk) -> None:
    buy_then_see(desk, "65000")
    desk.pass_time(120)
    assert desk.approve("r-1")["verdict"] == "allow"
    desk.exchange.touch = D("70000")
    desk.reconciler.reconcile_account()
    outcome = desk.approve("r-2")
    assert outcome["verdict"] == "deny"
    (failed,) = outcome["checks_failed"]
    assert "714 bps from the exchange's mark at 70000" in failed["sentence"]
    with desk.db.reading() as session:
        stored = session.get_one(DecisionRow, "r-2").snapshot["portfolio"]["positions"][0]
    assert stored["exchange_mark"] == {"price": "70000", "at": desk.clock.now().isoformat()}
    desk.pass_time(61)
    assert desk.approve("r-3")["verdict"] == "allow"


def test_a_bad_message_is_answered_by_field_and_recorded(desk: Desk) -> None:
    outcome = desk.approve(side="Buy", signal_data={"position_size": "NaN"})
    fields = {f["field"] for f in outcome["error"]["fields"]}
    assert fields == {"side", "signal_data.position_size"}
    assert outcome["status"] == "validation_failed"
    assert desk.audit_kinds() == ["bad_message"]
    assert desk.children() == []


@pytest.mark.parametrize("raw", [None, "text", 7, {"request_id": "\x00"}, {"x": float("nan")}])
def test_whatever_is_sent_is_answered_and_recorded(desk: Desk, raw: object) -> None:
    outcome = desk.approval.validate_and_execute(raw)
    assert outcome["error"]["type"] == "bad_message"
    assert desk.audit_kinds() == ["bad_message"]


def test_an_unknown_account_is_refused_by_name(desk: Desk) -> None:
    outcome = desk.approve(metadata={"account": "somebody-else"})
    assert outcome["error"]["fields"][0]["field"] == "metadata.account"


def test_a_written_request_is_decided_by_its_wake_up_and_found_when_that_is_lost(
    desk: Desk,
) -> None:
    desk.admission.accept(desk.request("r-written"))
    assert desk.task_queue.requests == ["r-written"]
    desk.pass_time(4)
    desk.dispatcher.tick()
    assert desk.task_queue.requests == ["r-written", "r-written"]
    outcome = desk.approval.validate_stored("r-written")
    assert outcome is not None
    assert outcome["verdict"] == "allow"
    desk.pass_time(10)
    desk.dispatcher.tick()
    assert desk.task_queue.requests == ["r-written", "r-written"]


def test_a_request_without_a_time_is_as_old_as_its_receipt(desk: Desk) -> None:
    raw = desk.request("r-timeless")
    del raw["created_at"]
    desk.admission.accept(raw)
    received = desk.clock.now()
    desk.pass_time(2)
    outcome = desk.approval.validate_stored("r-timeless")
    assert outcome is not None
    assert outcome["verdict"] == "allow"
    assert desk.approval.validate_and_execute(raw) == {**outcome, "repeated": True}
    with desk.db.reading() as session:
        row = session.get_one(TradeRequestRow, "r-timeless")
        decision = session.get_one(DecisionRow, "r-timeless")
    assert row.created_at == received
    assert row.payload["created_at"] is None
    assert codec.from_json(TradeIntent, decision.intent).created_at == received


def test_what_a_strategy_claims_decides_nothing_is_stored_and_told_where_it_is_far(
    desk: Desk,
) -> None:
    claims = {"portfolio_value": "900000000", "volatility": 0.5, "price": "1"}
    told = desk.approve("r-far", market_data=claims)
    plain = desk.approve("r-plain", signal_data={"position_size": "2001"})
    assert (told["verdict"], plain["verdict"]) == ("allow", "allow")
    assert plain["notes"] == []
    (note,) = told["notes"]
    for words in ("900000000 by the strategy's", "the volatility", "the price is 65000"):
        assert words in note
    with desk.db.reading() as session:
        row = session.get_one(DecisionRow, "r-far")
        payload = session.get_one(TradeRequestRow, "r-far").payload
    assert row.intent["claims"]["portfolio_value"] == "900000000"
    assert payload["market_data"]["portfolio_value"] == "900000000"
    near = desk.approve(
        "r-near", market_data={"price": "65100"}, signal_data={"position_size": 2002}
    )
    assert near["notes"] == []


def test_the_audit_chain_verifies_and_names_what_was_changed(desk: Desk) -> None:
    desk.approve("r-1")
    desk.approve("r-2", side="nonsense")
    with desk.db.transaction() as session:
        names = chains(session)
        assert names == ["global", "paper"]
        assert all(not verify_chain(session, name).problems for name in names)
    with desk.db.transaction() as session:
        session.connection().exec_driver_sql("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        row = session.scalars(select(AuditRow).where(AuditRow.chain == "paper")).first()
        assert row is not None
        row.payload = {**row.payload, "verdict": "deny"}
    with desk.db.transaction() as session:
        problems = verify_chain(session, "paper").problems
    assert problems == ("paper: entry 1 was changed after it was written",)


def test_an_audit_entry_can_be_neither_changed_nor_deleted(desk: Desk) -> None:
    desk.approve()
    for statement in (
        "UPDATE audit_entry SET actor = 'me'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
    ):
        with pytest.raises(Exception, match="immutable"), desk.db.transaction() as session:
            session.connection().exec_driver_sql(statement)


def test_leaving_a_unit_of_work_without_commit_changes_nothing(desk: Desk) -> None:
    with desk.db.unit_of_work() as uow:
        uow.audit("paper", "x", "y", "z", {}, desk.clock.now())
        uow.session.flush()
    assert desk.audit_kinds() == []
    with desk.db.reading() as session:
        assert session.scalar(select(func.count()).select_from(TradeRequestRow)) == 0


def test_a_store_that_is_lost_during_the_check_lets_nothing_through(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scenario store-lost-mid-check: Postgres drops the session while the gate decides."""
    original = snapshots.take

    def lose_the_store(session: Session, *rest: Any) -> Any:
        taken = original(session, *rest)
        own = session.scalar(text("SELECT pg_backend_pid()"))
        with desk.db.autocommit_connection() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
        return taken

    monkeypatch.setattr(snapshots, "take", lose_the_store)
    with pytest.raises(OperationalError):
        desk.approve("r-lost")
    assert desk.children() == []
    assert desk.task_queue.children == []
    monkeypatch.setattr(snapshots, "take", original)
    assert desk.approve("r-lost")["verdict"] == "allow"
    assert len(desk.children()) == 1


def test_a_vwap_follows_the_curve_that_the_strategy_gives(desk: Desk) -> None:
    outcome = desk.approve(
        signal_data={
            "position_size": "6500",
            "algorithm": "vwap",
            "horizon_seconds": 40,
            "volume_curve": [1, 3, 0, 1],
        }
    )
    assert outcome["verdict"] == "allow", outcome
    children = desk.children()
    assert [(c.slot, c.qty) for c in children] == [
        (0, D("0.020")),
        (1, D("0.060")),
        (3, D("0.020")),
    ]
    assert [(c.due_at - T0).total_seconds() for c in children] == [0, 10, 30]
    desk.check_balance()


def test_implementation_shortfall_trades_more_at_first_the_more_risk_is_disliked(
    desk: Desk,
) -> None:
    def sizes(request_id: str, risk_aversion: float) -> list[Decimal]:
        outcome = desk.approve(
            request_id,
            signal_data={
                "position_size": "3000",
                "algorithm": "implementation_shortfall",
                "horizon_seconds": 60,
                "interval_seconds": 15,
                "risk_aversion": risk_aversion,
            },
        )
        assert outcome["verdict"] == "allow", outcome
        return [child.qty for child in desk.children(request_id)]

    calm, anxious = sizes("r-calm", 0), sizes("r-anxious", 0.001)
    assert max(calm) - min(calm) <= D("0.001")
    assert anxious[0] > calm[0]
    assert sum(calm) == sum(anxious)


def test_a_vwap_without_a_curve_is_refused_by_name(desk: Desk) -> None:
    outcome = desk.approve(signal_data={"algorithm": "vwap"})
    assert "volume_curve" in outcome["message"]
