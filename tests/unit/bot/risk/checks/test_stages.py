"""A strategy's stage and caps stop or shrink its entries, and none of its exits."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.risk import codec
from bot.risk.decision import Decision
from bot.risk.gate import evaluate
from bot.risk.limits import RiskLimits
from bot.risk.selftest.baseline import healthy
from bot.risk.snapshot import PositionView, RiskSnapshot, StageView
from config.keys.strategies import StrategyRules
from models.enums import CheckStatus, StrategyStage, TradeBlockReason, TradeSide, Verdict
from tests.support.properties import examples
from tests.unit.bot.risk import cases

S, D = StrategyStage, Decimal
LIMITS = RiskLimits()
SOUND = healthy(LIMITS)
WHOLE = evaluate(SOUND.intent, SOUND.snapshot, LIMITS)


def view(stage: StrategyStage | None, *, real_money: bool = False, **caps: Any) -> StageView:
    return replace(StageView(stage, real_money), **caps)


def decided(seen: StageView, limits: RiskLimits = LIMITS) -> Decision:
    return evaluate(SOUND.intent, SOUND.seeing(strategy=seen).snapshot, limits)


def test_a_shadow_is_decided_with_every_check_and_denied_by_its_stage_alone() -> None:
    decision = decided(view(S.SHADOW))
    assert decision.verdict is Verdict.DENY
    assert decision.reasons == (TradeBlockReason.STRATEGY_STAGE,)
    assert len(decision.checks) == len(WHOLE.checks)
    failed = [each for each in decision.checks if each.status is CheckStatus.FAIL]
    assert [each.name for each in failed] == ["strategy_stage"]
    assert f"the size is {WHOLE.approved_qty}" in failed[0].sentence
    assert decision.factors == WHOLE.factors


@pytest.mark.parametrize("stage", S)
@pytest.mark.parametrize("real_money", [False, True])
def test_only_a_stage_that_sends_is_approved(stage: StrategyStage, real_money: bool) -> None:
    sends = {S.SHADOW: False, S.PAPER: not real_money, S.SMALL: True, S.FULL: True}
    assert decided(view(stage, real_money=real_money)).approved is sends[stage]


def test_a_strategy_without_a_row_has_the_configured_stage() -> None:
    assert decided(view(None)).verdict is Verdict.ALLOW
    shadows = replace(LIMITS, strategies=StrategyRules(unknown_stage=S.SHADOW))
    assert decided(view(None), shadows).verdict is Verdict.DENY
    assert decided(view(S.FULL), shadows).verdict is Verdict.ALLOW


def test_the_stage_small_has_its_share_of_the_size_as_a_factor_with_its_sentence() -> None:
    limits = replace(LIMITS, strategies=StrategyRules(small_share=D("0.25")))
    decision = decided(view(S.SMALL), limits)
    assert decision.verdict is Verdict.SHRINK
    assert decision.reasons == (TradeBlockReason.STRATEGY_STAGE,)
    (factor,) = (each for each in decision.factors if each.name == "stage")
    assert factor.value == D("0.25")
    assert factor.sentence == "stage 0.25 gives 0.25 (full size at 1)."
    part = decision.approved_qty / WHOLE.approved_qty
    assert D("0.24") < part <= D("0.25")


def test_own_caps_shrink_and_a_missing_value_of_the_shares_denies() -> None:
    half = SOUND.notional / 2
    for seen in (
        view(S.FULL, max_trade_notional=half),
        view(S.FULL, max_exposure=SOUND.notional, exposure=half),
    ):
        decision = decided(seen)
        assert (decision.verdict, decision.reasons) == (
            Verdict.SHRINK,
            (TradeBlockReason.STRATEGY_LIMIT,),
        )
        assert 0 < decision.approved_notional <= half
    blind = decided(view(S.FULL, max_exposure=SOUND.notional))
    assert blind.verdict is Verdict.DENY
    assert blind.check("strategy_exposure").status is CheckStatus.UNKNOWN
    full = decided(view(S.FULL, max_exposure=half, exposure=SOUND.notional))
    assert full.verdict is Verdict.DENY, "beyond its cap already"


@settings(max_examples=examples(60))
@given(
    stage=st.none() | st.sampled_from(S),
    unknown=st.sampled_from(S),
    real_money=st.booleans(),
    share=st.decimals("0.01", 1, places=2),
    cap=st.none() | st.decimals("0.01", 10_000, places=2),
)
def test_no_stage_and_no_cap_changes_an_exit(
    stage: StrategyStage | None,
    unknown: StrategyStage,
    real_money: bool,
    share: Decimal,
    cap: Decimal | None,
) -> None:
    held = PositionView(SOUND.intent.symbol, D(7), D(100))
    closing = SOUND.owning(positions=(held,)).intending(
        side=TradeSide.SELL, reduce_only=True, notional=D(300)
    )
    limits = replace(LIMITS, strategies=StrategyRules(unknown_stage=unknown, small_share=share))
    seen = closing.seeing(
        strategy=StageView(
            stage, real_money, max_trade_notional=cap, max_exposure=cap, exposure=cap
        )
    )
    before = evaluate(closing.intent, closing.snapshot, LIMITS)
    after = evaluate(seen.intent, seen.snapshot, limits)
    assert before.verdict is Verdict.ALLOW
    assert (after.verdict, after.approved_qty) == (before.verdict, before.approved_qty)


@settings(max_examples=examples(60))
@given(stage=st.sampled_from(S), share=st.decimals("0.01", 1, places=2))
def test_a_stage_never_gives_more_size(stage: StrategyStage, share: Decimal) -> None:
    limits = replace(LIMITS, strategies=StrategyRules(small_share=share))
    assert decided(view(stage), limits).approved_qty <= WHOLE.approved_qty


def test_a_snapshot_of_an_earlier_version_has_no_stage_and_replays_as_before() -> None:
    stored = codec.to_json(cases.snapshot())
    del stored["strategy"]
    old = codec.from_json(RiskSnapshot, stored)
    assert old.strategy is None
    assert evaluate(cases.intent(), old, cases.LIMITS).check("strategy_stage").value == "not kept"
    limits = codec.to_json(LIMITS)
    del limits["strategies"]
    assert codec.from_json(RiskLimits, limits).strategies.unknown_stage is S.FULL


def test_a_snapshot_with_a_stage_is_read_back_as_it_was() -> None:
    seen = cases.snapshot(strategy=view(S.SMALL, max_exposure=D("12.5"), exposure=D(3)))
    assert codec.from_json(RiskSnapshot, codec.to_json(seen)) == seen
