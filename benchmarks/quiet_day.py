"""Prints the alerts of a quiet run of the demo; there should be none.

Run: `python -m benchmarks.quiet_day [--seconds 120] [--market synthetic]`

It runs `mlrisk demo` in a home of its own, with the synthetic market, which has no spikes of its
own. The demo strategy closes at a loss at most twice in a row. An alert of such a run is a false
one, or a fault.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any


def run(seconds: float, market: str) -> dict[str, Any]:
    """The demo's report."""
    with tempfile.TemporaryDirectory(prefix="mlrisk-quiet-") as directory:
        home, report = Path(directory) / "home", Path(directory) / "report.json"
        command = [sys.executable, "-m", "console", "demo", "--no-screen", "--home", str(home)]
        command += ["--seconds", f"{seconds:g}", "--market", market, "--json", str(report)]
        ended = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if not report.exists():
            raise SystemExit(f"the demo ended with status {ended.returncode} and without a report")
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return found


def main() -> None:
    """Runs the demo and prints its alerts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=120.0, help="how long the demo trades")
    parser.add_argument("--market", default="synthetic", help="as `mlrisk demo --market`")
    arguments = parser.parse_args()
    seconds = arguments.seconds
    report = run(seconds, arguments.market)
    alerts = report["alerts"]
    levels = Counter(one["level"] for one in alerts)
    told = ", ".join(f"{count} {level}" for level, count in levels.items())
    print(
        f"{len(alerts)} alerts{f' ({told})' if told else ''} in {seconds:g} s of the demo: "
        f"{report['requests']} requests, {report['fills']} fills"
    )
    for one in alerts:
        print(f"  {one['level']} {one['kind']}, {one['count']} times: {one['text']}")


if __name__ == "__main__":
    main()
