"""Checks on the asking strategy itself: its stage and its own caps."""

from dataclasses import replace

from bot.risk import stages
from bot.risk.checks.breach import HAIR, Case
from bot.risk.checks.check import check
from bot.risk.checks.outcome import capped, failed, passed, skipped, unknown
from bot.risk.decision import CheckResult
from bot.risk.exposure import Exposure
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.snapshot import RiskSnapshot, StageView, TradeIntent
from models.amounts import ZERO, plain
from models.enums import StrategyStage
from models.enums import TradeBlockReason as Why

STAGE = Rule("strategy_stage", Why.STRATEGY_STAGE, "the strategy's stage", Sense.IS)
_SENDS = "one that sends"
_NOT_KEPT = passed(STAGE, "not kept", _SENDS)
_FULL = StageView(StrategyStage.FULL, real_money=False)


def _shadow(case: Case, _limits: RiskLimits) -> Case:
    return case.seeing(strategy=StageView(StrategyStage.SHADOW, real_money=False))


@check(STAGE, breach=_shadow, on_size=True)
def strategy_stage(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The strategy has risen to a stage whose entries are sent here.

    It is asked after sizing, so that a shadow's decision has the size that was computed for it.
    """
    view = snapshot.strategy
    if view is None:
        return _NOT_KEPT
    stage = stages.in_force(view.stage, limits.strategies.unknown_stage)
    if stages.sends(stage, real_money=view.real_money):
        return passed(STAGE, stage.value, _SENDS)
    because = view.reason or stages.why_not(stage)
    size = f"the size is {plain(exposure.sized_qty)} ({plain(exposure.sized_notional)} USDT)"
    return failed(STAGE, stage.value, _SENDS, detail=f"{because}: decided, never sent; {size}")


TRADE = Rule(
    "strategy_trade",
    Why.STRATEGY_LIMIT,
    "what one trade of the strategy adds",
    Sense.AT_MOST,
    "USDT",
)
_NO_TRADE_CAP = skipped(TRADE, "the strategy has no cap of its own")


def _large(case: Case, _limits: RiskLimits) -> Case:
    cap = case.notional / HAIR
    return case.seeing(strategy=replace(_FULL, max_trade_notional=cap))


@check(TRADE, breach=_large)
def strategy_trade(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """The added notional is within the strategy's own cap."""
    cap = None if snapshot.strategy is None else snapshot.strategy.max_trade_notional
    if cap is None:
        return _NO_TRADE_CAP
    asked = exposure.opening_notional
    return capped(TRADE, asked, cap, cap, asked)


EXPOSURE = Rule(
    "strategy_exposure",
    Why.STRATEGY_LIMIT,
    "what the strategy holds and may still add, afterwards",
    Sense.AT_MOST,
    "USDT",
)
_NO_EXPOSURE_CAP = skipped(EXPOSURE, "the strategy has no cap of its own")


def _held(case: Case, _limits: RiskLimits) -> Case:
    return case.seeing(
        strategy=replace(_FULL, max_exposure=case.notional, exposure=case.notional / 2)
    )


@check(EXPOSURE, breach=_held)
def strategy_exposure(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """The strategy's open shares and approved entries stay within its own cap."""
    view = snapshot.strategy
    if view is None or view.max_exposure is None:
        return _NO_EXPOSURE_CAP
    held, cap, asked = view.exposure, view.max_exposure, exposure.opening_notional
    if held is None or not held >= ZERO:
        return unknown(EXPOSURE, "the value of a share of the strategy is missing", limit=cap)
    return capped(EXPOSURE, held + asked, cap, cap - held, asked)
