"""A breaker stays tripped until a person resets it, and the way back says what still denies."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from bot.errors import NotAuthorised, Refused
from bot.execution.sending.sender import SendResult
from bot.safety.monitor import Monitor
from bot.safety.recovery.ladder import RecoveryLadder
from bot.safety.recovery.recovering import LADDER
from bot.safety.recovery.resetting import Recovery
from bot.state.breakers import BreakerScope, Finding, trip
from bot.state.scope import Scope
from models.enums import OperatorRole, ScopeKind, TradingState
from models.repositories.safety import states
from models.tables import AuditRow
from tests.support.accounts.losses import judge
from tests.support.accounts.recovering import state
from tests.support.accounts.scopes import set_state
from tests.support.desk import ACCOUNT, Desk
from tests.support.operators import operator

D = Decimal
LOSS = "daily_loss_limit"


def lose(desk: Desk, _monitor: Monitor, equity: str, times: int = 3) -> None:
    wallet = desk.exchange.wallet()
    desk.exchange.wallet = lambda: replace(wallet, equity=D(equity))  # type: ignore[method-assign]
    for _ in range(times):
        desk.pass_time(3)
        judge(desk)


def account_state(desk: Desk) -> TradingState:
    with desk.db.reading() as session:
        rows = states.applicable_states(session, ACCOUNT, "test", "BTCUSDT")
    return next(TradingState(r.state) for r in rows if r.scope_kind == ScopeKind.ACCOUNT)


def move_account(desk: Desk, to: TradingState) -> None:
    set_state(desk.db, ScopeKind.ACCOUNT, ACCOUNT, to, now=desk.clock.now(), reason="a test's")


def test_a_reset_breaker_lets_the_account_trade_and_only_a_new_loss_trips_again(
    desk: Desk, monitor: Monitor, recovery: Recovery
) -> None:
    desk.approve("r-before")
    lose(desk, monitor, "96900")
    assert desk.approve("r-denied")["verdict"] == "deny"
    report = recovery.reset(LOSS, reason="hedge was booked", actor="test", authorised=True)
    assert (report.was_tripped, report.state, report.still) == (True, TradingState.ACTIVE, ())
    assert desk.approve("r-after")["verdict"] == "shrink"  # the fall from the peak makes it smaller
    assert desk.send(desk.children("r-before")[0].child_id) is SendResult.STOPPED
    lose(desk, monitor, "96900")
    assert account_state(desk) is TradingState.ACTIVE
    lose(desk, monitor, "93900")
    assert account_state(desk) is TradingState.REDUCING
    assert desk.audit_kinds().count("breaker_reset") == 1


def test_the_last_of_several_breakers_gives_the_account_back(
    desk: Desk, monitor: Monitor, recovery: Recovery
) -> None:
    lose(desk, monitor, "96900")
    with desk.db.unit_of_work() as uow:
        found = Finding("data_quality_issue", "1", "0", "positions disagree")
        trip(uow, ACCOUNT, found, actor="test", now=desk.clock.now())
        uow.commit()
    report = recovery.reset(LOSS, reason="looked at", actor="test", authorised=True)
    assert report.state is TradingState.REDUCING
    assert any("data_quality_issue is tripped: positions disagree" in line for line in report.still)
    report = recovery.reset("data_quality_issue", reason="looked at", actor="test", authorised=True)
    assert (report.state, report.still) == (TradingState.ACTIVE, ())


def test_a_breaker_that_stayed_tripped_reduces_again_after_its_state_was_loosened(
    desk: Desk, monitor: Monitor
) -> None:
    lose(desk, monitor, "96900")
    move_account(desk, TradingState.ACTIVE)
    lose(desk, monitor, "96900")
    assert account_state(desk) is TradingState.REDUCING


def test_an_account_that_reduces_without_a_breaker_is_given_back(
    desk: Desk, monitor: Monitor, recovery: Recovery
) -> None:
    move_account(desk, TradingState.REDUCING)
    assert recovery.still_denying() == (f"account {ACCOUNT} is REDUCING: a test's",)
    assert recovery.release_account(reason="over", actor="test", authorised=True)
    assert recovery.still_denying() == ()
    lose(desk, monitor, "96900")
    assert not recovery.release_account(reason="over", actor="test", authorised=True)
    assert account_state(desk) is TradingState.REDUCING


def test_what_still_denies_is_the_gates_own_word(desk: Desk, recovery: Recovery) -> None:
    wallet = replace(desk.exchange.wallet(), equity=D("80000"))
    desk.exchange.wallet = lambda: wallet  # type: ignore[method-assign]
    desk.pass_time(3)
    named = [line.split(":")[0] for line in recovery.still_denying()]
    assert named == ["daily_loss", "rolling_loss", "drawdown"]
    outcome = desk.approve()
    assert outcome["verdict"] == "deny"
    assert set(named) <= {check["name"] for check in outcome["checks_failed"]}


def test_a_reset_without_authority_is_refused_and_says_how(
    desk: Desk, monitor: Monitor, recovery: Recovery
) -> None:
    lose(desk, monitor, "96900")
    with pytest.raises(NotAuthorised, match=r"has to log in \(`mlrisk operator add`"):
        recovery.reset(LOSS, reason="please", actor="test", authorised=False)
    with pytest.raises(NotAuthorised, match="takes a risk_officer"):
        someone = operator("cat", OperatorRole.OPERATOR)
        recovery.reset(LOSS, reason="please", actor=someone, authorised=False)
    assert account_state(desk) is TradingState.REDUCING
    report = recovery.reset(LOSS, reason="booked", actor=operator("ann"), authorised=False)
    assert (report.was_tripped, report.state) == (True, TradingState.RECOVERING)
    with desk.db.reading() as session:
        entries = session.scalars(select(AuditRow).where(AuditRow.actor == "operator:ann")).all()
    assert {entry.kind for entry in entries} == {"breaker_reset", "resumed"}
    assert all("signature" in entry.payload["signed"] for entry in entries)


def test_a_breaker_that_never_tripped_is_refused_with_those_that_did(
    desk: Desk, monitor: Monitor, recovery: Recovery
) -> None:
    lose(desk, monitor, "96900")
    with pytest.raises(Refused, match=f"volatility_spike has never tripped.*{LOSS}"):
        recovery.reset("volatility_spike", reason="?", actor="test", authorised=True)


def trip_of(desk: Desk, kind: str, scope: BreakerScope | None = None, **more: Any) -> None:
    with desk.db.unit_of_work() as uow:
        found = Finding(kind, "1", "0", "a test's", scope, **more)
        trip(uow, ACCOUNT, found, actor="test", now=desk.clock.now())
        uow.commit()


def strict_recovery(desk: Desk) -> Recovery:
    """Resets climb, as the limits' defaults say."""
    return Recovery(desk.db, ACCOUNT, desk.limits, desk.clock)


