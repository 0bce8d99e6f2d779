"""Scenario files: faults and actions at times, or when an order comes.

A scenario is YAML or JSON with a list of `steps`. Each step has one occasion and one deed:

- `at`: seconds of exchange time after the scenario's start, or `order`: the number of the order,
  counted from 1, after whose acceptance the step runs;
- `fault`: a fault's `name` and options, `action`: an action's `name` and fields, or `clear`: the
  name of a fault, or `all`.

`schema()` describes the same as a JSON schema. The package publishes it as `scenario.schema.json`.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from paper_exchange.errors import PaperExchangeError
from paper_exchange.server.faults.catalogue import CATALOGUE, FaultError
from paper_exchange.server.yaml_file import YamlFileError, load_yaml
from paper_exchange.types import PrivateEvent, Reject

log = logging.getLogger(__name__)

SCHEMA_FILE: Final = Path(__file__).parents[2] / "scenario.schema.json"
DEEDS: Final = ("fault", "action", "clear")
ALL: Final = "all"


class ScenarioError(PaperExchangeError):
    """A scenario is unusable; the message names the step and the field."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its occasion, and the deed with its fields."""

    at_ms: int | None
    """Exchange time after the scenario's start; None for a step that waits for an order."""
    order: int
    deed: str
    name: str
    fields: Mapping[str, Any]


def read_scenario(path: Path, actions: Iterable[str]) -> list[Step]:
    """The steps of a file. Raises ScenarioError for a file or a step that is no scenario."""
    try:
        data = load_yaml(path)
    except YamlFileError as error:
        raise ScenarioError(str(error)) from error
    return parse_scenario(data, actions)


def parse_scenario(data: object, actions: Iterable[str]) -> list[Step]:
    """The steps of a scenario that has been read. Raises ScenarioError for any other value."""
    if not isinstance(data, dict) or not isinstance(data.get("steps"), list):
        raise ScenarioError("a scenario is a mapping with a list of steps")
    unknown = data.keys() - {"steps", "about"}
    if unknown:
        raise ScenarioError(f"unknown field {min(map(str, unknown))}")
    names = {"fault": set(CATALOGUE), "action": set(actions), "clear": {*CATALOGUE, ALL}}
    return [_step(entry, f"step {n}", names) for n, entry in enumerate(data["steps"], 1)]


def _step(entry: object, where: str, names: Mapping[str, set[str]]) -> Step:
    if not isinstance(entry, dict):
        raise ScenarioError(f"{where}: must be a mapping")
    unknown = entry.keys() - {"at", "order", *DEEDS}
    if unknown:
        raise ScenarioError(f"{where}: unknown field {min(map(str, unknown))}")
    deeds = [name for name in DEEDS if name in entry]
    if len(deeds) != 1 or ("at" in entry) == ("order" in entry):
        raise ScenarioError(f"{where}: needs at or order, and one of fault, action, clear")
    (deed,) = deeds
    body = {"name": entry[deed]} if deed == "clear" else entry[deed]
    if not isinstance(body, dict) or body.get("name") not in names[deed]:
        named = body.get("name") if isinstance(body, dict) else body
        raise ScenarioError(f"{where}: unknown {deed} {named!r}")
    fields = {name: value for name, value in body.items() if name != "name"}
    return Step(_time(entry, where), _order(entry, where), deed, body["name"], fields)


def _time(entry: Mapping[str, Any], where: str) -> int | None:
    if "at" not in entry:
        return None
    at = entry["at"]
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at < 1e9:
        raise ScenarioError(f"{where}: at must be seconds, at least 0")
    return round(at * 1000)


def _order(entry: Mapping[str, Any], where: str) -> int:
    if "order" not in entry:
        return 0
    number = entry["order"]
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ScenarioError(f"{where}: order must be a whole number from 1")
    return number


def schema(actions: Iterable[str]) -> dict[str, Any]:
    """The JSON schema of a scenario file."""

    def named(names: Iterable[str]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"enum": sorted(names)}},
        }

    step = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "at": {"type": "number", "minimum": 0, "description": "seconds of exchange time"},
            "order": {"type": "integer", "minimum": 1, "description": "after this order"},
            "fault": named(CATALOGUE),
            "action": named(actions),
            "clear": {"enum": sorted([*CATALOGUE, ALL])},
        },
        "allOf": [
            {"oneOf": [{"required": [name]} for name in ("at", "order")]},
            {"oneOf": [{"required": [name]} for name in DEEDS]},
        ],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A scenario of the paper exchange",
        "type": "object",
        "required": ["steps"],
        "additionalProperties": False,
        "properties": {
            "about": {"type": "string"},
            "steps": {"type": "array", "items": step},
        },
    }


class ScenarioRunner:
    """Runs the steps of one scenario by exchange time and by the orders that come."""

    def __init__(
        self,
        perform: Callable[[Step], object],
        journal: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self._perform = perform
        self._journal = journal
        self._timed: list[Step] = []
        self._waiting: list[Step] = []
        self._start_ms = 0
        self._orders: set[str] = set()
        self._busy = False

    @property
    def left(self) -> int:
        """The number of steps that have not run."""
        return len(self._timed) + len(self._waiting)

    def start(self, steps: Sequence[Step], now_ms: int) -> None:
        """Begins a scenario at an exchange time in milliseconds. An earlier one ends."""
        timed = [step for step in steps if step.at_ms is not None]
        self._timed = sorted(timed, key=lambda step: step.at_ms or 0)
        self._waiting = [step for step in steps if step.at_ms is None]
        self._orders = set()
        self._start_ms = now_ms

    def on_time(self, now_ms: int) -> None:
        """Runs every step whose time has come. A step's own effects start no other step."""
        if self._busy:
            return
        self._busy = True
        try:
            while self._timed and self._start_ms + (self._timed[0].at_ms or 0) <= now_ms:
                self._run(self._timed.pop(0))
        finally:
            self._busy = False

    def on_private(self, events: Sequence[PrivateEvent]) -> None:
        """Counts new orders, and soon runs the steps that wait for them."""
        if not self._waiting:
            return
        for event in events:
            if event.topic == "order" and event.data["createType"] == "CreateByUser":
                self._orders.add(event.data["orderId"])
        due = [step for step in self._waiting if step.order <= len(self._orders)]
        for step in due:
            self._waiting.remove(step)
            asyncio.get_running_loop().call_soon(self._run, step)

    def _run(self, step: Step) -> None:
        said = {"deed": step.deed, "name": step.name, **step.fields}
        try:
            self._perform(step)
        except (Reject, FaultError, ArithmeticError) as error:
            log.warning("a step of the scenario was refused: %s", error)
            said["refused"] = str(error)
        self._journal("scenario", said)
