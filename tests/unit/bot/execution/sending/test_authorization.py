"""A child goes out only with an authorization that is whole, unhalted and young."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.execution.sending import authorization
from bot.execution.sending.authorization import FUTURE_TOLERANCE, MAX_AUTHORIZATION_AGE, Refusal
from models.enums import (
    ChildState,
    EndCause,
    ParentState,
    ScopeKind,
    StrategyStage,
    TradingState,
    Verdict,
)
from models.repositories.safety import states
from models.repositories.strategies import UNKNOWN, KnownStage
from models.repositories.trading.pre_send import Approval, PreSendFacts
from models.tables import ChildOrderRow, ParentOrderRow, TradingStateRow
from tests.support.fakes import T0

D = Decimal
QTY, ZERO = D("1.000"), D(0)


def state(
    state: TradingState = TradingState.ACTIVE,
    *,
    kind: ScopeKind = ScopeKind.GLOBAL,
    epoch: int = 0,
) -> TradingStateRow:
    return TradingStateRow(scope_kind=kind, scope_key="*", state=state, epoch=epoch)


def parent(
    *,
    epoch: int = 0,
    reduce_only: bool = False,
    deadline: datetime = T0 + timedelta(days=365),
    approved: Decimal = QTY,
    filled: Decimal = ZERO,
    released: Decimal = ZERO,
    state: ParentState = ParentState.WORKING,
) -> ParentOrderRow:
    return ParentOrderRow(
        request_id="r-1",
        account="paper",
        strategy="s",
        symbol="BTCUSDT",
        side="buy",
        reduce_only=reduce_only,
        permit_epoch=epoch,
        deadline_at=deadline,
        approved_qty=approved,
        filled_qty=filled,
        released_qty=released,
        state=state,
    )


def child(of: ParentOrderRow, qty: Decimal = QTY, **changes: object) -> ChildOrderRow:
    row = ChildOrderRow(
        request_id=of.request_id,
        account=of.account,
        symbol=of.symbol,
        side=of.side,
        reduce_only=of.reduce_only,
        deadline_at=of.deadline_at,
        qty=qty,
    )
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def approval(qty: Decimal = QTY, verdict: Verdict = Verdict.ALLOW) -> Approval:
    return Approval(verdict, qty, T0)


def refusal(
    rows: list[TradingStateRow],
    approved: Approval | None,
    order: ParentOrderRow,
    of: ChildOrderRow,
    now: datetime,
    stage: KnownStage = UNKNOWN,
) -> Refusal | None:
    facts = PreSendFacts(states=rows, approval=approved, stage=stage)
    return authorization.refusal(facts, order, of, now)


ages = st.timedeltas(min_value=timedelta(days=-3), max_value=timedelta(days=3))
epochs = st.integers(0, 3)
quantities = st.integers(1, 2000).map(lambda lots: D(lots) / 1000)


@given(
    age=ages,
    reduce_only=st.booleans(),
    trading=st.sampled_from(TradingState),
    scope=st.sampled_from(TradingState),
    epochs=st.tuples(epochs, epochs, epochs),
    left=ages,
    approved=quantities,
    asked=quantities,
    verdict=st.sampled_from(Verdict),
)
def test_whatever_goes_out_is_covered_unhalted_in_time_and_young(
    age: timedelta,
    reduce_only: bool,
    trading: TradingState,
    scope: TradingState,
    epochs: tuple[int, int, int],
    left: timedelta,
    approved: Decimal,
    asked: Decimal,
    verdict: Verdict,
) -> None:
    rows = [
        state(trading, epoch=epochs[0]),
        state(scope, kind=ScopeKind.SYMBOL, epoch=epochs[1]),
    ]
    now = T0 + age
    order = parent(epoch=epochs[2], reduce_only=reduce_only, deadline=now + left)
    refused = refusal(rows, approval(approved, verdict), order, child(order, asked), now)
    if refused is not None:
        assert refused.state.is_final
        return
    assert left > timedelta(0)
    assert verdict is not Verdict.DENY
    assert asked <= order.approved_qty <= approved
    if not reduce_only:
        assert trading.allows_adding and scope.allows_adding
        assert states.epoch_sum(rows) == order.permit_epoch
        assert -FUTURE_TOLERANCE <= age <= MAX_AUTHORIZATION_AGE


@given(age=ages)
def test_a_sound_permit_is_void_exactly_when_it_is_too_old_or_from_the_future(
    age: timedelta,
) -> None:
    order = parent()
    refused = refusal([state()], approval(), order, child(order), T0 + age)
    assert (refused is None) == (-FUTURE_TOLERANCE <= age <= MAX_AUTHORIZATION_AGE)


@given(first=ages, later=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3)))
def test_a_permit_that_became_too_old_never_becomes_valid_again(
    first: timedelta, later: timedelta
) -> None:
    order = parent()
    before = refusal([state()], approval(), order, child(order), T0 + first)
    after = refusal([state()], approval(), order, child(order), T0 + first + later)
    if before is not None and before.state is ChildState.EXPIRED:
        assert after is not None


def test_a_moved_deadline_does_not_make_the_decision_younger() -> None:
    order = parent(deadline=T0 + timedelta(days=30))
    refused = refusal([state()], approval(), order, child(order), T0 + timedelta(days=2))
    assert refused is not None
    assert refused.state is ChildState.EXPIRED
    assert "too old" in refused.reason.words


@pytest.mark.parametrize("age", [timedelta(days=2), timedelta(days=-2)])
def test_what_only_reduces_is_not_stopped_by_age_or_an_older_halt(age: timedelta) -> None:
    order = parent(epoch=7, reduce_only=True)
    assert refusal([state()], approval(), order, child(order), T0 + age) is None


@pytest.mark.parametrize("trading", TradingState)
def test_an_exit_goes_on_in_every_trading_state(trading: TradingState) -> None:
    order = parent(epoch=7, reduce_only=True)
    assert refusal([state(trading)], approval(), order, child(order), T0) is None
    assert refusal([], approval(), order, child(order), T0) is None, "a lost row is a halt"
    order.stop_reason = "halted"
    assert refusal([state(trading)], approval(), order, child(order), T0) is not None


@pytest.mark.parametrize("changes", [{"symbol": "ETHUSDT"}, {"side": "sell"}, {"account": "other"}])
def test_a_child_of_another_trade_is_not_covered(changes: dict[str, str]) -> None:
    order = parent()
    refused = refusal([state()], approval(), order, child(order, **changes), T0)
    assert refused is not None
    assert "differs from its parent's" in refused.reason.words


def test_a_child_that_adds_is_not_covered_by_a_parent_that_reduces() -> None:
    order = parent(reduce_only=True)
    assert refusal([state()], approval(), order, child(order, reduce_only=False), T0) is not None


def test_nothing_beyond_what_is_left_of_the_approval_goes_out() -> None:
    order = parent(filled=D("0.4"), released=D("0.2"))
    assert refusal([state()], approval(), order, child(order, D("0.4")), T0) is None
    refused = refusal([state()], approval(), order, child(order, D("0.401")), T0)
    assert refused is not None
    assert refused.reason.words == (
        "the approval does not cover it: 0.401 would be sent, 0.400 are left"
    )


def test_without_a_decision_or_a_global_state_nothing_goes_out() -> None:
    order = parent()
    assert refusal([state()], None, order, child(order), T0) is not None
    scoped = [state(kind=ScopeKind.SYMBOL)]
    assert refusal(scoped, approval(), order, child(order), T0) is not None


def test_a_parent_that_works_more_than_was_approved_sends_nothing() -> None:
    order = parent(approved=D("1.1"))
    refused = refusal([state()], approval(), order, child(order, D("0.1")), T0)
    assert refused is not None
    assert "1.1 are being traded, 1.000 were approved" in refused.reason.words


def known(stage: StrategyStage, epoch: int = 0, *, real_money: bool = False) -> KnownStage:
    return KnownStage(stage, epoch, real_money)


@pytest.mark.parametrize(
    ("stage", "real_money", "goes"),
    [
        (StrategyStage.SHADOW, False, False),
        (StrategyStage.PAPER, False, True),
        (StrategyStage.PAPER, True, False),
        (StrategyStage.SMALL, True, True),
        (StrategyStage.FULL, True, True),
    ],
)
def test_a_stage_that_sends_nothing_stops_entries_and_no_exit(
    stage: StrategyStage, real_money: bool, goes: bool
) -> None:
    for reduce_only in (False, True):
        order = parent(reduce_only=reduce_only)
        now = known(stage, real_money=real_money)
        refused = refusal([state()], approval(), order, child(order), T0, now)
        assert (refused is None) is (goes or reduce_only)
        if refused is not None:
            assert refused.reason.cause is EndCause.HALTED
            assert f"at the stage {stage}" in refused.reason.words


def test_a_demotion_after_the_approval_voids_the_authorization_of_entries_alone() -> None:
    demoted = known(StrategyStage.SMALL, epoch=1)
    entry, closing = parent(), parent(reduce_only=True)
    refused = refusal([state()], approval(), entry, child(entry), T0, demoted)
    assert refused is not None
    assert "the strategy demoted" in refused.reason.words
    assert refusal([state()], approval(), closing, child(closing), T0, demoted) is None
    later = parent(epoch=1)
    assert refusal([state()], approval(), later, child(later), T0, demoted) is None


def test_a_strategy_without_a_row_has_the_configured_stage() -> None:
    assert authorization.unsent(UNKNOWN, StrategyStage.FULL) is None
    for stage in (StrategyStage.SHADOW, StrategyStage.PAPER):
        assert authorization.unsent(UNKNOWN, stage) is not None, "an unbound account may be real"
