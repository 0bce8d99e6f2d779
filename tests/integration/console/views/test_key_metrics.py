"""The figures of the user's document, "Risk Metrics and Monitoring, Key Metrics Tracked"."""

import io
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy.orm import Session

from bot.safety.halting.halt import TradingHalt
from console.views.key_metrics import key_metrics, print_metrics
from tests.support.scene import START, Scene, read_only_engine


def metrics(scene: Scene, *, seconds: float = -60.0) -> dict[str, Any]:
    engine = read_only_engine(scene.database_url)
    try:
        with Session(engine) as session:
            return key_metrics(session, START + timedelta(seconds=seconds))
    finally:
        engine.dispose()


@pytest.mark.services
def test_trade_validation_metrics(scene: Scene) -> None:
    """ "Approval rate, block rate by reason, average confidence, risk level distribution"."""
    scene.trade("r-1")
    scene.decide("r-2", predictions={"confidence": 0.1})
    found = metrics(scene)["trade_validation"]
    assert (found["decisions"], found["approval_rate"]) == (2, 0.5)
    assert found["block_rate_by_reason"]["insufficient_confidence"] == 0.5
    assert found["average_confidence"] == 0.5
    assert sum(found["risk_levels"].values()) == 2
    assert not {"unreadable", "extreme"} & found["risk_levels"].keys()


@pytest.mark.services
def test_execution_metrics(scene: Scene) -> None:
    """ "Success rate, average execution time, slippage analysis, market impact measurement"."""
    scene.trade("r-1")
    found = metrics(scene)["execution"]
    assert (found["trades_ended"], found["success_rate"]) == (1, 1.0)
    assert found["average_execution_seconds"] >= 0
    assert found["slippage_bps"] == 0.167
    assert "market_impact_bps" in found


@pytest.mark.services
def test_risk_system_metrics(scene: Scene) -> None:
    """ "Circuit breaker trigger frequency, emergency stop events, model performance tracking,
    system health indicators"."""
    scene.trade("r-1")
    TradingHalt(scene.db, scene.clock).halt(reason="drill", actor="desk:bob")
    found = metrics(scene)["risk_system"]
    assert (found["breakers_tripped"], found["emergency_stops"]) == (0, 1)
    assert found["models"] == {"v1": {"trades": 1, "realised": "0", "win_rate": None}}
    assert {"requests_failed", "oldest_sign_of_life_seconds"} <= found.keys()


@pytest.mark.services
def test_without_trades_nothing_was_measured_and_it_prints(scene: Scene) -> None:
    facts = metrics(scene, seconds=3600.0)
    assert facts["trade_validation"]["approval_rate"] is None
    assert facts["execution"]["success_rate"] is None
    text = io.StringIO()
    print_metrics(Console(file=text, width=200), facts)
    assert "nothing measured" in text.getvalue()
