"""`mlrisk drill stress` on a whole system: real workers carry a doubled busiest minute."""

import json
import subprocess
import sys
from typing import Any

import pytest

from console.errors import ExitCode
from tests.support.system import ROOT, MiniSystem, trade_request
from tests.support.waiting import START_SECONDS

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.xdist_group("whole-system")]

_PATIENCE_SECONDS = 600
"""The test is about what the system carries, and not about how fast this machine is."""


def test_a_whole_system_carries_twice_its_busiest_minute(system: MiniSystem) -> None:
    system.wait(system.market_ready, "the market")
    request = trade_request()
    assert system.outcome(request)["verdict"] in ("allow", "shrink")
    system.wait(lambda: system.finished(request["request_id"]), "the trade")
    peaks = system.home / "production.json"
    busiest = {"received": {"most": 60}, "sent": {"most": 8}, "volume": {"most": "20000"}}
    peaks.write_text(json.dumps(busiest), encoding="utf-8")
    before = len(system.exchange.journal("create"))
    report = stress(system, "--peaks", str(peaks), "--seconds", "5")
    assert report["problems"] == [], report
    assert report["load"]["by_default"] == []
    answered = report["decisions"]["count"] + report["offered"]["beyond_quota"]
    assert answered >= report["offered"]["messages"] >= report["load"]["messages"] == 120
    sent = len(system.exchange.journal("create")) - before
    assert min(sent, report["orders_sent"]) >= report["load"]["orders"] == 16


def stress(system: MiniSystem, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "console", "drill", "stress", "--json", *words]
    done = subprocess.run(
        [*command, "--patience-seconds", str(_PATIENCE_SECONDS)],
        env=system.env(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=2 * _PATIENCE_SECONDS + START_SECONDS,
        check=False,
    )
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode == ExitCode.OK) == report["passed"]
    return report
