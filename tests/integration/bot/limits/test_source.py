"""Limits in force follow the versions within a second, and are never what a row was made to say."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from bot.errors import DependencyDown, Refused
from bot.limits.service import ConfigurationService
from bot.limits.source import ConfiguredLimits
from config.settings import Environment
from config.thresholds import ConfigError
from models.database import Database
from models.repositories import configurations
from models.tables import ConfigVersionRow
from tests.support.configured import settings
from tests.support.desk import Desk
from tests.support.fakes import T0
from tests.support.operators import operator

ANN, BOB = operator("ann"), operator("bob")


LOSS = "circuit_breakers.daily_loss_limit"


CONFIDENCE = "ml_risk_thresholds.min_confidence"


class Ticking:
    """A monotonic clock that moves when a test moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class TestFollowing:
    """What a worker knows of changes that others make."""

    def test_a_change_is_noticed_within_a_second_without_restart(
        self, db: Database, development: ConfigurationService
    ) -> None:
        time = Ticking()
        source = ConfiguredLimits(settings(Environment.DEVELOPMENT), db, monotonic=time)
        assert source.limits().max_daily_loss_share == Decimal("0.015")
        development.propose({LOSS: 0.01}, actor="cli:ann", reason="tighter")
        assert source.limits().max_daily_loss_share == Decimal("0.015")
        time.now += 1
        assert source.limits().max_daily_loss_share == Decimal("0.01")
        assert source.in_force().version == 2

    def test_postgres_is_asked_once_a_second_at_most(self, db: Database) -> None:
        time = Ticking()
        source = ConfiguredLimits(settings(), db, monotonic=time)
        asked = []
        reading = db.reading
        db.reading = lambda: asked.append(1) or reading()  # type: ignore[method-assign,func-returns-value,assignment,return-value]
        for _ in range(50):
            source.limits()
        assert len(asked) == 1

    def test_limits_that_can_not_be_read_serve_a_few_seconds_and_then_nothing(
        self, db: Database, postgres: Any, migrated_url: str
    ) -> None:
        time = Ticking()
        source = ConfiguredLimits(settings(), db, monotonic=time)
        known = source.limits()
        db.dispose()
        postgres.drop_database(migrated_url)
        time.now += 4
        assert source.limits() is known
        time.now += 1
        with pytest.raises(DependencyDown, match="can't be read"):
            source.limits()

    def test_a_worker_that_never_read_the_limits_has_none(
        self, db: Database, postgres: Any, migrated_url: str
    ) -> None:
        source = ConfiguredLimits(settings(), db)
        db.dispose()
        postgres.drop_database(migrated_url)
        with pytest.raises(DependencyDown):
            source.limits()

    def test_a_version_written_past_mlrisk_is_not_used(
        self, db: Database, production: ConfigurationService
    ) -> None:
        production.propose({LOSS: 0.01}, actor="cli:ann", reason="tighter")
        with db.transaction() as session:
            session.execute(update(ConfigVersionRow).values(override={LOSS: 0.9}))
        with pytest.raises(Refused, match="fingerprint"):
            ConfiguredLimits(settings(), db).limits()

    @pytest.mark.parametrize("also_audited", [False, True])
    def test_a_version_that_nobody_activated_is_not_used(
        self, db: Database, production: ConfigurationService, *, also_audited: bool
    ) -> None:
        """Its fingerprint is right: whoever writes rows can compute one."""
        if also_audited:
            production.propose({LOSS: 0.01}, actor="cli:ann", reason="tighter")
        override = {LOSS: 0.9}
        here = ("production", "conservative")
        with db.transaction() as session:
            session.execute(update(ConfigVersionRow).values(state="superseded"))
            session.add(
                ConfigVersionRow(
                    created_at=T0,
                    changed_at=T0,
                    environment=here[0],
                    mode=here[1],
                    changes=(),
                    override=override,
                    direction="loosening",
                    state="active",
                    actor="nobody",
                    proposed_by="nobody",
                    reason="",
                    sha256=configurations.digest(*here, override),
                )
            )
        told = "version 2 is" if also_audited else "none is"
        with pytest.raises(Refused, match=f"put in force without mlrisk: by the audit {told}"):
            ConfiguredLimits(settings(), db).limits()
        with pytest.raises(Refused, match="put in force without mlrisk"):
            production.current()
        with pytest.raises(Refused, match="put in force without mlrisk"):
            production.propose({CONFIDENCE: 0.95}, actor="cli:ann", reason="tighter")

    def test_limits_that_were_loosened_in_their_row_are_not_used(
        self, db: Database, production: ConfigurationService
    ) -> None:
        production.propose({LOSS: 0.01}, actor="cli:ann", reason="tighter")
        override = {LOSS: 0.9}
        with db.transaction() as session:
            digest = configurations.digest("production", "conservative", override)
            session.execute(update(ConfigVersionRow).values(override=override, sha256=digest))
        with pytest.raises(Refused, match="its fingerprint is not the one in the audit"):
            ConfiguredLimits(settings(), db).limits()

    def test_an_older_version_does_not_come_back_by_its_row(
        self, db: Database, production: ConfigurationService
    ) -> None:
        production.propose({LOSS: 0.012}, actor="cli:ann", reason="tight")
        production.propose({LOSS: 0.01}, actor="cli:ann", reason="tighter")
        source = ConfiguredLimits(settings(), db)
        assert source.limits().max_daily_loss_share == Decimal("0.01")
        with db.transaction() as session:
            session.execute(
                update(ConfigVersionRow).where(ConfigVersionRow.id == 3).values(state="superseded")
            )
            session.execute(
                update(ConfigVersionRow).where(ConfigVersionRow.id == 2).values(state="active")
            )
        with pytest.raises(
            Refused, match=r"version 2 .* without mlrisk: by the audit version 3 is"
        ):
            ConfiguredLimits(settings(), db).limits()

    def test_a_version_that_is_gone_does_not_leave_the_files_in_force(
        self, db: Database, production: ConfigurationService
    ) -> None:
        time = Ticking()
        source = ConfiguredLimits(settings(), db, monotonic=time)
        production.propose({LOSS: 0.01}, actor="cli:ann", reason="tighter")
        time.now += 1
        assert source.limits().max_daily_loss_share == Decimal("0.01")
        with db.transaction() as session:
            session.execute(delete(ConfigVersionRow))
        time.now += 1
        told = (
            "version 2 of the limits is in force by the audit.*; restore the table config_version"
        )
        with pytest.raises(Refused, match=told):
            source.limits()
        assert source.last_known().max_daily_loss_share == Decimal("0.01")

    def test_a_proposal_that_was_changed_in_its_row_is_approved_by_nobody(
        self, db: Database, production: ConfigurationService
    ) -> None:
        proposed = production.propose({LOSS: 0.02}, actor=ANN, reason="calm again")
        with db.transaction() as session:
            row = session.get_one(ConfigVersionRow, proposed.id)
            row.changes = tuple(replace(change, after=0.9) for change in row.changes)
        with pytest.raises(Refused, match="differs from the proposal in the audit"):
            production.approve(proposed.id, actor=BOB)
        assert production.current().circuit_breakers.daily_loss_limit == 0.015

    def test_wrong_files_refuse_to_start(self, tmp_path: Path, db: Database) -> None:
        file = tmp_path / "wrong.yaml"
        file.write_text("base: {gate: {max_leverag: 3}}\n", encoding="utf-8")
        with pytest.raises(ConfigError, match=r"wrong\.yaml:1.*did you mean 'max_leverage'"):
            ConfiguredLimits(settings(config_path=file), db)

    def test_a_decision_uses_and_stores_the_version_in_force(
        self, desk: Desk, development: ConfigurationService
    ) -> None:
        development.propose({CONFIDENCE: 0.89}, actor="cli:ann", reason="strict")
        desk.approval._limits = ConfiguredLimits(settings(Environment.DEVELOPMENT), desk.db)
        outcome = desk.approve(ml_predictions={"confidence": 0.88})
        assert outcome["reasons"] == ["insufficient_confidence"]
