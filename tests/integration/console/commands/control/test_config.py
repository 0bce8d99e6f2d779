"""`mlrisk config`, `explain`, `whatif`, `replay` and `blocks` on a real database."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from bot.clock import FixedClock, SystemClock
from bot.exchange.market_cache import RedisMarketCache
from config.celery import with_database
from console.cli import run
from console.errors import ExitCode
from models.database import Database
from models.enums import ScopeKind, TradingState
from models.tables import Base, DecisionFiguresRow, DecisionRow
from tasks.bootstrap import MARKET_DATABASE
from tests.support.desk import ACCOUNT, Desk
from tests.support.fakes import FakeExchange, FakeMarket, prepare
from tests.support.operators import Person, add_person
from tests.support.scopes import set_state
from tests.support.services import RedisServer

pytestmark = pytest.mark.services

LOSS = "circuit_breakers.daily_loss_limit"
Mlrisk = Callable[..., tuple[int, Any]]


@pytest.fixture
def mlrisk(
    migrated_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Mlrisk:
    """Runs a command on this test's database: its exit status and JSON, else its text."""
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    monkeypatch.setenv("MLRISK_TRADING_MODE", "conservative")

    def call(*arguments: str, production: bool = False) -> tuple[int, Any]:
        environment = "production" if production else "development"
        monkeypatch.setenv("MLRISK_ENVIRONMENT", environment)
        capsys.readouterr()
        status = run(arguments)
        printed = capsys.readouterr()
        text = printed.out + printed.err
        return status, json.loads(printed.out) if "--json" in arguments and printed.out else text

    return call


@pytest.fixture
def people(quick_passphrases: None, standing_codes: None, db: Database) -> tuple[Person, Person]:
    """Ann and Bob, risk officers."""
    ann = add_person(db, SystemClock(), "ann")
    return ann, add_person(db, SystemClock(), "bob", by=ann.login())


def counts(db: Database) -> dict[str, int]:
    with db.reading() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


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

    def test_show_and_a_change_say_that_nothing_enforces_a_reserved_key(
        self, mlrisk: Mlrisk
    ) -> None:
        note = "reserved: not enforced yet"
        _, text = mlrisk("config", "show")
        noted = [line.split()[0] for line in text.splitlines() if note in line]
        _, shown = mlrisk("config", "show", "--json")
        assert noted == shown["reserved"]
        assert "execution.max_retries" in noted
        assert shown["units"]["execution.max_retries"] == "attempts"
        _, changed = mlrisk("config", "propose", "execution.max_retries=2", "-r", "x")
        (row,) = (line for line in changed.splitlines() if "execution.max_retries" in line)
        assert note in row

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


class TestExplain:
    def test_a_denial_is_explained_with_every_check_and_what_was_needed(
        self, desk: Desk, mlrisk: Mlrisk
    ) -> None:
        desk.market.age_seconds = 60
        desk.approve("r-1", ml_predictions={"confidence": 0.1})
        status, facts = mlrisk("explain", "r-1", "--json")
        assert status == ExitCode.OK
        decision = facts["decision"]
        assert decision["sentence"].startswith("Blocked because")
        checks = {check["name"]: check for check in decision["checks"]}
        confidence = checks["confidence"]
        assert (confidence["value"], confidence["limit"], confidence["margin"]) == (
            "0.1",
            "0.6",
            "-0.5",
        )
        assert confidence["needed"] in decision["needed"]
        assert checks["data_age"]["data_age_seconds"] == 60
        assert len(checks) > 40
        text = mlrisk("explain", "r-1")[1]
        assert "DENY: Blocked because" in text
        assert "60.0 s" in text

    def test_an_approval_is_explained_with_its_factors_and_what_came_of_it(
        self, desk: Desk, mlrisk: Mlrisk
    ) -> None:
        desk.approve("r-1", ml_predictions={"uncertainty": 0.3})
        desk.send_due()
        desk.stream()
        _, facts = mlrisk("explain", "r-1", "--json")
        factors = {
            factor["name"]: Decimal(factor["value"]) for factor in facts["decision"]["factors"]
        }
        assert facts["decision"]["verdict"] == "shrink"
        assert factors["uncertainty"] < 1
        assert facts["outcome"]["state"] == "completed"
        assert "since then: immediate" in mlrisk("explain", "r-1")[1]

    def test_a_message_refused_at_the_door_is_explained_by_its_fields(
        self, desk: Desk, mlrisk: Mlrisk
    ) -> None:
        desk.approve("r-1", side="up")
        status, facts = mlrisk("explain", "r-1", "--json")
        assert (status, facts["errors"][0]["field"]) == (0, "side")
        assert "side:" in mlrisk("explain", "r-1")[1]

    def test_nobody_is_explained_that_nobody_knows(self, desk: Desk, mlrisk: Mlrisk) -> None:
        assert mlrisk("explain", "r-1")[0] == ExitCode.FAILED


