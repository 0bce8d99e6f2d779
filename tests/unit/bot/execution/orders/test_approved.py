"""Only the last check before sending makes an order that may go out."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[5]
ROOMS = ("bot", "tasks", "workers", "console")


def test_an_order_becomes_an_approved_one_in_the_authorization_alone() -> None:
    assert _places("RiskApproved") == {"bot/execution/sending/authorization.py"}


def test_a_claim_is_made_by_the_claims_alone() -> None:
    assert _places("Claim") == {"bot/execution/sending/claims.py"}


def test_an_order_is_placed_at_the_exchange_by_the_sender_and_by_what_only_reduces() -> None:
    places = {
        "bot/execution/sending/sender.py",
        "bot/safety/positions/stops.py",
        "bot/safety/halting/direct_flattening.py",
    }
    assert _places("place", of=".exchange") == places


def _places(name: str, *, of: str = "") -> set[str]:
    """The modules that call it; `of`: how the text before its dot ends."""
    return {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for called in _called(ast.parse(path.read_text()))
        if _is(called, name, of)
    }


def _called(tree: ast.Module) -> Iterator[ast.expr]:
    return (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))


def _is(called: ast.expr, name: str, of: str) -> bool:
    match called:
        case ast.Name(id=found):
            return not of and found == name
        case ast.Attribute(value=owner, attr=found):
            owned = ast.unparse(owner).replace("_exchange", "exchange").endswith(of)
            return found == name and owned and (bool(of) or isinstance(owner, ast.Name))
    return False
