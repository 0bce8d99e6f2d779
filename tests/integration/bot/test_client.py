"""The pipeline's hand on one trade, from Python: the same acts as `mlrisk order`."""

import asyncio
import json

import numpy as np
import pytest

from bot.authority.override_codes import OverrideCodes, Use
from bot.client import MLTradeExecutionPipeline
from bot.errors import DependencyDown, NotAuthorised, Refused
from bot.risk import MLRiskManager
from bot.safety.recovery.recovering import Authority, Recovering
from bot.state import binding
from bot.state.binding import Identity, WrongIdentity
from config.settings import Environment, Settings, TradingMode
from models.enums import OverrideAction, ParentState, TradingState
from tests.support.desk import ACCOUNT, Desk
from tests.support.documents.seed_document import RETURNS, TRADE_EXECUTION, in_a_notebook
from tests.support.fakes import T0, RecordedTaskQueue
from tests.support.operators import add_person


@pytest.fixture
def pipeline(
    desk: Desk, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> MLTradeExecutionPipeline:
    """Of the system that the desk works for."""
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    return MLTradeExecutionPipeline(clock=desk.clock, task_queue=desk.task_queue)


def test_a_trade_is_paused_resumed_and_cancelled(
    desk: Desk, pipeline: MLTradeExecutionPipeline
) -> None:
    desk.approve_twap()

    async def acts() -> list[ParentState]:
        reports = [
            await pipeline.pause_execution("r-1", "news"),
            await pipeline.resume_execution("r-1", "over", actor="desk:bob"),
            await pipeline.cancel_execution("r-1", "wrong size"),
        ]
        return [report.after for report in reports]

    assert asyncio.run(acts()) == [
        ParentState.PAUSED,
        ParentState.WORKING,
        ParentState.UNFILLED,
    ]
    assert pipeline.status("r-1")["status"] == "cancelled"
    assert {"parent_paused", "parent_resumed", "parent_cancelled"} <= set(desk.audit_kinds())
    pipeline.close()


def test_a_trade_whose_order_a_person_cancelled_at_the_exchange_says_so(
    desk: Desk, pipeline: MLTradeExecutionPipeline
) -> None:
    desk.approve(signal_data={"algorithm": "passive", "horizon_seconds": 60})
    desk.step()
    desk.stream()
    (order,) = desk.exchange.open_orders()
    desk.exchange.cancel(order.symbol, order.order_link_id)
    desk.stream()
    report = pipeline.get_execution_status("r-1")
    assert report["status"] == "cancelled"
    assert report["parent"]["end_reason"] == "cancelled_at_exchange"
    pipeline.close()


def test_a_resume_wakes_the_workers_that_the_pipeline_was_given(
    desk: Desk, pipeline: MLTradeExecutionPipeline
) -> None:
    desk.approve_twap()
    pipeline.pause("r-1", "news", "desk:bob")
    desk.task_queue.children.clear()
    pipeline.resume("r-1", "over", "desk:bob")
    assert [key for key, _ in desk.task_queue.children] == [desk.children()[0].child_id]
    pipeline.close()


def test_what_is_unknown_is_refused(pipeline: MLTradeExecutionPipeline) -> None:
    for act in (pipeline.pause, pipeline.resume, pipeline.cancel):
        with pytest.raises(Refused, match="no request 'r-none' is known"):
            act("r-none", "drill", "desk:bob")
    pipeline.close()


def test_without_a_system_each_act_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLRISK_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    alone = MLTradeExecutionPipeline(task_queue=RecordedTaskQueue())
    for act in (alone.pause, alone.resume, alone.cancel):
        with pytest.raises(DependencyDown, match="mlrisk up"):
            act("r-1", "drill", "desk:bob")
    alone.close()


def test_a_notebook_that_says_another_account_may_only_halt(
    desk: Desk, pipeline: MLTradeExecutionPipeline, migrated_url: str
) -> None:
    desk.approve_twap()
    binding.bind(desk.db, Identity("paper", "paper", "17"), T0)
    other = MLTradeExecutionPipeline(Settings(database_url=migrated_url, account="other"))
    for act in (other.pause, other.resume, other.cancel):
        with pytest.raises(WrongIdentity, match="belongs to account paper"):
            act("r-1", "drill", "desk:bob")
    assert other.halt("drill", "desk:bob").state == "halted"
    other.close()
    pipeline.close()


HIGH = {
    "confidence": 0.95,
    "uncertainty": 0.05,
    "ensemble_agreement": 0.95,
    "stability": 0.95,
    "feature_importance_score": 0.9,
}


@pytest.mark.parametrize("awaited", [False, True])
async def test_the_documents_trade_is_submitted_and_followed(
    desk: Desk, pipeline: MLTradeExecutionPipeline, awaited: bool
) -> None:
    """3. Trade Execution, as written, with returns that are no list and scores of numpy."""
    names = await in_a_notebook(
        TRADE_EXECUTION,
        execution_pipeline=pipeline,
        signal_data={"side": "buy", "position_size": "1000", "signal_strength": 0.75},
        ml_predictions={name: np.float32(score) for name, score in HIGH.items()},
        market_data={
            "volatility": 0.025,
            "volume": 1000000,
            "portfolio_value": 100000,
            "returns": np.array([np.nan, *RETURNS]),
        },
    )
    request_id, status = names["request_id"], names["status"]
    assert status == {"request_id": request_id, "status": "pending_validation"}
    assert desk.task_queue.requests == [request_id]
    desk.approval.validate_stored(request_id)
    status = pipeline.get_execution_status(request_id)
    if awaited:
        status = await status
    assert json.loads(json.dumps(status))["request_id"] == request_id
    assert not {"confidence", "feature_importance", "explainability"} & {
        check["name"] for check in status["checks_failed"]
    }
    with pytest.raises(Refused, match="no request"):
        pipeline.get_execution_status("unknown")
    pipeline.close()


def test_a_manager_stops_submitting_and_is_stopped_by_a_halt(
    desk: Desk, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    manager = MLRiskManager(clock=desk.clock)
    pipeline = MLTradeExecutionPipeline(
        ml_risk_manager=manager, unified_risk_manager=manager.account, clock=desk.clock
    )
    pipeline.submit(desk.request("before"))
    manager.activate_emergency_stop("doubt", override_code="kept")
    with pytest.raises(Refused, match="release_emergency_stop"):
        pipeline.submit(desk.request("while"))
    exit_request = desk.request("exit", side="sell", signal_data={"reduce_only": True})
    assert pipeline.submit(exit_request) == "exit"
    manager.release_emergency_stop("clear", "kept")
    pipeline.submit(desk.request("after"))
    pipeline.halt("fire", "desk:bob")
    assert not manager.trading_state.allows_reducing
    assert desk.approve("later")["verdict"] == "deny"
    with pytest.raises(Refused):
        pipeline.status("while")
    pipeline.close()


@pytest.mark.usefixtures("quick_passphrases", "standing_codes")
def test_a_stopped_manager_of_a_production_system_is_released_as_mlrisk_recover_does_it(
    desk: Desk, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    owner = Identity(ACCOUNT, "paper", "17", Environment.PRODUCTION, TradingMode.PAPER_TRADING)
    binding.bind(desk.db, owner, T0)
    manager = MLRiskManager(clock=desk.clock)
    pipeline = MLTradeExecutionPipeline(ml_risk_manager=manager, clock=desk.clock)
    ann = add_person(desk.db, desk.clock, "ann").login()
    bob = add_person(desk.db, desk.clock, "bob", by=ann).login()
    codes = OverrideCodes(desk.db, desk.clock)
    pipeline.halt("fire")
    wanted = Use(OverrideAction.RECOVER, "global:*")
    for given, operator in (
        (None, None),
        ("kept", None),
        ("kept", ann),
        (None, ann),
        (codes.create(wanted, bob, reason="test").code, ann),
    ):
        with pytest.raises(NotAuthorised):
            manager.release_emergency_stop("calm", given, operator=operator)
        assert not manager.trading_state.allows_reducing
    code = codes.create(wanted, ann, reason="test").code
    waits = manager.release_emergency_stop("calm", code, operator=ann)
    assert waits.warning is not None
    assert "waits for a second person" in waits.warning
    assert not manager.trading_state.allows_reducing
    recovering = Recovering(desk.db, ACCOUNT, desk.clock)
    (asked,) = recovering.open()
    confirm = Use(OverrideAction.CONFIRM, "global:*")
    proven = codes.prove(codes.create(confirm, bob, reason="test").code, confirm, bob)
    recovering.confirm(asked.recovery_id, reason="seen", authority=Authority(bob, code=proven))
    assert not manager.trading_state.allows_reducing, "the notebook asks again"
    code = codes.create(wanted, ann, reason="test").code
    manager.release_emergency_stop("calm", code, operator=ann)
    assert manager.trading_state is TradingState.RECOVERING
    assert desk.approve("r-1")["verdict"] == "shrink", "the system recovers at a tenth"
    pipeline.close()


def test_a_stopped_manager_of_a_development_system_is_released_with_its_system(
    desk: Desk, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    manager = MLRiskManager(clock=desk.clock)
    pipeline = MLTradeExecutionPipeline(ml_risk_manager=manager, clock=desk.clock)
    manager.activate_emergency_stop("doubt", override_code="kept")
    pipeline.halt("fire")
    with pytest.raises(NotAuthorised):
        manager.release_emergency_stop("clear", "another")
    assert desk.approve("r-1")["verdict"] == "deny"
    manager.release_emergency_stop("clear", "kept")
    assert manager.trading_state is TradingState.RECOVERING
    assert desk.approve("r-2")["verdict"] == "shrink"
    pipeline.close()