def test_a_reset_begins_the_ladder_and_the_last_step_gives_the_full_size(
    desk: Desk, ladder: RecoveryLadder
) -> None:
    desk.approve("r-before")
    full = desk.parent("r-before").approved_qty
    trip_of(desk, "data_quality_issue")
    trip_of(desk, "churn")
    recovery = strict_recovery(desk)
    report = recovery.reset("churn", reason="seen", actor="test", authorised=True)
    assert report.state is TradingState.REDUCING
    report = recovery.reset("data_quality_issue", reason="seen", actor="test", authorised=True)
    assert report.state is TradingState.RECOVERING
    for number, share in enumerate(LADDER):
        desk.approve(f"r-{number}")
        assert 0 < desk.parent(f"r-{number}").approved_qty <= full * share
        desk.pass_time(15 * 60)
        assert ladder.tick() == 1
    assert account_state(desk) is TradingState.ACTIVE


def test_a_recovery_after_a_reset_falls_back_and_no_look_lifts_it(
    desk: Desk, ladder: RecoveryLadder
) -> None:
    trip_of(desk, "data_quality_issue")
    strict_recovery(desk).reset("data_quality_issue", reason="seen", actor="test", authorised=True)
    wallet = replace(desk.exchange.wallet(), equity=D("98000"))
    desk.exchange.wallet = lambda: wallet  # type: ignore[method-assign]
    for _ in range(3):
        desk.pass_time(3)
    assert ladder.tick() == 1
    assert account_state(desk) is TradingState.REDUCING
    judge(desk)
    assert account_state(desk) is TradingState.REDUCING


@pytest.mark.parametrize("kind", [ScopeKind.SYMBOL, ScopeKind.STRATEGY])
def test_a_scope_whose_breaker_is_reset_climbs_by_itself(desk: Desk, kind: ScopeKind) -> None:
    scope = BreakerScope(kind, "BTCUSDT" if kind is ScopeKind.SYMBOL else "test")
    desk.approve("r-before")
    full = desk.parent("r-before").approved_qty
    trip_of(desk, "churn", scope)
    recovery = strict_recovery(desk)
    recovery.reset("churn", reason="seen", actor="test", authorised=True, scope=scope)
    desk.approve("r-after")
    assert 0 < desk.parent("r-after").approved_qty <= full * LADDER[0]
    assert account_state(desk) is TradingState.ACTIVE


def test_a_reset_lifts_no_halt_and_a_timed_lock_has_no_ladder(desk: Desk) -> None:
    scope = BreakerScope(ScopeKind.SYMBOL, "BTCUSDT")
    until = desk.clock.now() + timedelta(minutes=30)
    trip_of(desk, "cooldown", scope, until=until)
    recovery = strict_recovery(desk)
    recovery.reset("cooldown", reason="seen", actor="test", authorised=True, scope=scope)
    assert desk.approve("r-1")["verdict"] == "allow"
    trip_of(desk, "churn", scope)
    set_state(
        desk.db, ScopeKind.SYMBOL, "BTCUSDT", TradingState.HALTED, now=desk.clock.now(), reason="x"
    )
    recovery.reset("churn", reason="seen", actor="test", authorised=True, scope=scope)
    assert state(desk, Scope(ScopeKind.SYMBOL, "BTCUSDT")) is TradingState.HALTED


@pytest.mark.parametrize("kind", [ScopeKind.SYMBOL, ScopeKind.ACCOUNT])
def test_the_reset_of_a_timed_lock_gives_back_nothing_that_was_taken_before(
    desk: Desk, kind: ScopeKind
) -> None:
    scope = BreakerScope(kind, "BTCUSDT" if kind is ScopeKind.SYMBOL else ACCOUNT)
    recovery = strict_recovery(desk)
    move_account(desk, TradingState.REDUCING)
    desk.pass_time(1)
    trip_of(desk, "cooldown", scope, until=desk.clock.now() + timedelta(minutes=30))
    recovery.reset("cooldown", reason="seen", actor="test", authorised=True, scope=scope)
    assert account_state(desk) is not TradingState.ACTIVE


def test_the_reset_of_the_accounts_only_lock_gives_its_full_size_back(desk: Desk) -> None:
    trip_of(desk, "cooldown", until=desk.clock.now() + timedelta(minutes=30))
    assert account_state(desk) is TradingState.REDUCING
    strict_recovery(desk).reset("cooldown", reason="seen", actor="test", authorised=True)
    assert account_state(desk) is TradingState.ACTIVE
