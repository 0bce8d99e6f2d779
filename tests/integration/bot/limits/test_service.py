"""Limits changed at run time, on real Postgres: who may, what is recorded, who notices."""

import threading

import pytest
from sqlalchemy import select, update

from bot.authority.actors import IMPACT_REFIT, Actor
from bot.clock import FixedClock
from bot.errors import NotAuthorised, Refused
from bot.limits.service import ConfigurationService
from bot.state import binding
from bot.state.binding import Identity, WrongIdentity
from config.settings import Environment, Settings, TradingMode
from config.thresholds import ConfigError
from models.audit import verify_chain
from models.database import Database
from models.enums import Direction, OperatorRole, VersionState
from models.repositories import configurations
from models.tables import AuditRow, ConfigVersionRow
from tests.support.configured import settings
from tests.support.fakes import T0
from tests.support.operators import operator

ANN, BOB = operator("ann"), operator("bob")
LOSS = "circuit_breakers.daily_loss_limit"
CONFIDENCE = "ml_risk_thresholds.min_confidence"
GROSS = "gate.max_gross_exposure_share"


def audit(db: Database) -> list[AuditRow]:
    with db.reading() as session:
        return list(session.scalars(select(AuditRow).order_by(AuditRow.seq)))


def test_a_production_database_is_loosened_by_nobody_who_calls_it_development(
    db: Database, development: ConfigurationService
) -> None:
    owner = Identity("paper", "paper", "17", Environment.PRODUCTION, TradingMode.CONSERVATIVE)
    binding.bind(db, owner, T0)
    with pytest.raises(WrongIdentity, match="belongs to production"):
        development.propose({LOSS: 0.02}, actor="cli:ann", reason="calm")
    silent = binding.settled(db, Settings())
    service = ConfigurationService(db, silent, FixedClock(T0))
    with pytest.raises(NotAuthorised, match="an operator has to log in"):
        service.propose({LOSS: 0.02}, actor="cli:ann", reason="calm")
    version = service.propose({LOSS: 0.02}, actor=ANN, reason="calm")
    assert version.state is VersionState.PROPOSED


def test_tightening_acts_at_once_in_production(
    db: Database, production: ConfigurationService
) -> None:
    version = production.propose({LOSS: 0.01}, actor="cli:ann", reason="volatile week")
    assert version.state is VersionState.ACTIVE
    assert version.direction is Direction.TIGHTENING
    assert version.approved_by is None
    assert production.current().circuit_breakers.daily_loss_limit == 0.01
    assert str(production.current().origins[LOSS]) == "version 2 (version 2)"
    entry = audit(db)[-1]
    assert (entry.chain, entry.kind, entry.actor) == ("global", "config_changed", "cli:ann")
    assert entry.payload["changes"] == [
        {
            "path": LOSS,
            "before": 0.015,
            "after": 0.01,
            "direction": "tightening",
            "unset": False,
        }
    ]


def test_loosening_production_waits_for_a_second_person_who_is_named(
    db: Database, production: ConfigurationService, clock: FixedClock
) -> None:
    proposed = production.propose({LOSS: 0.02}, actor=ANN, reason="calm again")
    assert proposed.state is VersionState.PROPOSED
    assert production.current().circuit_breakers.daily_loss_limit == 0.015
    with pytest.raises(NotAuthorised, match="second person"):
        production.approve(proposed.id, actor=operator("ann"))
    for name in ("cli:bob", "cli:root (note: bob)", "operator:bob", IMPACT_REFIT):
        with pytest.raises(NotAuthorised, match="has to log in"):
            production.approve(proposed.id, actor=name)
    with pytest.raises(NotAuthorised, match="takes a risk_officer"):
        production.approve(proposed.id, actor=operator("cat", OperatorRole.OPERATOR))
    approved = production.approve(proposed.id, actor=BOB)
    assert (approved.state, approved.approved_by) == (VersionState.ACTIVE, "operator:bob")
    assert approved.proposed_by == "operator:ann"
    assert production.current().circuit_breakers.daily_loss_limit == 0.02
    assert [entry.kind for entry in audit(db)] == ["config_proposed", "config_changed"]
    with pytest.raises(Refused, match="active already"):
        production.approve(proposed.id, actor=BOB)
    with db.transaction() as session:
        assert not verify_chain(session, "global").problems


def test_a_change_that_also_loosens_waits_as_a_whole(production: ConfigurationService) -> None:
    version = production.propose({LOSS: 0.01, CONFIDENCE: 0.75}, actor=ANN, reason="trade-off")
    assert (version.state, version.direction) == (VersionState.PROPOSED, Direction.MIXED)
    assert production.current().circuit_breakers.daily_loss_limit == 0.015


def test_an_undirected_key_counts_as_loosening(production: ConfigurationService) -> None:
    version = production.propose({"gate.hard_caps": ["order_notional"]}, actor=ANN, reason="try")
    assert version.state is VersionState.PROPOSED


@pytest.mark.parametrize(
    ("environment", "actor"), [(Environment.DEVELOPMENT, "cli:ann"), (Environment.STAGING, ANN)]
)
def test_elsewhere_loosening_is_immediate_and_recorded(
    db: Database, clock: FixedClock, environment: Environment, actor: Actor
) -> None:
    service = ConfigurationService(db, settings(environment), clock)
    version = service.propose({LOSS: 0.06}, actor=actor, reason="experiment")
    assert (version.state, version.direction) == (VersionState.ACTIVE, Direction.LOOSENING)
    assert [entry.kind for entry in audit(db)] == ["config_changed"]


