"""Limits that do not bite halt trading."""

from decimal import Decimal

from sqlalchemy import select

from bot.clock import FixedClock
from bot.limits.selftest_halt import halt_on_ineffective
from bot.limits.service import ConfigurationService
from bot.limits.source import ConfiguredLimits
from bot.risk.limits import RiskLimits
from bot.safety.halting.halt import TradingHalt
from config.settings import Environment
from models.database import Database
from models.enums import ScopeKind, TradingState
from models.tables import AuditRow, TradingStateRow
from tests.support.accounts.scopes import set_state
from tests.support.configured import settings
from tests.support.desk import Desk
from tests.support.fakes import T0

LOSS = "circuit_breakers.daily_loss_limit"


def state_of(db: Database) -> tuple[TradingState, str]:
    with db.reading() as session:
        row = session.get_one(TradingStateRow, (ScopeKind.GLOBAL, "*"))
    return TradingState(row.state), row.reason


def audit(db: Database) -> list[AuditRow]:
    with db.reading() as session:
        return list(session.scalars(select(AuditRow).order_by(AuditRow.seq)))


class TestTheSelfTest:
    def broken(self, limits: RiskLimits) -> tuple[str, ...]:
        return (
            ("the limit of 'daily_loss' does not bite",)
            if limits.max_daily_loss_share < Decimal("0.012")
            else ()
        )

    def test_a_change_whose_limit_does_not_bite_halts_and_names_it(
        self, db: Database, clock: FixedClock
    ) -> None:
        service = ConfigurationService(db, settings(), clock, prove=self.broken)
        version = service.propose({LOSS: 0.01}, actor="cli:ann", reason="tighter")
        assert version.ineffective == ("the limit of 'daily_loss' does not bite",)
        state, reason = state_of(db)
        assert state is TradingState.HALTED
        assert reason == "self-test: the limit of 'daily_loss' does not bite"
        assert [e.kind for e in audit(db)] == [
            "config_changed",
            "halted",
            "halted_again",
            "halt_sealed",
            "halt_report",
        ]

    def test_limits_that_bite_leave_trading_as_it_is(
        self, db: Database, production: ConfigurationService
    ) -> None:
        assert production.self_test() == ()
        production.propose({LOSS: 0.01}, actor="cli:ann", reason="tighter")
        assert state_of(db)[0] is TradingState.ACTIVE

    def test_a_resume_does_not_get_past_limits_that_do_not_bite(
        self, desk: Desk, clock: FixedClock
    ) -> None:
        """Every decision proves it again: trading stays halted until the limit is cured."""
        development = settings(Environment.DEVELOPMENT)
        source = ConfiguredLimits(
            development,
            desk.db,
            prove=lambda _: ("the limit of 'spread' does not bite",),
            on_ineffective=lambda problems: halt_on_ineffective(desk.db, desk.clock, problems),
        )
        desk.approval._limits = source
        assert desk.approve("r-1")["reasons"][0] == "emergency_stop_active"
        TradingHalt(desk.db, desk.clock).resume(reason="try", actor="me", development=True)
        assert desk.approve("r-2")["verdict"] == "deny"
        assert state_of(desk.db)[0] is TradingState.HALTED

    def test_a_flattening_system_is_not_called_back_to_halted(
        self, db: Database, clock: FixedClock
    ) -> None:
        set_state(db, ScopeKind.GLOBAL, "*", TradingState.FLATTENING, now=T0)
        assert not halt_on_ineffective(db, clock, ("x",))
        assert state_of(db)[0] is TradingState.FLATTENING
