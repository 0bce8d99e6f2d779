"""Decisions are replayed under their own and under other limits."""

from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from console.errors import ExitCode
from models.database import Database
from models.tables import Base, DecisionRow
from tests.integration.console.commands.commanding import Mlrisk
from tests.support.desk import Desk

pytestmark = pytest.mark.services


def counts(db: Database) -> dict[str, int]:
    with db.reading() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


class TestReplay:
    DAY = ("--from", "2026-11-23", "--to", "2026-11-24T00:00Z")

    @pytest.fixture
    def decided(self, desk: Desk) -> Desk:
        for number, confidence in enumerate((0.95, 0.85, 0.75, 0.1)):
            desk.approve(f"r-{number}", ml_predictions={"confidence": confidence})
        return desk

    def test_under_its_own_limits_every_decision_comes_out_the_same(
        self, decided: Desk, mlrisk: Mlrisk
    ) -> None:
        before = counts(decided.db)
        status, facts = mlrisk("replay", *self.DAY, "--json")
        assert (status, facts["decisions"], facts["same"]) == (0, 4, 4)
        assert counts(decided.db) == before

    def test_one_changed_limit_shows_whose_answer_it_changes(
        self, decided: Desk, mlrisk: Mlrisk
    ) -> None:
        status, facts = mlrisk(
            "replay", *self.DAY, "--set", "ml_risk_thresholds.min_confidence=0.8", "--json"
        )
        assert status == 0
        (found,) = facts["differences"]
        assert found["request_id"] == "r-2"
        assert (found["before"]["verdict"], found["after"]["verdict"]) == ("shrink", "deny")
        assert found["checks"][0] == {
            "name": "confidence",
            "before": "pass",
            "after": "fail",
            "limit_before": "0.6",
            "limit_after": "0.8",
        }
        before, after = (Decimal(facts["approved_notional"][k]) for k in ("before", "after"))
        assert after < before

    def test_a_whole_file_may_be_tried(self, decided: Desk, mlrisk: Mlrisk, tmp_path: Path) -> None:
        text = Path("config/ml_risk_config.yaml").read_text("utf-8")
        file = tmp_path / "limits.yaml"
        file.write_text(text.replace("max_market_age_seconds: 5", "max_market_age_seconds: 0.01"))
        _, facts = mlrisk("replay", *self.DAY, "--config", str(file), "--json")
        assert {d["after"]["verdict"] for d in facts["differences"]} == {"deny"}
        assert facts["different"] == 4

    def test_a_decision_that_its_own_gate_does_not_repeat_is_a_defect(
        self, decided: Desk, mlrisk: Mlrisk
    ) -> None:
        with decided.db.transaction() as session:
            row = session.get_one(DecisionRow, "r-0")
            row.decision = {**row.decision, "verdict": "deny"}
        status, facts = mlrisk("replay", *self.DAY, "--json")
        assert (status, facts["different"]) == (ExitCode.FAILED, 1)

    def test_what_another_gate_wrote_is_counted_and_not_held_against_this_one(
        self, decided: Desk, mlrisk: Mlrisk
    ) -> None:
        with decided.db.transaction() as session:
            row = session.get_one(DecisionRow, "r-0")
            row.gate_version, row.limits = "older", {"unheard_of": 1}
        status, facts = mlrisk("replay", *self.DAY, "--json")
        assert (status, facts["decided_by_other_gates"], len(facts["unreadable"])) == (0, 1, 1)
        assert "r-0" in mlrisk("replay", *self.DAY)[1]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--from", "2026-11-23T12:00"), "has no zone"),
            (("--from", "yesterday"), "is no time"),
            (("--from", "1h", "--to", "2h"), "before"),
        ],
    )
    def test_times_that_mean_nothing_are_refused(
        self, mlrisk: Mlrisk, arguments: tuple[str, ...], said: str
    ) -> None:
        status, text = mlrisk("replay", *arguments)
        assert status == ExitCode.USAGE
        assert said in text

    def test_a_key_that_no_decision_depends_on_is_refused(
        self, decided: Desk, mlrisk: Mlrisk
    ) -> None:
        status, text = mlrisk("replay", *self.DAY, "--set", "position_monitoring.take_profit=0.2")
        assert status == ExitCode.FAILED
        assert "no decision depends on it" in text
