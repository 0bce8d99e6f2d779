"""Judges each control: our own word for it, the last proof by tests, and the running system."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from console.selfassess.catalogue import Control, Framework, Standing
from console.selfassess.evidence import RunningSystem
from console.selfassess.kinds import EvidenceKind, Shown
from console.selfassess.proofs import Outcome, Proof, ProofFile


class Verdict(StrEnum):
    """What the assessment says of a control, the worst first."""

    FAILED = "failed"
    """Its last proof failed, or the running system contradicts it."""
    GAP = "gap"
    """It is met in part or not at all."""
    NOT_ASSESSED = "not assessed"
    NOT_PROVEN = "not proven here"
    """It is met by our word; the results of its tests are not at hand."""
    PROVEN = "proven"
    OUTSIDE = "outside"


class ProofState(StrEnum):
    """What is known of one test."""

    PASSED = "passed"
    SKIPPED = "skipped: that proves nothing"
    FAILED = "FAILED"
    UNKNOWN = "not proven here"


@dataclass(frozen=True, slots=True)
class ProvingTest:
    """A test of a control with its last proof."""

    name: str
    proof: Proof | None
    of_this_code: bool = False
    """Whether it ran on the code that is assessed."""

    @property
    def state(self) -> ProofState:
        """How it ended."""
        if self.proof is None:
            return ProofState.UNKNOWN
        return _STATES[self.proof.outcome]

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        proof = self.proof
        return {
            "test": self.name,
            "result": self.state.value,
            "at": None if proof is None else proof.ended_at,
            "revision": None if proof is None else proof.revision,
            "of_this_code": self.of_this_code,
            "cases": 0 if proof is None else len(proof.cases),
        }


_STATES = {
    Outcome.PASSED: ProofState.PASSED,
    Outcome.SKIPPED: ProofState.SKIPPED,
    Outcome.FAILED: ProofState.FAILED,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One control with everything that speaks for and against it."""

    control: Control
    tests: tuple[ProvingTest, ...]
    shown: Mapping[EvidenceKind, Shown]
    limits: Shown | None
    """The values of its limits; None for a control without limits."""

    @property
    def verdict(self) -> Verdict:
        """What is to be said of it."""
        states = {test.state for test in self.tests}
        against = any(each.holds is False for each in self.everything_shown())
        if ProofState.FAILED in states or against:
            return Verdict.FAILED
        standing = _BY_STANDING.get(self.control.standing)
        if standing is not None:
            return standing
        return Verdict.PROVEN if states == {ProofState.PASSED} else Verdict.NOT_PROVEN

    @property
    def last_proof(self) -> datetime | None:
        """When the oldest of its tests was last run; None while one has no result."""
        ends = [test.proof.ended_at for test in self.tests if test.proof is not None]
        return min(ends) if ends and len(ends) == len(self.tests) else None

    def everything_shown(self) -> Iterator[Shown]:
        """All that the running system shows for it."""
        yield from self.shown.values()
        if self.limits is not None:
            yield self.limits

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        control = self.control
        return {
            "id": control.id,
            "reference": control.reference,
            "topic": control.topic,
            "verdict": self.verdict.value,
            "text": control.basis.value,
            "asks": control.asks,
            "standing": control.standing.value,
            "answer": control.answer,
            "missing": control.missing,
            "enforced": list(control.enforced),
            "limits": None if self.limits is None else self.limits.to_json(),
            "tests": [test.to_json() for test in self.tests],
            "last_proof": self.last_proof,
            "running_system": {kind.value: each.to_json() for kind, each in self.shown.items()},
        }


_BY_STANDING = {
    Standing.PARTLY: Verdict.GAP,
    Standing.NOT_MET: Verdict.GAP,
    Standing.NOT_ASSESSED: Verdict.NOT_ASSESSED,
    Standing.OUTSIDE: Verdict.OUTSIDE,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A text with its rows."""

    framework: Framework
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """The whole self-assessment at one moment."""

    at: datetime
    system: str
    """Which system was looked at, or why none was."""
    results: str
    """Where the results of the tests come from."""
    revision: str | None
    """The code that is assessed; None where there is no clone of it."""
    judged: tuple[Judged, ...]

    def counts(self) -> dict[str, int]:
        """How many controls there are of each verdict, the worst verdict first."""
        found = Counter(row.verdict for each in self.judged for row in each.rows)
        return {verdict.value: found[verdict] for verdict in Verdict if found[verdict]}

    def rows(self, *verdicts: Verdict) -> list[Row]:
        """The controls with one of the verdicts."""
        return [row for each in self.judged for row in each.rows if row.verdict in verdicts]

    def of_other_code(self) -> int:
        """How many tests were last run on other code than this."""
        tests = {test.name: test for each in self.judged for row in each.rows for test in row.tests}
        return sum(test.proof is not None and not test.of_this_code for test in tests.values())

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "at": self.at,
            "system": self.system,
            "results": self.results,
            "revision": self.revision,
            "tests_of_other_code": self.of_other_code(),
            "counts": self.counts(),
            "texts": [
                {
                    "key": each.framework.key,
                    "title": each.framework.title,
                    "at_hand": each.framework.at_hand,
                    "controls": [row.to_json() for row in each.rows],
                }
                for each in self.judged
            ],
        }


def judge(
    texts: Sequence[Framework], proofs: ProofFile, running: RunningSystem, revision: str | None
) -> tuple[Judged, ...]:
    """Every control of the texts, with its proofs and what the system shows."""

    def test(name: str) -> ProvingTest:
        proof = proofs.proofs.get(name)
        same = proof is not None and revision is not None and proof.revision == revision
        return ProvingTest(name, proof, same)

    return tuple(
        Judged(
            text,
            tuple(
                _row(control, tuple(map(test, control.tests)), running) for control in text.controls
            ),
        )
        for text in texts
    )


def _row(control: Control, tests: tuple[ProvingTest, ...], running: RunningSystem) -> Row:
    return Row(
        control,
        tests,
        {kind: running.of(kind) for kind in control.evidence},
        _limits(control, running) if control.limits else None,
    )


def _limits(control: Control, running: RunningSystem) -> Shown:
    """The values in force. A control all of whose limits are off is no control here."""
    if running.missing is not None:
        return running.not_running()
    if running.limits_problem is not None:
        return Shown(f"can't be read: {running.limits_problem}", False)
    values = {path: running.limits[path] for path in control.limits}
    told = ", ".join(f"{path} = {_plain(value)}" for path, value in values.items())
    if all(value is None or value is False for value in values.values()):
        return Shown(f"off: {told}", False)
    return Shown(told, True)


def _plain(value: Any) -> str:
    return "off" if value is None or value is False else str(value)
