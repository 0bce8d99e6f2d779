"""What a key of the risk configuration accepts, which way is stricter, and short forms for it."""

from dataclasses import dataclass, field
from typing import Any

_NOUNS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "one",
    list: "a list",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a key accepts, and which way is stricter."""

    kind: type
    doc: str
    low: float | None = None
    high: float | None = None
    above: float | None = None
    """Exclusive lower bound."""
    tighter: int = 0
    """-1: a lower value is stricter; +1: a higher one; 0: neither is known to be."""
    nullable: bool = False
    choices: tuple[str, ...] = ()
    """The words that a text, or each item of a list, is one of; empty: any."""

    def describe(self) -> str:
        """The accepted values and the stricter direction, in words for people."""
        parts = [_NOUNS[self.kind]]
        if self.choices:
            parts.append(f"of {', '.join(self.choices)}")
        if self.above is not None:
            parts.append(f"above {self.above:g}")
        if self.low is not None:
            parts.append(f"from {self.low:g}")
        if self.high is not None:
            parts.append(f"up to {self.high:g}")
        return " ".join(parts) + (" or null" if self.nullable else "")

    def tightens(self, before: Any, after: Any) -> bool:
        """Whether the change is certainly stricter; one that is not known to be loosens."""
        if self.tighter == 0 or before == after:
            return False
        if before is None or after is None:
            # No limit at all is the loosest one.
            return before is None
        return bool(after > before if self.tighter > 0 else after < before)


def key(kind: type, doc: str, **bounds: Any) -> Any:
    """A field of a section: its type, its sentence, and the rest of its `Bounds`."""
    return field(metadata={"bounds": Bounds(kind, doc, **bounds)})


def floor(doc: str, low: float = 0, high: float | None = 1) -> Any:
    """A score that must be reached: raising it is stricter."""
    return key(float, doc, low=low, high=high, tighter=1)


def share(doc: str, high: float = 1, tighter: int = -1) -> Any:
    """A fraction above zero; lowering it is stricter."""
    return key(float, doc, above=0, high=high, tighter=tighter)


def most(doc: str, high: float | None = None, low: float = 0) -> Any:
    """A number that must not be exceeded: lowering it is stricter."""
    return key(float, doc, low=low, high=high, tighter=-1)


def count(doc: str, low: int = 1, tighter: int = -1) -> Any:
    """A whole number from `low` up; by default a smaller one is stricter."""
    return key(int, doc, low=low, tighter=tighter)


def seconds(doc: str, tighter: int = -1) -> Any:
    """A duration above 0, in seconds; by default a shorter one is stricter."""
    return key(float, doc, above=0, tighter=tighter)


def switch(doc: str, tighter: int = 0) -> Any:
    """A boolean; by default neither value is stricter."""
    return key(bool, doc, tighter=tighter)


def choice(doc: str, choices: tuple[str, ...]) -> Any:
    """One of the given words; none is stricter than another."""
    return key(str, doc, choices=choices)


def steps(doc: str, choices: tuple[str, ...]) -> Any:
    """A list of these words, in the order in which they are taken."""
    return key(list, doc, choices=choices)
