"""Gate and plan as one pure step, which live decisions, replay and what-if share."""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path

from bot.errors import Infeasible
from bot.execution.policy.planning import ParentPlan, plan_parent
from bot.risk.decision import CheckResult, Decision
from bot.risk.gate import evaluate
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.enums import CheckStatus, TradeBlockReason, Verdict

FEASIBLE = Rule(
    "feasible_schedule",
    TradeBlockReason.EXECUTION_INFEASIBLE,
    "a schedule that the venue accepts",
    Sense.IS,
)


@dataclass(frozen=True, slots=True)
class Approved:
    """A decision with its plan: every approval has one."""

    decision: Decision
    plan: ParentPlan

    def __post_init__(self) -> None:
        if not self.decision.approved:
            raise ValueError(f"{self.decision.request_id}: a decision that denies has no plan")
        if self.plan.qty != self.decision.approved_qty:
            raise ValueError(
                f"{self.decision.request_id} plans {self.plan.qty:f} of the approved "
                f"{self.decision.approved_qty:f}"
            )


@dataclass(frozen=True, slots=True)
class Denied:
    """A decision without effect."""

    decision: Decision

    def __post_init__(self) -> None:
        if self.decision.approved:
            raise ValueError(f"{self.decision.request_id}: a decision that approves has a plan")

    @property
    def plan(self) -> None:
        """Always None: a denied trade has no plan."""
        return None


Outcome = Approved | Denied


def decide(intent: TradeIntent, snapshot: RiskSnapshot, limits: RiskLimits) -> Outcome:
    """The decision, with a plan when it approves. A trade that can't be planned is denied.

    Pure in its three arguments: the same ones give the same answer in any process, at any time.
    """
    return planned(intent, snapshot, limits, evaluate(intent, snapshot, limits))


def planned(
    intent: TradeIntent, snapshot: RiskSnapshot, limits: RiskLimits, decision: Decision
) -> Outcome:
    """The gate's answer with its plan, or the denial of an approval that can't be planned."""
    if not decision.approved:
        return Denied(decision)
    try:
        plan = plan_parent(intent, decision, snapshot, limits)
        if plan.qty != decision.approved_qty:
            raise Infeasible(f"{plan.qty:f} can be planned of {decision.approved_qty:f}")
    except Infeasible as error:
        return Denied(_denied(decision, error))
    return Approved(decision, plan)


@cache
def gate_version() -> str:
    """Names the code that decides: a decision replays bit for bit under the version it names.

    A version is the hash of `deciding_files`. A record that names another version was decided by
    other code: it replays, and the report says that the versions differ.
    """
    digest = sha256()
    for path in deciding_files():
        digest.update(path.relative_to(_ROOT).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def deciding_files() -> tuple[Path, ...]:
    """Every file whose code can change a decision, in a fixed order."""
    found = {path for pattern in _DECIDING_CODE for path in _ROOT.glob(pattern)}
    return tuple(sorted(found))


_ROOT = Path(__file__).parents[2]
_DECIDING_CODE = (
    "bot/decision/decide.py",
    "bot/execution/algorithms/*.py",
    "bot/execution/policy/*.py",
    "bot/risk/**/*.py",
    # Their imports: enums, errors, curves and thresholds.
    "bot/authority/override.py",
    "bot/authority/vault.py",
    "bot/clock.py",
    "bot/errors.py",
    "bot/market/**/*.py",
    "config/bounded_yaml.py",
    "config/declaration.py",
    "config/errors.py",
    "config/keys/*.py",
    "config/limits.py",
    "config/loading.py",
    "config/schema.py",
    "config/sections.py",
    "config/thresholds.py",
    "config/vocabulary.py",
    "models/alerts/*.py",
    "models/amounts.py",
    "models/backup.py",
    "models/documents/*.py",
    "models/enums.py",
    "models/messages.py",
    "models/plain.py",
)


def _denied(decision: Decision, error: Infeasible) -> Decision:
    check = CheckResult(FEASIBLE, CheckStatus.FAIL, detail=error.message)
    return replace(
        decision,
        verdict=Verdict.DENY,
        approved_qty=Decimal(0),
        approved_notional=Decimal(0),
        checks=(*decision.checks, check),
        reasons=(*decision.reasons, TradeBlockReason.EXECUTION_INFEASIBLE),
    )