@pytest.mark.parametrize("environment", [Environment.STAGING, Environment.PRODUCTION])
def test_loosening_takes_a_login_outside_development(
    db: Database, clock: FixedClock, environment: Environment
) -> None:
    service = ConfigurationService(db, settings(environment), clock)
    for actor in ("cli:boss", operator("eve", OperatorRole.VIEWER)):
        with pytest.raises(NotAuthorised, match="loosening limits"):
            service.propose({LOSS: 0.06}, actor=actor, reason="please")
    assert audit(db) == [] and service.history() == []


def test_a_proposal_of_before_there_were_logins_is_made_again(
    db: Database, production: ConfigurationService
) -> None:
    waiting = production.propose({LOSS: 0.02}, actor=ANN, reason="calm")
    (entry,) = (e for e in audit(db) if e.kind == configurations.PROPOSED)
    before = {**entry.payload, "proposed_by": "cli:ann"}
    with db.unit_of_work() as uow:
        uow.session.execute(update(ConfigVersionRow).values(proposed_by="cli:ann"))
        uow.audit(entry.chain, entry.kind, entry.subject, "cli:ann", before, T0)
        uow.commit()
    with pytest.raises(NotAuthorised, match="without an operator's login: propose it again"):
        production.approve(waiting.id, actor=BOB)


def test_every_problem_is_told_at_once_with_the_nearest_key(
    db: Database, production: ConfigurationService
) -> None:
    with pytest.raises(ConfigError) as refused:
        production.propose(
            {"circuit_breakers.daily_loss_limt": 0.01, "gaet.max_leverage": 2, CONFIDENCE: 7},
            actor="cli:ann",
            reason="typo",
            unset=["gate.max_slices"],
        )
    text = str(refused.value)
    assert "did you mean 'daily_loss_limit'?" in text
    assert "'gaet.max_leverage' (did you mean 'max_leverage'?)" in text
    assert f"{CONFIDENCE} must be a number from 0 up to 1, found 7" in text
    assert "gate.max_slices is not overridden" in text
    assert audit(db) == []


def test_values_that_contradict_each_other_are_refused(production: ConfigurationService) -> None:
    with pytest.raises(ConfigError, match="must not exceed"):
        production.propose({"execution.max_slippage": 0.02}, actor="cli:ann", reason="more")


def test_nothing_changes_without_a_reason_or_a_difference(
    production: ConfigurationService,
) -> None:
    with pytest.raises(Refused, match="reason"):
        production.propose({LOSS: 0.01}, actor="cli:ann", reason=" ")
    with pytest.raises(Refused, match="nothing would change"):
        production.propose({LOSS: 0.015}, actor="cli:ann", reason="same")


def test_overrides_add_up_and_are_taken_back_one_by_one(
    development: ConfigurationService,
) -> None:
    development.propose({LOSS: 0.01}, actor="cli:ann", reason="one")
    development.propose({GROSS: 0.5}, actor="cli:ann", reason="two")
    development.propose({}, actor="cli:ann", reason="back", unset=[LOSS])
    config = development.current()
    assert config.circuit_breakers.daily_loss_limit == 0.015
    assert config.gate.max_gross_exposure_share == 0.5
    states = [version.state for version in development.history()]
    assert states == [VersionState.ACTIVE, VersionState.SUPERSEDED, VersionState.SUPERSEDED]


def test_an_approval_keeps_what_was_tightened_meanwhile(
    production: ConfigurationService,
) -> None:
    waiting = production.propose({LOSS: 0.02}, actor=ANN, reason="calm")
    production.propose({GROSS: 0.5}, actor="cli:ann", reason="less")
    production.approve(waiting.id, actor=BOB)
    config = production.current()
    assert config.circuit_breakers.daily_loss_limit == 0.02
    assert config.gate.max_gross_exposure_share == 0.5


def test_a_proposal_made_for_other_limits_can_not_be_approved(
    production: ConfigurationService,
) -> None:
    waiting = production.propose({LOSS: 0.02}, actor=ANN, reason="calm")
    production.propose({LOSS: 0.005}, actor="cli:cat", reason="storm")
    with pytest.raises(Refused, match="propose it again"):
        production.approve(waiting.id, actor=BOB)
    assert production.current().circuit_breakers.daily_loss_limit == 0.005


def test_a_rejected_proposal_never_acts(db: Database, production: ConfigurationService) -> None:
    waiting = production.propose({LOSS: 0.02}, actor=ANN, reason="calm")
    with pytest.raises(NotAuthorised, match="rejecting version"):
        production.reject(waiting.id, actor="cli:ann", reason="thought again")
    production.reject(waiting.id, actor=ANN, reason="thought again")
    with pytest.raises(Refused, match="rejected already"):
        production.approve(waiting.id, actor=BOB)
    assert audit(db)[-1].payload["reason"] == "thought again"


def test_environments_and_modes_have_versions_of_their_own(
    production: ConfigurationService, development: ConfigurationService
) -> None:
    version = development.propose({LOSS: 0.01}, actor="cli:ann", reason="here only")
    assert production.current().circuit_breakers.daily_loss_limit == 0.015
    assert production.history() == []
    with pytest.raises(Refused, match="no version"):
        production.approve(version.id, actor=BOB)


def test_changes_at_the_same_time_come_one_after_the_other(
    db: Database, development: ConfigurationService
) -> None:
    paths = [LOSS, GROSS, "gate.max_leverage", "gate.max_spread_bps"]
    barrier = threading.Barrier(len(paths))

    def change(path: str) -> None:
        value = development.current().value(path) / 2
        barrier.wait()
        development.propose({path: value}, actor=f"cli:{path}", reason="race")

    threads = [threading.Thread(target=change, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.reading() as session:
        rows = session.scalars(
            select(ConfigVersionRow).where(ConfigVersionRow.state == VersionState.ACTIVE)
        ).all()
    assert len(rows) == 1
    assert sorted(rows[0].override) == sorted(paths)
