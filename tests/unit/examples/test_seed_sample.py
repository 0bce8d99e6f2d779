"""The original interface's sample runs as written, without a system."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_sample_decides_in_memory_and_says_how_to_start_the_system(tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MLRISK_")}
    done = subprocess.run(
        [sys.executable, "-m", "examples.seed_sample"],
        cwd=ROOT,
        env={**kept, "MLRISK_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("approved: True, size: ")
    assert "after the stop: ['emergency_stop_active']" in lines
    assert lines[-1].startswith("pipeline: ")
    assert "mlrisk up" in lines[-1]
