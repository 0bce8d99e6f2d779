"""The busiest minutes of one system are what another one reads."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bot.safety.stress_load import Figures
from console.errors import CommandError
from console.output import to_json
from console.runtime.peak_figures import figures_of, peak_facts, read_figures
from models.repositories.peaks import Peak, Peaks

NOW = datetime(2026, 11, 30, tzinfo=UTC)
NOTHING = Peak(Decimal(0), None)
FOUND = Peaks(NOW, NOW, Peak(Decimal(120), NOW), NOTHING, Peak(Decimal("70000.125"), NOW))


def test_what_is_printed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "peaks.json"
    path.write_text(to_json(peak_facts(FOUND)), encoding="utf-8")
    assert read_figures(path) == Figures(120, 0, Decimal("70000.12"))
    assert figures_of(FOUND) == Figures(120, 0, Decimal("70000.125"))


@pytest.mark.parametrize("most", ["-1", "NaN", "1000000000000", "many", None])
def test_a_figure_that_is_no_count_is_refused_by_its_place(
    tmp_path: Path, most: str | None
) -> None:
    path = tmp_path / "peaks.json"
    facts = json.loads(to_json(peak_facts(FOUND)))
    facts["volume"]["most"] = most
    path.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(CommandError, match=r"volume\.most"):
        read_figures(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="can't be read"):
        read_figures(tmp_path / "nothing.json")
