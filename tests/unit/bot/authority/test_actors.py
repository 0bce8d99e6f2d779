"""Actors: a caller's word is a note, and an operator's power follows from the role."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.authority.actors import IMPACT_REFIT, Operator, Power, caller, named, require
from bot.errors import NotAuthorised
from models.enums import OperatorRole


def operator(role: OperatorRole) -> Operator:
    return Operator(1, "ann", role, "note", Ed25519PrivateKey.generate())


@pytest.mark.parametrize("said", ["operator:ann", " Operator:ANN", "impact-refit", "IMPACT-REFIT "])
def test_a_string_that_claims_to_be_somebody_is_recorded_as_a_note(said: str) -> None:
    assert named(said) == f"note: {said}"
    assert named("ann") == "ann"


def test_an_operator_and_a_program_are_recorded_by_their_own_names() -> None:
    assert named(operator(OperatorRole.OPERATOR)) == "operator:ann"
    assert named(IMPACT_REFIT) == "impact-refit"


def test_what_a_caller_says_stands_beside_the_account_of_the_machine() -> None:
    plain = caller("cli")
    assert plain.startswith("cli:")
    assert caller("cli", "  ") == plain
    assert caller("cli", "somebody else") == f"{plain} (note: somebody else)"


@pytest.mark.parametrize("power", Power)
def test_a_string_has_no_power_at_all(power: Power) -> None:
    with pytest.raises(NotAuthorised) as refused:
        require("operator:ann", power, "this")
    assert refused.value.code == "login_needed"


@pytest.mark.parametrize(
    ("role", "power", "may"),
    [
        (OperatorRole.VIEWER, Power.RELEASE_WORK, False),
        (OperatorRole.OPERATOR, Power.RELEASE_WORK, True),
        (OperatorRole.OPERATOR, Power.RESUME, False),
        (OperatorRole.OPERATOR, Power.APPROVE_LIMITS, False),
        (OperatorRole.RISK_OFFICER, Power.RESUME, True),
        (OperatorRole.RISK_OFFICER, Power.MANAGE_OPERATORS, True),
    ],
)
def test_a_role_gives_its_powers_and_no_other(role: OperatorRole, power: Power, may: bool) -> None:
    if may:
        require(operator(role), power, "this")
    else:
        with pytest.raises(NotAuthorised, match="risk_officer"):
            require(operator(role), power, "this")


def test_the_re_fit_may_loosen_limits_and_nothing_else() -> None:
    require(IMPACT_REFIT, Power.LOOSEN_LIMITS, "this")
    with pytest.raises(NotAuthorised):
        require(IMPACT_REFIT, Power.RESUME, "this")


def test_no_representation_shows_an_operators_key() -> None:
    one = operator(OperatorRole.OPERATOR)
    assert "key" not in repr(one)
