"""What a program asks of a halt is read strictly."""

import pytest

from config.settings import Settings
from console.api.halting import halt_asked, order_of
from console.api.problems import Problem


def test_a_halt_says_its_reason_and_its_steps() -> None:
    asked = halt_asked('{"reason": "drill", "cancel": true}')
    order = order_of(asked, "symbol:BTCUSDT", Settings())
    assert (str(order.scope), order.reason) == ("symbol:BTCUSDT", "drill")
    assert (order.cancel, order.flatten, order.stop_exits) == (True, False, False)


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("", "#"),
        ("null", "#"),
        ('{"reason": "a", "reason": "b"}', "#"),
        ("{}", "#/reason"),
        ('{"reason": ""}', "#/reason"),
        ('{"reason": "x", "cancel": 1}', "#/cancel"),
        ('{"reason": "x", "everything": true}', "#/everything"),
    ],
)
def test_a_wrong_field_is_named(text: str, pointer: str) -> None:
    with pytest.raises(Problem) as problem:
        halt_asked(text)
    assert [each.pointer for each in problem.value.errors] == [pointer]
