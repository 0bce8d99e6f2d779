"""`mlrisk config`, `explain`, `whatif`, `replay` and `blocks` on a real database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from bot.clock import SystemClock
from console.errors import ExitCode
from console.views.gate_value import panel_facts
from models.database import Database
from models.enums import NotValued, TradeSide, Verdict
from models.tables import DecisionFiguresRow, GateValueRow
from tests.integration.console.commands.commanding import Mlrisk
from tests.support.desk import Desk
from tests.support.operators import Person, add_person

pytestmark = pytest.mark.services

LOSS = "circuit_breakers.daily_loss_limit"


@pytest.fixture
def people(quick_passphrases: None, standing_codes: None, db: Database) -> tuple[Person, Person]:
    """Ann and Bob, risk officers."""
    ann = add_person(db, SystemClock(), "ann")
    return ann, add_person(db, SystemClock(), "bob", by=ann.login())


class TestConfig:
    def test_loosening_production_takes_two_people_from_proposal_to_history(
        self, mlrisk: Mlrisk, people: tuple[Person, Person], tmp_path: Path
    ) -> None:
        ann, bob = people
        propose = ("config", "propose", f"{LOSS}=0.02", "-r", "calm", "--json")
        status, text = mlrisk(*propose, "--actor", "ann", production=True)
        assert status == ExitCode.FAILED
        assert "an operator has to log in" in text
        status, proposed = mlrisk(*propose, *ann.on_the_command_line(tmp_path), production=True)
        assert (status, proposed["state"], proposed["version"]) == (0, "proposed", 2)
        approve = ("config", "approve", "2")
        status, text = mlrisk(*approve, *ann.on_the_command_line(tmp_path), production=True)
        assert status == ExitCode.FAILED
        assert "a second person has to approve it" in text
        status, text = mlrisk(*approve, "--actor", "bob", production=True)
        assert status == ExitCode.FAILED
        status, text = mlrisk(*approve, *bob.on_the_command_line(tmp_path), production=True)
        assert status == ExitCode.OK
        assert "in force" in text
        _, shown = mlrisk("config", "show", "--json", production=True)
        assert shown["version"] == 2
        assert shown["values"]["circuit_breakers"]["daily_loss_limit"] == 0.02
        assert shown["origins"][LOSS].startswith("version 2")
        _, history = mlrisk("config", "history", "--json", production=True)
        (version,) = history["versions"]
        assert version["state"] == "active"
        assert (version["proposed_by"], version["approved_by"]) == ("operator:ann", "operator:bob")

    def test_show_names_file_and_line_of_every_value(self, mlrisk: Mlrisk) -> None:
        status, text = mlrisk("config", "show", "--origin")
        assert status == ExitCode.OK
        assert "development, conservative, version 1 (the files)" in text
        assert "ml_risk_config.yaml:" in text

    def test_every_key_is_enforced_and_a_change_of_one_says_nothing_else(
        self, mlrisk: Mlrisk
    ) -> None:
        note = "reserved: not enforced yet"
        _, text = mlrisk("config", "show")
        _, shown = mlrisk("config", "show", "--json")
        assert shown["reserved"] == []
        assert shown["units"]["execution.max_retries"] == "attempts"
        _, changed = mlrisk("config", "propose", "execution.max_retries=2", "-r", "x")
        assert "execution.max_retries" in changed
        assert note not in text + changed

    def test_a_misspelt_key_and_a_wrong_value_are_refused_together(self, mlrisk: Mlrisk) -> None:
        status, text = mlrisk("config", "propose", "gate.max_leverag=2", f"{LOSS}=high", "-r", "x")
        assert status == ExitCode.USAGE
        assert "did you mean 'max_leverage'?" in text
        assert f"{LOSS} must be a number" in text

    @pytest.mark.parametrize("wrong", ["max_leverage", "=3", f"{LOSS}=[1"])
    def test_what_is_no_assignment_is_refused(self, mlrisk: Mlrisk, wrong: str) -> None:
        assert mlrisk("config", "propose", wrong, "-r", "x")[0] == ExitCode.USAGE

    def test_diff_tells_which_way_each_value_goes(self, mlrisk: Mlrisk) -> None:
        mlrisk("config", "propose", f"{LOSS}=0.01", "gate.max_leverage=4", "-r", "x")
        _, diff = mlrisk("config", "diff", "files", "current", "--json")
        assert [(c["path"], c["direction"]) for c in diff["changes"]] == [
            (LOSS, "tightening"),
            ("gate.max_leverage", "loosening"),
        ]
        mlrisk("config", "propose", "--unset", LOSS, "-r", "back")
        _, diff = mlrisk("config", "diff", "2", "3", "--json")
        assert [(c["path"], c["direction"]) for c in diff["changes"]] == [(LOSS, "loosening")]
        assert mlrisk("config", "diff", "files", "nowhere.yaml")[0] == ExitCode.USAGE
        assert mlrisk("config", "diff", "files", "99")[0] == ExitCode.FAILED

    def test_a_rejected_proposal_is_over(
        self, mlrisk: Mlrisk, people: tuple[Person, Person], tmp_path: Path
    ) -> None:
        login = people[0].on_the_command_line(tmp_path)
        mlrisk("config", "propose", f"{LOSS}=0.02", "-r", "calm", *login, production=True)
        login = people[0].on_the_command_line(tmp_path)
        reject = ("config", "reject", "2", "-r", "no", "--json", *login)
        status, version = mlrisk(*reject, production=True)
        assert (status, version["state"]) == (0, "rejected")
        assert mlrisk("config", "approve", "2", production=True)[0] == ExitCode.FAILED

    @pytest.mark.parametrize("verb", [["up"], ["demo", "--seconds", "1"]])
    def test_nothing_starts_on_a_misspelt_key(
        self,
        mlrisk: Mlrisk,
        tmp_path: Path,
        tmp_path_factory: pytest.TempPathFactory,
        monkeypatch: pytest.MonkeyPatch,
        verb: list[str],
    ) -> None:
        good = Path("config/ml_risk_config.yaml").read_text(encoding="utf-8")
        # Outside of the home, which is refused with files in it that aren't its own.
        file = tmp_path_factory.mktemp("config") / "limits.yaml"
        file.write_text(good.replace("max_leverage:", "max_leverag:"), encoding="utf-8")
        monkeypatch.setenv("MLRISK_CONFIG_PATH", str(file))
        status, text = mlrisk(*verb)
        assert status == ExitCode.USAGE
        assert f"{file}:" in text
        assert "did you mean 'max_leverage'?" in text
        assert not (tmp_path / "run").exists()

    def test_validate_tells_every_problem_with_its_line(
        self, mlrisk: Mlrisk, tmp_path: Path
    ) -> None:
        good = Path("config/ml_risk_config.yaml").read_text(encoding="utf-8")
        file = tmp_path / "limits.yaml"
        file.write_text(good, encoding="utf-8")
        assert mlrisk("config", "validate", str(file))[0] == ExitCode.OK
        wrong = good.replace("max_leverage: 3", "max_leverag: 3", 1).replace(
            "max_slices: 2000", "max_slices: many", 1
        )
        file.write_text(wrong, encoding="utf-8")
        status, found = mlrisk("config", "validate", str(file), "--json")
        assert (status, found["valid"]) == (ExitCode.USAGE, False)
        assert len(found["problems"]) >= 2
        assert all(f"{file}:" in problem for problem in found["problems"])
        contradictory = good.replace("max_slippage: 0.005", "max_slippage: 0.02", 1)
        file.write_text(contradictory, encoding="utf-8")
        status, text = mlrisk("config", "validate", str(file))
        assert status == ExitCode.USAGE
        assert text.count("must not exceed execution.backup_max_slippage") == 1


def _unknown_worth(request_id: str, at: datetime) -> GateValueRow:
    """The ledger's line of a block whose minutes the exchange did not tell."""
    return GateValueRow(
        request_id=request_id,
        account="paper",
        strategy="test",
        symbol="BTCUSDT",
        side=TradeSide.BUY,
        verdict=Verdict.DENY,
        decided_at=at,
        known_at=at,
        blockers=["confidence"],
        shares=[1.0],
        not_valued=NotValued.NO_MINUTES,
        judged_at=at,
    )


