"""How a trading state may change: getting stricter is free, getting looser needs authority.

The halt, the resume, tripped breakers and the notebook's manager all ask this table.
"""

from dataclasses import dataclass

from models.enums import TradingState


@dataclass(frozen=True, slots=True)
class Transition:
    """The answer to a requested state; a refusal names the missing authority."""

    before: TradingState
    after: TradingState
    warning: str | None = None
    refused: str | None = None

    @property
    def changes(self) -> bool:
        """Whether there is a change to write and to report."""
        return self.refused is None and self.before is not self.after


# The ways back. From HALTED a person chooses: the resume goes to ACTIVE at once, and the notebook's
# manager goes by RECOVERING, at a tenth of the size. FLATTENING and FLAT lead back step by step.
_RECOVERS_TO = {
    TradingState.HALTED: frozenset({TradingState.ACTIVE, TradingState.RECOVERING}),
    TradingState.FLATTENING: frozenset({TradingState.HALTED, TradingState.FLAT}),
    TradingState.FLAT: frozenset({TradingState.RECOVERING}),
    TradingState.REDUCING: frozenset({TradingState.ACTIVE, TradingState.RECOVERING}),
    TradingState.RECOVERING: frozenset({TradingState.ACTIVE}),
    TradingState.ACTIVE: frozenset[TradingState](),
}


def change(before: TradingState, wanted: TradingState, *, authorised: bool = False) -> Transition:
    """Moves to a state. The same state again is a warning and no event. A timer has no
    authority."""
    if wanted is before:
        return Transition(before, before, warning=f"the state is {before} already")
    if wanted.strictness > before.strictness:
        return Transition(before, wanted)
    if wanted not in _RECOVERS_TO[before]:
        return Transition(before, before, refused=f"{before} does not lead back to {wanted}")
    # Flattening ends by itself when everything is verified flat; that is no loosening.
    if not authorised and before is not TradingState.FLATTENING:
        return Transition(before, before, refused=f"leaving {before} needs an authorised person")
    return Transition(before, wanted)


def emergency_stop(before: TradingState) -> Transition:
    """Stops everything, from any state; a stricter state stays as it is."""
    if before.strictness >= TradingState.HALTED.strictness:
        return Transition(before, before, warning=f"the state is {before} already")
    return Transition(before, TradingState.HALTED)
