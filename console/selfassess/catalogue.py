"""The controls of the self-assessment, in our words: one YAML file for each text.

`controls/*.yaml` is the data. What a text asks for stands there only as far as we have read it, and
each control says how that was.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from config.sections import DECLARED
from console.selfassess.kinds import EvidenceKind, known_test

CONTROLS = Path(__file__).parent / "controls"
_PLACE = re.compile(r"(module|check|command|limit|document) (\S.*)")
_ID = r"[a-z0-9]+(-[a-z0-9]+)+"


class Standing(StrEnum):
    """What we say of a control ourselves, before any proof."""

    MET = "met"
    PARTLY = "partly met"
    NOT_MET = "not met"
    NOT_ASSESSED = "not assessed"
    """The text is not at hand, so that nobody can say."""
    OUTSIDE = "outside"
    """An act of persons, which no program can do."""


class Basis(StrEnum):
    """How we know what the text asks for."""

    READ = "read in a published copy"
    SUMMARY = "known from a summary; the text itself is not at hand"
    TITLE = "known by its title alone; the text is not at hand"


def _place(value: str) -> str:
    if not _PLACE.fullmatch(value):
        raise ValueError(
            "a place is `module`, `check`, `command`, `limit` or `document` and a name"
        )
    return value


def _limit(value: str) -> str:
    if value not in DECLARED:
        raise ValueError(f"there is no limit {value}")
    return value


class _Fixed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Control(_Fixed):
    """One control: what is asked, what answers it, and what is missing."""

    id: str = Field(pattern=_ID)
    reference: str = Field(min_length=1)
    """The place in the text."""
    topic: str = Field(min_length=1)
    basis: Basis
    asks: str = Field(min_length=1)
    """What the text asks for, in our words; for a title, that it is not at hand."""
    standing: Standing
    answer: str = ""
    """What mlrisk does."""
    missing: str = ""
    """What it does not, and why."""
    enforced: tuple[Annotated[str, AfterValidator(_place)], ...] = ()
    """Where: modules, checks of the gate, commands, limits and documents."""
    limits: tuple[Annotated[str, AfterValidator(_limit)], ...] = ()
    """Limits of which one at least must have a value in force."""
    tests: tuple[Annotated[str, AfterValidator(known_test)], ...] = ()
    """The tests that prove it, as pytest names them without parameters."""
    evidence: tuple[EvidenceKind, ...] = ()
    """What a running system shows for it."""

    @model_validator(mode="after")
    def _says_what_its_standing_needs(self) -> Self:
        met = self.standing in (Standing.MET, Standing.PARTLY)
        if met and not (self.answer and self.enforced and self.tests):
            raise ValueError(f"{self.id} is {self.standing}: it needs answer, enforced and tests")
        if (self.standing is Standing.MET) == bool(self.missing):
            raise ValueError(
                f"{self.id} is {self.standing}: `missing` must stand exactly if not met"
            )
        if self.basis is Basis.TITLE and met:
            raise ValueError(f"{self.id}: nobody meets a text by its title")
        return self

    def places(self) -> Iterator[tuple[str, str]]:
        """The places as kind and name."""
        for place in self.enforced:
            found = _PLACE.fullmatch(place)
            if found is not None:
                yield found[1], found[2]


class Framework(_Fixed):
    """One text with its controls."""

    key: str = Field(pattern=r"[a-z0-9_]+")
    title: str = Field(min_length=1)
    at_hand: str = Field(min_length=1)
    """What of the text we have."""
    controls: tuple[Control, ...] = Field(min_length=1)


@cache
def catalogue() -> Sequence[Framework]:
    """Every text with its controls, in the order of the files. Raises pydantic's ValidationError
    for a file that says too little or too much."""
    found = tuple(
        Framework.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        for path in sorted(CONTROLS.glob("*.yaml"))
    )
    ids = [control.id for framework in found for control in framework.controls]
    twice = {name for name in ids if ids.count(name) > 1}
    if twice:
        raise ValueError(f"controls with one id: {', '.join(sorted(twice))}")
    return found


def referenced_tests() -> frozenset[str]:
    """Every test that a control names."""
    return frozenset(
        test
        for framework in catalogue()
        for control in framework.controls
        for test in control.tests
    )
