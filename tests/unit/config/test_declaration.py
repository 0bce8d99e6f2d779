"""A limit's one declaration: what the file says of it, and what the code reads."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from config.declaration import HIGHER, LOWER, declarations, from_file, limit
from config.vocabulary import Algorithm


@dataclass(frozen=True, slots=True)
class Inner:
    SECTION: ClassVar[str] = "working"

    way: Algorithm | None = limit(None, "", "A word.", choices=("auto", *Algorithm), none="auto")


@dataclass(frozen=True, slots=True)
class Sample:
    SECTION: ClassVar[str] = "gate"

    slippage_bps: float = limit(
        50.0, "share", "In bps.", LOWER, at="execution.slip", above=0, high=1, factor=10_000
    )
    cap: Decimal | None = limit(None, "USDT", "May be none.", LOWER, above=0)
    names: frozenset[str] = limit(frozenset({"b", "a"}), "", "Words.")
    on: bool = limit(True, "", "A switch.", HIGHER)
    inner: Inner = field(default_factory=Inner)


SAMPLE = {each.name: each for each in declarations(Sample)}


def test_a_field_is_a_key_of_its_section_with_its_default_as_the_file_says_it() -> None:
    told = {name: (each.path, each.kind, each.default) for name, each in SAMPLE.items()}
    assert told == {
        "slippage_bps": ("execution.slip", float, 0.005),
        "cap": ("gate.cap", float, None),
        "names": ("gate.names", list, ("a", "b")),
        "on": ("gate.on", bool, True),
    }
    assert SAMPLE["cap"].nullable and not SAMPLE["on"].nullable


def test_an_object_is_made_of_the_files_values_with_what_it_holds() -> None:
    values: dict[str, Any] = {
        "execution.slip": 0.0007,
        "gate.cap": 0.1,
        "gate.names": ("a",),
        "gate.on": False,
        "working.way": "pov",
    }
    made = from_file(Sample, values.__getitem__)
    assert made == Sample(7.0, Decimal("0.1"), frozenset({"a"}), False, Inner(Algorithm.POV))
    values |= {"gate.cap": None, "working.way": "auto"}
    assert from_file(Sample, values.__getitem__).cap is None
    assert from_file(Sample, values.__getitem__).inner.way is None


@pytest.mark.parametrize(
    ("name", "before", "after", "tightens"),
    [
        ("slippage_bps", 0.02, 0.01, True),
        ("slippage_bps", 0.01, 0.02, False),
        ("slippage_bps", 0.01, 0.01, False),
        ("cap", None, 5.0, True),
        ("cap", 5.0, None, False),
        ("on", False, True, True),
        ("names", ("a",), ("a", "b"), False),
    ],
)
def test_only_a_change_in_the_stricter_direction_tightens(
    name: str, before: Any, after: Any, tightens: bool
) -> None:
    assert SAMPLE[name].tightens(before, after) is tightens


def test_a_type_that_no_file_can_say_is_refused_when_it_is_declared() -> None:
    @dataclass(frozen=True)
    class Wrong:
        SECTION: ClassVar[str] = "gate"
        when: complex = limit(1j, "", "No number of a file.")

    with pytest.raises(TypeError, match="when: a file can't contain"):
        declarations(Wrong)
