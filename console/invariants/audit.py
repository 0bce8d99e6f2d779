"""I8: the audit chain verifies with its signatures, and every decision replays to the same answer,
bit for bit."""

from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.authority import verifying
from bot.decision.decide import decide
from bot.risk import codec
from console.invariants.decoded import inputs_of, is_ours
from console.invariants.evidence import Evidence
from models.archived import Archived
from models.audit import all_chains, verify_chain
from models.tables import AuditRow, DecisionRow

_DECISION = "decision"


def i8_history_is_intact(evidence: Evidence) -> list[str]:
    """Recomputes every hash of the chains, replays decisions from their stored inputs, and verifies
    the signatures on operators' acts."""
    session = evidence.session
    found: list[str] = []
    for chain in all_chains(session):
        found += verify_chain(session, chain).problems
    found += verifying.problems(session)
    audited, away = _audited(session)
    for row in evidence.decisions():
        found += _replay(row)
        if row.request_id not in away and audited.get(row.request_id) != row.decision_sha256:
            found.append(f"decision {row.request_id} isn't the one in the audit chain")
    return found


def _audited(session: Session) -> tuple[dict[str, str | None], set[str]]:
    """The SHA-256 of each decision in the audit, and the requests whose entry is in an archive:
    `mlrisk audit prove --archive` compares those."""
    archived = Archived(session)
    known: dict[str, str | None] = {}
    away: set[str] = set()
    entries = session.execute(
        select(
            AuditRow.subject, AuditRow.chain, AuditRow.seq, AuditRow.actor, AuditRow.payload
        ).where(AuditRow.kind == _DECISION)
    )
    for subject, chain, seq, actor, payload in entries:
        known[subject] = payload.get("decision_sha256")
        if archived.declared_for((chain, seq), _DECISION, actor, payload) is not None:
            away.add(subject)
    return known, away


def _replay(row: DecisionRow) -> list[str]:
    stored = codec.canonical_bytes(row.decision)
    name = f"decision {row.request_id}"
    found: list[str] = []
    if sha256(stored).hexdigest() != row.decision_sha256:
        found.append(f"{name} was changed after it was written")
    if not is_ours(row):
        # Another version of the gate decided it. Only that version could replay it.
        return found
    inputs = inputs_of(row)
    if isinstance(inputs, str):
        return [*found, inputs]
    again = decide(inputs.intent, inputs.snapshot, inputs.limits).decision
    if codec.canonical_bytes(codec.to_json(again)) != stored:
        found.append(f"{name} replays to another answer ({again.verdict} instead of {row.verdict})")
    columns = (again.verdict, again.approved_qty, again.approved_notional)
    if columns != (row.verdict, row.approved_qty, row.approved_notional):
        found.append(f"{name}: its columns don't say what it decided")
    return found
