"""The figures of a decision for statistics, taken while it is in memory."""

from math import isfinite

from bot.risk.decision import Decision
from bot.risk.explain import blamed
from bot.risk.manager.assessment import risk_level
from bot.risk.snapshot import TradeIntent
from models.enums import CheckStatus, Verdict
from models.tables import DecisionFiguresRow


def figures_of(intent: TradeIntent, decision: Decision) -> DecisionFiguresRow:
    """The row of figures of one decision: verdict, reasons, and the checks that a denial blames."""
    denied = decision.verdict is Verdict.DENY
    bad = blamed(decision) if denied else []
    confidence = intent.model.confidence
    return DecisionFiguresRow(
        request_id=intent.request_id,
        decided_at=decision.decided_at,
        verdict=decision.verdict,
        reasons=[reason.value for reason in decision.reasons] if denied else [],
        blamed=[result.name for result in bad],
        missing=[result.name for result in bad if result.status is CheckStatus.UNKNOWN],
        confidence=confidence if confidence is not None and isfinite(confidence) else None,
        risk_level=risk_level(intent, decision).value,
        model_version=intent.model.model_version,
    )
