"""The summary of a run says what failed."""

import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy.orm import Session

from console.invariants import InvariantResult
from console.views.report import RunFacts, build_report
from console.views.summary import print_summary
from tests.support.scene import START, Scene, read_only_engine

OK = [InvariantResult(f"I{n}", "title", (), checked=True) for n in range(1, 10)]


def _report(scene: Scene, *, seconds: float = 0.0, **facts: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "memory_mb": {"postgres": 51.26},
        "invariants": OK,
        "stopped_cleanly": True,
    } | facts
    engine = read_only_engine(scene.database_url)
    try:
        with Session(engine) as session:
            return build_report(session, START + timedelta(seconds=seconds), RunFacts(**values))
    finally:
        engine.dispose()


@pytest.mark.services
def test_the_summary_says_what_failed(scene: Scene) -> None:
    scene.trade("r-1")
    broken = InvariantResult("I3", "title", ("parent r-1: [lost] 0.1",), checked=True)
    report = _report(scene, invariants=[*OK[:2], broken], stopped_cleanly=False)
    out = Console(file=io.StringIO(), width=120)
    print_summary(out, report)
    assert isinstance(out.file, io.StringIO)
    text = out.file.getvalue()
    assert "I3 violated (1)" in text
    assert "parent r-1: [lost] 0.1" in text
    assert "NOT ok" in text
    assert Decimal(report["notional_filled"]) > 0
