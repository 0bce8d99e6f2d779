"""The pipeline's hand on one trade, from Python: the same acts as `mlrisk order`."""

import asyncio

import pytest

from bot.errors import DependencyDown, Refused
from bot.execution.pipeline import MLTradeExecutionPipeline
from models.enums import ParentState
from tests.support.desk import Desk
from tests.support.fakes import RecordedWakeups


@pytest.fixture
def pipeline(
    desk: Desk, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> MLTradeExecutionPipeline:
    """Of the system that the desk works for."""
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    return MLTradeExecutionPipeline(clock=desk.clock, wakeups=desk.wakeups)


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


def test_a_resume_wakes_the_workers_that_the_pipeline_was_given(
    desk: Desk, pipeline: MLTradeExecutionPipeline
) -> None:
    desk.approve_twap()
    pipeline.pause("r-1", "news", "desk:bob")
    desk.wakeups.children.clear()
    pipeline.resume("r-1", "over", "desk:bob")
    assert [key for key, _ in desk.wakeups.children] == [desk.children()[0].child_id]
    pipeline.close()


def test_what_is_unknown_is_refused(pipeline: MLTradeExecutionPipeline) -> None:
    for act in (pipeline.pause, pipeline.resume, pipeline.cancel):
        with pytest.raises(Refused, match="no request 'r-none' is known"):
            act("r-none", "drill", "desk:bob")
    pipeline.close()


def test_without_a_system_each_act_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLRISK_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    alone = MLTradeExecutionPipeline(wakeups=RecordedWakeups())
    for act in (alone.pause, alone.resume, alone.cancel):
        with pytest.raises(DependencyDown, match="mlrisk up"):
            act("r-1", "drill", "desk:bob")
    alone.close()
