"""Rights follow from the roles' powers."""

from console.web.people import Person, Right, of_operator, of_this_machine
from models.enums import OperatorRole
from tests.support.operators import operator

RIGHTS = {
    OperatorRole.VIEWER: {Right.LOOK},
    OperatorRole.OPERATOR: {Right.LOOK, Right.HALT},
    OperatorRole.RISK_OFFICER: {Right.LOOK, Right.HALT, Right.LOOSEN},
}


def test_each_role_has_its_rights() -> None:
    for role in OperatorRole:
        person = of_operator(operator("ann", role))
        assert {right for right in Right if person.may(right)} == RIGHTS[role]
        assert (person.can_halt, person.can_loosen) == (
            Right.HALT in RIGHTS[role],
            Right.LOOSEN in RIGHTS[role],
        )


def test_the_user_of_this_machine_is_a_note_and_no_operator() -> None:
    person = of_this_machine()
    assert isinstance(person, Person)
    assert person.operator is None and str(person.actor).startswith("web:")
