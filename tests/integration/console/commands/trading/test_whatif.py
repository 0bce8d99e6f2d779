"""What the gate would answer, without any trace."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.clock import FixedClock
from bot.exchange.market_cache import RedisMarketCache
from config.celery import with_database
from console.commands.trading import whatif
from console.errors import ExitCode
from models.database import Database
from models.enums import ScopeKind, TradingState
from models.tables import Base
from tasks.bootstrap import MARKET_DATABASE
from tests.integration.console.commands.commanding import Mlrisk
from tests.support.accounts.scopes import set_state
from tests.support.desk import ACCOUNT, Desk
from tests.support.fakes import FakeExchange, FakeMarket, prepare
from tests.support.services import RedisServer

pytestmark = pytest.mark.services


LOSS = "circuit_breakers.daily_loss_limit"


def counts(db: Database) -> dict[str, int]:
    with db.reading() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


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
        """A live market, portfolio and order of this moment, at which the time stands still: on a
        busy machine the market would be too old before the command has read it."""
        clock = FixedClock(datetime.now(UTC))
        monkeypatch.setattr(whatif, "SystemClock", lambda: clock)
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
