"""The file of proofs: when each test of the catalogue last ran, on which code, and how it ended.

Our tests write it (`tests/support/proofs.py`), and `mlrisk selfassess` reads it. It is no signed
record: who may write the file may write what he likes.
"""

import shutil
import subprocess
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from console.errors import CommandError, ExitCode
from console.output import write_atomically

FORMAT = 1
SOURCE = Path(__file__).parents[2]
"""Where this code lies. In a checkout, tests keep their proofs below it."""
DEFAULT = SOURCE / "build" / "proofs.json"


class Outcome(StrEnum):
    """How a test ended."""

    PASSED = "passed"
    SKIPPED = "skipped"
    FAILED = "failed"


class Case(BaseModel):
    """One run of a test, with one set of its parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Outcome
    ended_at: AwareDatetime


class Proof(BaseModel):
    """The cases of one test, all run on one state of the code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    revision: str | None
    """The commit, with `-dirty` for a tree that had changes; None where there was no clone."""
    cases: dict[str, Case] = Field(min_length=1)
    """By the parameters, an empty text for a test without any."""

    @property
    def outcome(self) -> Outcome:
        """The worst of its cases: one that failed, else one that was skipped."""
        found = {case.outcome for case in self.cases.values()}
        return next(each for each in (Outcome.FAILED, Outcome.SKIPPED, Outcome.PASSED)
                    if each in found)  # fmt: skip

    @property
    def ended_at(self) -> datetime:
        """When its newest case ended."""
        return max(case.ended_at for case in self.cases.values())


class ProofFile(BaseModel):
    """Proofs by the name of their test."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = Field(default=FORMAT, ge=FORMAT, le=FORMAT)
    proofs: dict[str, Proof] = {}

    def with_run(self, revision: str | None, run: Mapping[str, Mapping[str, Case]]) -> "ProofFile":
        """The proofs after a run. Cases of another state of the code prove nothing about this one,
        so that a test that was run again has those of its last state alone."""
        proofs = dict(self.proofs)
        for test, cases in run.items():
            before = proofs.get(test)
            kept = {} if before is None or before.revision != revision else before.cases
            proofs[test] = Proof(revision=revision, cases={**kept, **cases})
        return ProofFile(proofs=dict(sorted(proofs.items())))


def read(path: Path) -> ProofFile:
    """The proofs in a file. Raises CommandError for a file that is none."""
    try:
        return ProofFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}", ExitCode.USAGE) from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise CommandError(
            f"{path} is no file of proofs: {place}: {fault['msg']}", ExitCode.USAGE
        ) from error


def revision_of(root: Path) -> str | None:
    """The commit of a clone, and whether its files differ from it; None without a clone."""
    if not (root / ".git").exists() or shutil.which("git") is None:
        return None
    words = ("describe", "--always", "--abbrev=40", "--exclude=*", "--dirty")
    described = subprocess.run(
        # The clone may belong to another user than the one that asks.
        ["git", "-c", f"safe.directory={root}", *words],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or None


def default_file() -> Path | None:
    """The file that the tests of this checkout wrote; None where there is none."""
    return DEFAULT if DEFAULT.is_file() else None


def write(path: Path, proofs: ProofFile) -> None:
    """Replaces the file as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, proofs.model_dump_json(indent=1) + "\n")