class TestBlocks:
    def test_the_rate_is_told_by_reason_and_by_check(self, desk: Desk, mlrisk: Mlrisk) -> None:
        desk.limits.change(max_repeated_orders=100)
        for number in range(24):
            desk.approve(f"r-{number}", ml_predictions={"confidence": 0.1 if number else 0.9})
        with desk.db.transaction() as session:
            session.execute(update(DecisionFiguresRow).values(decided_at=datetime.now(UTC)))
        status, facts = mlrisk("blocks", "--since", "1h", "--json")
        assert status == ExitCode.OK
        assert (facts["requests"], facts["blocked"]) == (24, 23)
        assert facts["blocked_by_check"] == {"confidence": 23}
        assert facts["blocked_by_reason"]["insufficient_confidence"] == 23
        assert facts["bad_messages"] == 0
        assert facts["hint"].startswith("High block rate: the check 'confidence' denied 23 of 24")
        assert "High block rate" in mlrisk("blocks")[1]

    def test_a_duration_is_needed(self, mlrisk: Mlrisk) -> None:
        assert mlrisk("blocks", "--since", "long")[0] == ExitCode.USAGE

    def test_the_value_of_blocks_is_told_by_check_strategy_and_symbol(
        self, desk: Desk, mlrisk: Mlrisk
    ) -> None:
        status, text = mlrisk("blocks", "--value")
        assert status == ExitCode.OK
        assert "No block has been judged" in text
        desk.limits.change(min_confidence=0.99)
        desk.approve("r-1", signal_data={"horizon_seconds": 60})
        now = datetime.now(UTC)
        with desk.db.transaction() as session:
            session.execute(update(DecisionFiguresRow).values(decided_at=now))
            session.add(_unknown_worth("r-1", now))
        status, facts = mlrisk("blocks", "--value", "--json")
        assert (status, facts["judged"], facts["by"]) == (ExitCode.OK, 1, "check")
        (value,) = facts["values"]
        assert (value["name"], value["known"]) == ("confidence", 0)
        assert (value["unknown"], value["bps_a_day"]) == ({"no_minutes": 1}, None)
        assert "confidence: no block of known worth" in mlrisk("blocks", "--value")[1]
        for by, name in (("strategy", "test"), ("symbol", "BTCUSDT")):
            _, facts = mlrisk("blocks", "--value", "--by", by, "--json")
            assert [each["name"] for each in facts["values"]] == [name]
        assert mlrisk("blocks", "--by", "symbol")[0] == ExitCode.USAGE
        with desk.db.reading() as session:
            panel = panel_facts(session, now - timedelta(days=1), now + timedelta(minutes=1))
        assert ([each["name"] for each in panel["values"]], panel["more"]) == (["confidence"], 0)
