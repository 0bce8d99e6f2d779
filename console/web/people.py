"""Persons at the browser console, and the rights of their roles."""

from dataclasses import dataclass
from enum import StrEnum

from bot.authority.actors import POWERS, Actor, Operator, Power, caller
from models.enums import OperatorRole


class Right(StrEnum):
    """What a person may do in the browser."""

    LOOK = "look"
    HALT = "halt"
    """Stop trading. It adds no risk."""
    LOOSEN = "loosen"
    """Ask for what lets trading go on: recoveries and resets. The service asks for more proof."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person after a login. `actor` is what services are told."""

    name: str
    role: OperatorRole
    actor: Actor

    @property
    def operator(self) -> Operator | None:
        """The operator; None for the user of this machine, who came by a link."""
        return self.actor if isinstance(self.actor, Operator) else None

    @property
    def can_halt(self) -> bool:
        """Whether the red button is for this person."""
        return self.may(Right.HALT)

    @property
    def can_loosen(self) -> bool:
        """Whether the way back is for this person."""
        return self.may(Right.LOOSEN)

    def may(self, right: Right) -> bool:
        """Whether the role has this right."""
        if right is Right.LOOK:
            return True
        if right is Right.HALT:
            return self.role is not OperatorRole.VIEWER
        return Power.RESUME in POWERS[self.role]


def of_operator(operator: Operator) -> Person:
    """The person behind an operator's login."""
    return Person(operator.name, operator.role, operator)


def of_this_machine() -> Person:
    """The user of this machine, who needs no login in development, as on the command line."""
    note = caller("web")
    return Person(note.partition(":")[2], OperatorRole.RISK_OFFICER, note)