class TestWhatIf:
    @pytest.fixture
    def order(
        self,
        db: Database,
        redis: RedisServer,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        desk: Desk,
    ) -> str:
        """A live market, portfolio and order of this moment."""
        clock = FixedClock(datetime.now(UTC))
        prepare(db, FakeExchange(clock), ACCOUNT, clock.now())
        market = FakeMarket(clock, age_seconds=0).get("BTCUSDT")
        assert market is not None
        url = redis.url()
        monkeypatch.setenv("MLRISK_REDIS_URL", url)
        with redis.client(MARKET_DATABASE) as client:
            assert with_database(url, MARKET_DATABASE).endswith(str(MARKET_DATABASE))
            RedisMarketCache(client).put([market])
        desk.clock.move_to(clock.now())
        file = tmp_path / "order.json"
        file.write_text(json.dumps(desk.request("what-if")), encoding="utf-8")
        return str(file)

    def test_it_answers_as_the_gate_would_and_leaves_no_trace(
        self, db: Database, redis: RedisServer, mlrisk: Mlrisk, order: str
    ) -> None:
        before = counts(db)
        status, facts = mlrisk("whatif", order, "--json")
        assert (status, facts["verdict"]) == (0, "allow")
        assert facts["plan"]["algorithm"] == "immediate"
        status, facts = mlrisk("whatif", order, "--set", f"{LOSS}=0.2", "--json")
        assert counts(db) == before
        with redis.client() as client:
            assert client.dbsize() == 0
        status, text = mlrisk("whatif", order)
        assert "nothing was written, sent or recorded" in text

    def test_other_limits_give_another_answer(
        self, mlrisk: Mlrisk, order: str, tmp_path: Path
    ) -> None:
        strict = "ml_risk_thresholds.min_confidence=0.9"
        full = "gate.full_size_confidence=0.95"
        status, facts = mlrisk("whatif", order, "--set", strict, "--set", full, "--json")
        assert facts["verdict"] == "shrink"
        mlrisk("config", "propose", "gate.max_order_notional=1000", "-r", "x")
        status, facts = mlrisk("whatif", order, "--json")
        assert (status, facts["reasons"]) == (ExitCode.BLOCKED, ["excessive_position_size"])
        file = tmp_path / "limits.yaml"
        file.write_text(Path("config/ml_risk_config.yaml").read_text("utf-8"), encoding="utf-8")
        status, facts = mlrisk("whatif", order, "--config", str(file), "--json")
        assert (status, facts["verdict"]) == (0, "allow")

    def test_an_old_order_is_refused_unless_it_is_taken_as_made_now(
        self, mlrisk: Mlrisk, order: str
    ) -> None:
        old = json.loads(Path(order).read_text("utf-8"))
        old["created_at"] = old["ml_predictions"]["predicted_at"] = "2025-01-01T00:00:00Z"
        Path(order).write_text(json.dumps(old), encoding="utf-8")
        assert mlrisk("whatif", order)[0] == ExitCode.BLOCKED
        assert mlrisk("whatif", order, "--fresh")[0] == ExitCode.OK

    def test_a_halt_has_its_own_exit_status(self, db: Database, mlrisk: Mlrisk, order: str) -> None:
        set_state(db, ScopeKind.GLOBAL, "*", TradingState.HALTED, now=datetime.now(UTC))
        assert mlrisk("whatif", order)[0] == ExitCode.HALTED

    def test_a_bad_message_is_a_usage_error_and_leaves_no_audit_entry(
        self, db: Database, mlrisk: Mlrisk, order: str
    ) -> None:
        before = counts(db)
        broken = {**json.loads(Path(order).read_text("utf-8")), "side": "up"}
        Path(order).write_text(json.dumps(broken), encoding="utf-8")
        status, text = mlrisk("whatif", order)
        assert status == ExitCode.USAGE
        assert "side" in text
        assert counts(db) == before


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
