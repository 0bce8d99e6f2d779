"""I4: nothing that adds risk is accepted after a sealed halt."""

import pytest
from sqlalchemy import delete

from bot.safety.halting.halt import TradingHalt
from models.tables import AuditRow
from tests.integration.console.invariants.breaking import broken, only
from tests.support.scene import Scene

pytestmark = pytest.mark.services


def _halt(scene: Scene) -> None:
    report = TradingHalt(scene.db, scene.clock).halt(reason="test", actor="tester")
    assert report.sealed_at == scene.clock.now()


def test_i4_names_an_order_accepted_after_the_seal(scene: Scene) -> None:
    child = scene.trade("r-1")
    scene.advance(1)
    _halt(scene)
    assert scene.violated() == {}
    scene.journal[0]["t"] += 5_000
    assert (
        f"order {child.order_link_id} was accepted at 2025-06-01T12:00:05.015Z, "
        "global:* was sealed at 2025-06-01T12:00:01.060Z"
    ) in only(scene.violated(), "I4")


def test_i4_remembers_a_halt_that_was_lifted(scene: Scene) -> None:
    scene.trade("r-1")
    scene.advance(1)
    _halt(scene)
    scene.advance(10)
    TradingHalt(scene.db, scene.clock).resume(reason="over", actor="tester", development=True)
    scene.advance(1)
    scene.trade("r-2")
    assert scene.violated() == {}
    scene.journal[0]["t"] += 5_000
    assert "global:* was sealed" in only(scene.violated(), "I4")


def test_i4_lets_reducing_orders_pass(scene: Scene) -> None:
    scene.trade("r-1")
    scene.advance(1)
    _halt(scene)
    scene.journal[0]["t"] += 5_000
    scene.journal[0]["reduceOnly"] = True
    assert "I4" not in scene.violated()


def test_i4_needs_no_audit_entry_to_see_a_seal(scene: Scene) -> None:
    scene.trade("r-1")
    scene.advance(1)
    _halt(scene)
    scene.journal[0]["t"] += 5_000
    with broken(scene) as session:
        session.execute(delete(AuditRow).where(AuditRow.kind == "halt_sealed"))
    assert "global:* was sealed" in only(scene.violated(), "I4")
