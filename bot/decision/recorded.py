"""The inputs of a stored decision as the gate's own types."""

from dataclasses import dataclass

from bot.risk import codec
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.tables import DecisionRow


@dataclass(frozen=True, slots=True)
class RecordedInputs:
    """Everything that a decision looked at."""

    intent: TradeIntent
    snapshot: RiskSnapshot
    limits: RiskLimits


def recorded_inputs(row: DecisionRow) -> RecordedInputs:
    """Reads the inputs back.

    The columns stay plain JSON until they are asked for, because a row of another version of the
    gate may be unreadable and is listed nevertheless. Raises codec.Unreadable for one.
    """
    return RecordedInputs(
        codec.from_json(TradeIntent, row.intent),
        codec.from_json(RiskSnapshot, row.snapshot),
        codec.from_json(RiskLimits, row.limits),
    )
