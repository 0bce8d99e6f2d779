"""A stored decision's inputs as the gate's own types."""

from bot.decision.decide import gate_version
from bot.decision.recorded import RecordedInputs, recorded_inputs
from bot.risk import codec
from models.tables import DecisionRow


def is_ours(row: DecisionRow) -> bool:
    """This version of the gate decided it, so it must be able to read and repeat it."""
    return row.gate_version == gate_version()


def inputs_of(row: DecisionRow) -> RecordedInputs | str:
    """The inputs, or a violation's text when the stored JSON can't be read back.

    The inputs of another version of the gate may be unreadable without a fault.
    """
    try:
        return recorded_inputs(row)
    except codec.Unreadable as error:
        return f"decision {row.request_id} can't be read back: {error}"
