"""The summary of a run says what failed."""

import io
from decimal import Decimal

import pytest
from rich.console import Console

from console.invariants import InvariantResult
from console.views.summary import print_summary
from tests.support.accounts.reports import OK, report_of
from tests.support.scene import Scene


@pytest.mark.services
def test_the_summary_says_what_failed(scene: Scene) -> None:
    scene.trade("r-1")
    broken = InvariantResult("I3", "title", ("parent r-1: [lost] 0.1",), checked=True)
    report = report_of(scene, invariants=[*OK[:2], broken], stopped_cleanly=False)
    out = Console(file=io.StringIO(), width=120)
    print_summary(out, report)
    assert isinstance(out.file, io.StringIO)
    text = out.file.getvalue()
    assert "I3 violated (1)" in text
    assert "parent r-1: [lost] 0.1" in text
    assert "NOT ok" in text
    assert Decimal(report["notional_filled"]) > 0
