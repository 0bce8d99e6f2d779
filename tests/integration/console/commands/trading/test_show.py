"""A request is shown with what works it and what is in its way."""

from decimal import Decimal

import pytest

from console.cli import run
from console.errors import ExitCode
from models.documents.orders import FallbackProgress, Throttle, ThrottleKind
from models.enums import Algorithm
from models.tables import (
    ChildOrderRow,
    ParentOrderRow,
)
from tests.support.scene import START, Scene
from workers.supervision.ports import free_port

SLOWED = Throttle(ThrottleKind.SLOW, Decimal("0.5"), Decimal(1), "volatility", "2.1", "2", START)


@pytest.fixture
def away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Postgres is there; Redis and the exchange are not."""
    monkeypatch.setenv("MLRISK_DATABASE_URL", scene.database_url)
    monkeypatch.setenv("MLRISK_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")
    return scene


@pytest.mark.services
def test_a_request_is_shown_with_its_resting_order_its_pace_and_its_switch(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    away.decide("r-1", signal={"algorithm": "iceberg", "horizon_seconds": 20})
    child = away.rest("r-1")
    away.accept(child)
    with away.db.transaction() as session:
        row = session.get_one(ParentOrderRow, "r-1")
        row.ladder = FallbackProgress({"timeout": 2}, Algorithm.PASSIVE)
        row.pace = SLOWED
        row.params = {**row.params, "slots_merged": 3, "residual": "0.0004"}
        session.get_one(ChildOrderRow, child.child_id).cancel_requested_at = away.clock.now()
    assert run(["show", "r-1"]) == ExitCode.OK
    text = capsys.readouterr().out
    for words in (
        *("parent: iceberg, now passive 0.1 working", "chosen because: asked for by the strategy"),
        "plan: 3 slices were too small and merged into others; 0.0004 is no whole lot",
        *("in its way: slow: volatility 2.1 (from 2)", "failures in a row: timeout 2"),
        *("post_only", "29999.9", "acked, called back"),
    ):
        assert words in text, words
    run(["order", "cancel", "r-1", "--reason", "drill"])
    capsys.readouterr()
    assert run(["show", "r-1"]) == ExitCode.OK
    assert "in its way: ending: cancelled by the operator: drill" in capsys.readouterr().out
