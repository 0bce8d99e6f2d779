"""Several trades decided as one: each counts those before it, and one denial denies them all."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from bot.risk.decision import CheckResult, Decision
from bot.risk.gate import evaluate
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.snapshot import PortfolioView, RiskSnapshot, TradeIntent, WorkingView
from models.amounts import ZERO
from models.enums import CheckStatus, TradeBlockReason, Verdict

BATCH = Rule(
    "batch", TradeBlockReason.INSUFFICIENT_MARGIN, "the whole batch", Sense.AT_MOST, "USDT"
)


def evaluate_batch(
    intents: Sequence[TradeIntent], snapshot: RiskSnapshot, limits: RiskLimits
) -> tuple[Decision, ...]:
    """Decides in order, each trade against the book that the former ones leave; all or nothing.

    The added check `batch` shows the margin that the batch needs altogether and names the trades
    that were denied for themselves.
    """
    decisions: list[Decision] = []
    book = snapshot
    for intent in intents:
        decision = evaluate(intent, book, limits)
        decisions.append(decision)
        book = _after(book, intent, decision)
    denied = [decision.request_id for decision in decisions if not decision.approved]
    if not denied:
        return tuple(decisions)
    note = _note(intents, decisions, snapshot, limits, denied)
    return tuple(_denied(decision, note) for decision in decisions)


def _after(book: RiskSnapshot, intent: TradeIntent, decision: Decision) -> RiskSnapshot:
    """The book once this trade is approved: its quantity works, its margin is taken."""
    portfolio = book.portfolio
    if portfolio is None or not decision.approved:
        return book
    order = WorkingView(
        intent.symbol,
        intent.side,
        decision.approved_qty,
        decision.approved_notional,
        decision.reduce_only,
    )
    orders = portfolio.orders_last_second
    return replace(
        book,
        portfolio=replace(
            portfolio,
            working=(*portfolio.working, order),
            available_margin=_left(portfolio, decision),
            orders_last_second=None if orders is None else orders + 1,
        ),
    )


def _left(portfolio: PortfolioView, decision: Decision) -> Decimal | None:
    if portfolio.available_margin is None or decision.reduce_only:
        return portfolio.available_margin
    return portfolio.available_margin - decision.approved_notional / (portfolio.leverage or 1)


def _note(
    intents: Sequence[TradeIntent],
    decisions: Sequence[Decision],
    snapshot: RiskSnapshot,
    limits: RiskLimits,
    denied: Sequence[str],
) -> CheckResult:
    detail = f"denied: {', '.join(denied)}"
    portfolio = snapshot.portfolio
    if portfolio is None or portfolio.available_margin is None:
        return CheckResult(BATCH, CheckStatus.FAIL, detail=detail)
    adding = (
        intent.notional
        for intent, decision in zip(intents, decisions, strict=True)
        if not decision.reduce_only and intent.notional.is_finite()
    )
    total = sum(adding, ZERO) / (portfolio.leverage or 1)
    usable = portfolio.available_margin * (1 - limits.margin_buffer_share)
    usable -= portfolio.margin_in_flight
    return CheckResult(BATCH, CheckStatus.FAIL, total, usable, detail=detail)


def _denied(decision: Decision, note: CheckResult) -> Decision:
    reasons = decision.reasons if not decision.approved else (note.reason,)
    return replace(
        decision,
        verdict=Verdict.DENY,
        approved_qty=ZERO,
        approved_notional=ZERO,
        checks=(*decision.checks, note),
        reasons=reasons,
    )
