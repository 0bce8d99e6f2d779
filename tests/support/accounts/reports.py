"""The report of a scene."""

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from console.invariants import InvariantResult
from console.views.report import RunFacts, build_report
from tests.support.scene import START, Scene, read_only_engine

OK = [InvariantResult(f"I{n}", "title", (), checked=True) for n in range(1, 10)]


def report_of(scene: Scene, *, seconds: float = 0.0, **facts: Any) -> dict[str, Any]:
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
