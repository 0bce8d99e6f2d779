"""The short record of a decision and its hash, cheap enough for the audit chain on the hot path.

The full JSON of `bot.risk.codec` says the same with every text; this says it with raw numbers. Two
decisions have the same record when verdict, size, factors and every check's number are the same.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from hashlib import sha256

from bot.risk.decision import Decision
from bot.risk.rule import Raw
from models.enums import CheckStatus

# Wide enough that no product of money and shares is rounded.
_CONTEXT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_PASS = CheckStatus.PASS


def digest(decision: Decision) -> str:
    """SHA-256 of the record, in hex."""
    return sha256(record(decision).encode()).hexdigest()


def record(decision: Decision) -> str:
    """One line of fields, then a line per factor and per check; tab-separated."""
    price = decision.reference_price
    lines = [
        f"{decision.request_id}\t{decision.verdict.value}\t{decision.exposure}"
        f"\t{_text(decision.requested_notional)}\t{_text(decision.requested_qty)}"
        f"\t{_text(decision.approved_qty)}\t{_text(decision.approved_notional)}"
        f"\t{_text(price)}\t{decision.reduce_only}\t{decision.capped_by}"
        f"\t{decision.decided_at.isoformat()}"
    ]
    lines += [f"{factor[0]}\t{_text(factor[1])}" for factor in decision.factors]
    normalize = Decimal.normalize
    for result in decision.checks:
        value = result[2]
        if isinstance(value, Decimal):
            value = normalize(value, _CONTEXT)
        if result[1] is _PASS:
            lines.append(f"{result[0].name}\t{value}")
        else:
            lines.append(
                f"{result[0].name}\t{value}\t{result[1].value}\t{result.reason.value}"
                f"\t{_text(result[3])}\t{_text(result[4])}\t{result[6]}"
            )
    return "\n".join(lines)


def _text(value: Raw) -> str:
    """The same text for equal numbers, however many zeros they were written with."""
    return str(value.normalize(_CONTEXT) if isinstance(value, Decimal) else value)
