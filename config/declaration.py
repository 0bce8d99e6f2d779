"""How a limit is declared: one field with default, unit, meaning, bounds and stricter direction."""

from collections.abc import Callable, Collection
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from decimal import Decimal
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
_DECLARED = "declared"
_NOUNS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "one",
    list: "a list",
}


class Stricter(StrEnum):
    """The direction in which a key's value is stricter."""

    LOWER = "lower"
    HIGHER = "higher"
    UNKNOWN = "unknown"
    """No direction is known to be stricter, so that every change counts as loosening."""


LOWER, HIGHER = Stricter.LOWER, Stricter.HIGHER


@dataclass(frozen=True, slots=True)
class Declaration:
    """One key of the configuration. Everything that checks or shows the key is derived from it."""

    name: str = ""
    """The field's name in the code."""
    section: str = ""
    key: str = ""
    """The key's name in the file."""
    kind: type = float
    """The type of the value in the file: bool, int, float, str or list."""
    type: Any = None
    """The type of the value in the code: the field's annotation."""
    default: Any = None
    """The default in the form of the file."""
    unit: str = ""
    sentence: str = ""
    stricter: Stricter = Stricter.UNKNOWN
    low: float | None = None
    high: float | None = None
    above: float | None = None
    """A lower bound that is not included."""
    choices: tuple[str, ...] = ()
    """The allowed words of a text, or of each item of a list; empty: any."""
    none: str | None = None
    """The word in the file that stands for None."""
    nullable: bool = False
    at_most: str = ""
    """The `section.key` that this one must not exceed."""
    factor: int = 1
    """The code's value is the file's value times this factor."""
    reserved: bool = False
    """Nothing enforces it yet."""

    @property
    def path(self) -> str:
        """`section.key`, as commands and messages name it."""
        return f"{self.section}.{self.key}"

    def describe(self) -> str:
        """The accepted values of the file, as a part of a sentence."""
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
        """Whether the change is certainly stricter. Any other change counts as loosening."""
        if self.stricter is Stricter.UNKNOWN or before == after:
            return False
        if before is None or after is None:
            # No limit at all is the loosest one.
            return before is None
        return bool(after > before if self.stricter is HIGHER else after < before)

    def to_code(self, value: Any) -> Any:
        """The file's checked value in the field's type."""
        if value is None or value == self.none:
            return None
        if self.kind is list:
            return (get_origin(self.type) or tuple)(value)
        bare = _without_none(self.type)
        if self.kind is str:
            return bare(value)
        if bare is not Decimal and self.factor == 1:
            return value
        # The shortest text of the float is the text in the file.
        return bare(Decimal(repr(value)) * self.factor)

    def to_file(self, value: Any) -> Any:
        """The field's value in the form of the file."""
        if value is None:
            return self.none
        if self.kind is list:
            # A set has no order of its own.
            return tuple(sorted(value)) if isinstance(value, frozenset) else tuple(value)
        if self.kind is float:
            return float(Decimal(str(value)) / self.factor)
        return str(value) if self.kind is str else value


def limit(
    default: T,
    unit: str,
    sentence: str,
    stricter: Stricter = Stricter.UNKNOWN,
    *,
    at: str = "",
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    choices: Collection[str] = (),
    none: str | None = None,
    at_most: str = "",
    factor: int = 1,
    reserved: bool = False,
) -> T:
    """Declare a key of the configuration as a field of a dataclass.

    The default is also the base value of the packaged file. The unit is empty for switches and
    words. `at` is the `section.key` in the file; default: the `SECTION` of the class and the
    field's name. The other arguments are those of `Declaration`.
    """
    section, _, key = at.rpartition(".")
    declared = Declaration(
        section=section,
        key=key,
        unit=unit,
        sentence=sentence,
        stricter=stricter,
        low=low,
        high=high,
        above=above,
        choices=tuple(map(str, choices)),
        none=none,
        at_most=at_most,
        factor=factor,
        reserved=reserved,
    )
    return field(default=default, metadata={_DECLARED: declared})


@cache
def declarations(cls: type) -> tuple[Declaration, ...]:
    """The keys that a dataclass declares, in the order of its fields; other fields are left out.

    Raises TypeError for a field of a type that no file can express.
    """
    hints = get_type_hints(cls)
    section = getattr(cls, "SECTION", "")
    return tuple(
        _completed(each.metadata[_DECLARED], each, hints[each.name], section)
        for each in fields(cls)
        if _DECLARED in each.metadata
    )


def from_file(cls: type[T], value: Callable[[str], Any]) -> T:
    """An object of the dataclass, from the file's checked values by `section.key`.

    A field with another declaring dataclass as its default is made in the same way.
    """
    found = {each.name: each.to_code(value(each.path)) for each in declarations(cast(type, cls))}
    for each in fields(cast(Any, cls)):
        inner: Any = each.default_factory
        if isinstance(inner, type) and is_dataclass(inner):
            found[each.name] = from_file(inner, value)
    return cls(**found)


def _completed(declared: Declaration, source: Field[Any], hint: Any, section: str) -> Declaration:
    named = replace(
        declared,
        name=source.name,
        section=declared.section or section,
        key=declared.key or source.name,
        kind=_kind(source.name, hint),
        type=hint,
        nullable=NoneType in get_args(hint) and declared.none is None,
    )
    return replace(named, default=named.to_file(source.default))


def _kind(name: str, hint: Any) -> type:
    if get_origin(hint) in (tuple, frozenset):
        return list
    bare = _without_none(hint)
    if bare in (bool, int, float, str):
        return cast(type, bare)
    if bare is Decimal:
        return float
    if isinstance(bare, type) and issubclass(bare, StrEnum):
        return str
    raise TypeError(f"{name}: a file can't contain a value of {hint!r}")


def _without_none(hint: Any) -> Any:
    """`T` of `T | None`, and any other type itself."""
    if not isinstance(hint, UnionType):
        return hint
    (bare,) = (each for each in get_args(hint) if each is not NoneType)
    return bare
