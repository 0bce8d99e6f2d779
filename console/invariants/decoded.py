"""A stored decision's inputs as the gate's own types."""

from dataclasses import dataclass

from bot.decision.decide import gate_version
from bot.risk import codec
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.tables import DecisionRow


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that a decision looked at."""

    intent: TradeIntent
    snapshot: RiskSnapshot
    limits: RiskLimits


def is_ours(row: DecisionRow) -> bool:
    """This version of the gate decided it, so it must be able to read and repeat it."""
    return row.gate_version == gate_version()


def inputs_of(row: DecisionRow) -> Inputs | str:
    """The inputs, or a violation's text when the stored JSON can't be read back.

    The inputs of another version of the gate may be unreadable without a fault.
    """
    try:
        return Inputs(
            codec.from_json(TradeIntent, row.intent),
            codec.from_json(RiskSnapshot, row.snapshot),
            codec.from_json(RiskLimits, row.limits),
        )
    except codec.Unreadable as error:
        return f"decision {row.request_id} can't be read back: {error}"
