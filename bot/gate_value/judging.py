"""One stored denial or shrinkage becomes one line of the ledger, by pure functions alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.decision.decide import decide
from bot.decision.recorded import recorded_inputs
from bot.gate_value.attribution import Attribution, attribute
from bot.gate_value.worth import Missed, Worth, worth
from bot.market.bars import Bar
from bot.model_risk import outcomes
from bot.risk import codec
from bot.risk.decision import Decision
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.enums import ExposureDelta, NotValued
from models.tables import DecisionRow

_LONGEST = 1e9
"""Seconds. The gate calls a longer horizon unreadable."""
_LESSENING = (ExposureDelta.REDUCES, ExposureDelta.CLOSES)


@dataclass(frozen=True, slots=True)
class Question:
    """A blocked trade before its outcome: who blocked it, and which trade it would have been."""

    attribution: Attribution
    known_at: datetime
    missed: Missed | None
    limits: RiskLimits | None
    not_valued: NotValued | None
    """Why its worth can never be known."""


def question_of(row: DecisionRow) -> Question:
    """What a stored decision asks of the market."""
    try:
        inputs = recorded_inputs(row)
    except codec.Unreadable:
        return _never(Attribution((), None), row.decided_at, NotValued.OTHER_GATE)
    intent, snapshot, limits = inputs.intent, inputs.snapshot, inputs.limits
    made = decide(intent, snapshot, limits).decision
    if (made.verdict, made.approved_qty) != (row.verdict, row.approved_qty):
        return _never(Attribution((), None), row.decided_at, NotValued.OTHER_GATE)
    return ask(intent, snapshot, limits, made)


def ask(
    intent: TradeIntent, snapshot: RiskSnapshot, limits: RiskLimits, made: Decision
) -> Question:
    """What a decision that denies or shrinks asks of the market."""
    found = attribute(intent, snapshot, limits, made)
    if intent.reduce_only or made.exposure in _LESSENING:
        return _never(found, made.decided_at, NotValued.EXIT)
    horizon = intent.horizon_seconds
    if found.allowed is None or (horizon is not None and not 0.0 < horizon < _LONGEST):
        return _never(found, made.decided_at, NotValued.NO_PLAN)
    missed = Missed(
        intent=intent,
        decided_at=made.decided_at,
        deadline_at=found.allowed.plan.deadline_at,
        market=snapshot.market,
        equity=None if snapshot.portfolio is None else snapshot.portfolio.equity,
        qty=found.allowed.plan.qty - made.approved_qty,
        allowed_qty=made.approved_qty,
    )
    return Question(found, missed.window[1], missed, limits, None)


def answer(question: Question, bars: Sequence[Bar], fee_rate: Decimal) -> Worth | NotValued:
    """The worth of the trade by the market's minutes, or why it isn't known."""
    if question.missed is None or question.limits is None:
        return question.not_valued or NotValued.NO_PLAN
    return worth(question.missed, bars, question.limits, fee_rate)


def _never(found: Attribution, decided_at: datetime, why: NotValued) -> Question:
    return Question(found, outcomes.window(decided_at, None)[1], None, None, why)
