"""The whole self-test of limits: the gate's own, and that exits are planned within their bounds."""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from bot.decision.decide import Outcome, decide
from bot.execution.policy.planning import ParentPlan
from bot.risk.checks.breach import BID, STEP, Case
from bot.risk.limits import RiskLimits
from bot.risk.selftest import self_test
from bot.risk.selftest.baseline import healthy
from bot.risk.selftest.exits import leaving
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.enums import Algorithm

_HOUR = 3600.0
_OFF_TICK = BID * Decimal("0.99") + Decimal("0.00001")
Decide = Callable[[TradeIntent, RiskSnapshot, RiskLimits], Outcome]


class Form(NamedTuple):
    """An exit of an odd form, and the bounds that its plan has to keep."""

    name: str
    make: Callable[[Case, RiskLimits], Case]
    keeps: Callable[[ParentPlan, Case, RiskLimits], bool]


def prove(limits: RiskLimits, decide: Decide = decide) -> tuple[str, ...]:
    """The faults of these limits; empty when there are none."""
    found = self_test(limits)
    return found or tuple(_plans(limits, decide))


def _plans(limits: RiskLimits, decide: Decide) -> list[str]:
    """The faults of exits of odd forms. Each one must be planned whole and within its bounds."""
    found = []
    sound = leaving(healthy(limits), limits)
    for form in FORMS:
        case = form.make(sound, limits)
        plan = decide(case.intent, case.snapshot, limits).plan
        if plan is None:
            found.append(f"an exit {form.name} is not planned")
        elif not _is_whole(plan) or not _is_in_reach(plan, limits):
            found.append(f"an exit {form.name} is not planned whole and within its price bound")
        elif not form.keeps(plan, case, limits):
            found.append(f"an exit {form.name} is planned past its bound")
    return found


def _is_whole(plan: ParentPlan) -> bool:
    planned = sum((s.qty for s in plan.schedule.slices), Decimal(0))
    return plan.stepped or planned == plan.qty


def _is_in_reach(plan: ParentPlan, limits: RiskLimits) -> bool:
    """Whether a price is no lower than the widest bound of exits allows, from the bid at which it
    would sell."""
    widest = Decimal(repr(limits.working.exit_widest_bps)) / 10_000
    return plan.price_limit >= BID * (1 - widest)


def _too_many_slices(case: Case, limits: RiskLimits) -> Case:
    return case.intending(
        algorithm=Algorithm.TWAP,
        horizon_seconds=_HOUR,
        interval_seconds=_HOUR / (10 * limits.max_slices),
    )


def _too_late(case: Case, _limits: RiskLimits) -> Case:
    """An exit with a schedule that would end long after its expiry."""
    return case.intending(
        algorithm=Algorithm.TWAP,
        horizon_seconds=100 * _HOUR,
        interval_seconds=_HOUR,
    )


def _largest(plan: ParentPlan) -> Decimal:
    return max((s.qty for s in plan.schedule.slices), default=plan.qty)


FORMS = (
    Form("as it is", lambda case, _: case, lambda *_: True),
    Form(
        "in too many slices",
        _too_many_slices,
        lambda plan, _, limits: len(plan.schedule.slices) <= limits.max_slices,
    ),
    Form(
        "whose schedule ends after its expiry",
        _too_late,
        lambda plan, case, _: (
            case.intent.expires_at is None or plan.deadline_at <= case.intent.expires_at
        ),
    ),
    Form(
        "with a limit price off the grid",
        lambda case, _: case.intending(limit_price=_OFF_TICK),
        lambda plan, case, _: plan.price_limit % _tick(case) == 0 and plan.price_limit >= _OFF_TICK,
    ),
    Form(
        "of more than the venue takes at once",
        lambda case, _: case.ruled(max_qty=_lots(case.notional / BID / 4)),
        lambda plan, case, _: (
            case.snapshot.instrument is not None
            and _largest(plan) <= case.snapshot.instrument.max_qty
        ),
    ),
    Form(
        "without a market",
        lambda case, _: case.seeing(market=None),
        lambda plan, *_: plan.algorithm is Algorithm.IMMEDIATE,
    ),
)


def _tick(case: Case) -> Decimal:
    assert case.snapshot.instrument is not None
    return case.snapshot.instrument.tick_size


def _lots(quantity: Decimal) -> Decimal:
    return quantity // STEP * STEP
