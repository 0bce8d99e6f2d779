"""I10: every approval has an effect."""

from sqlalchemy import select

from console.invariants.evidence import Evidence
from models.enums import Verdict
from models.tables import DecisionRow, ParentOrderRow


def i10_every_approval_has_an_effect(evidence: Evidence) -> list[str]:
    """Every approving decision has its parent order, because one transaction writes both."""
    without = evidence.session.execute(
        select(DecisionRow.request_id, DecisionRow.verdict)
        .outerjoin(ParentOrderRow, ParentOrderRow.request_id == DecisionRow.request_id)
        .where(DecisionRow.verdict != Verdict.DENY, ParentOrderRow.request_id.is_(None))
        .order_by(DecisionRow.request_id)
    )
    return [
        f"decision {request_id} says {verdict}, and no order follows from it"
        for request_id, verdict in without
    ]
