"""The benchmark of the ledger prints how often it was right."""

import re

import pytest

from benchmarks.gate_value import look, main


def test_a_few_worlds_are_counted_and_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLRISK_RECORDINGS", raising=False)
    main(["--worlds", "2", "--days", "8", "--strengths", "12"])
    told = capsys.readouterr().out
    assert re.match(r"2 worlds of 8 days, edge 12 standard errors: [\d.]+% of 8 intervals", told)
    seen = look(2, 8, 12.0)
    assert seen["worlds"] == 2
    assert seen["right"] <= seen["said"]
