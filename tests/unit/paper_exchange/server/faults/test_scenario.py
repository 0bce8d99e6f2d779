"""Scenario files: what is read, what is refused, and when the steps run."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

from paper_exchange.server.faults.actions import Actions
from paper_exchange.server.faults.scenario import (
    SCHEMA_FILE,
    ScenarioError,
    ScenarioRunner,
    Step,
    parse_scenario,
    read_scenario,
    schema,
)
from paper_exchange.types import PrivateEvent, Reject

ACTIONS = Actions(cast(Any, None)).table
GOOD = """
about: a lost answer, then a crash of the price
steps:
  - {order: 1, fault: {name: drop_after, endpoint: order/create, n: 1}}
  - {at: 2.5, clear: all}
  - at: 1
    action: {name: print_trade, symbol: BTCUSDT, price: "100", qty: "1"}
"""


def test_the_published_schema_is_that_of_the_code() -> None:
    current = json.dumps(schema(ACTIONS), indent=2) + "\n"
    assert SCHEMA_FILE.read_text() == current, "write it again: bybit-paper --scenario-schema"


def test_a_file_is_read_and_fits_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(GOOD)
    steps = read_scenario(path, ACTIONS)
    assert [(s.at_ms, s.order, s.deed, s.name) for s in steps] == [
        (None, 1, "fault", "drop_after"),
        (2500, 0, "clear", "all"),
        (1000, 0, "action", "print_trade"),
    ]
    jsonschema.Draft202012Validator.check_schema(schema(ACTIONS))


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([], None),
        ([{"at": 1, "fault": {"name": "html"}}], None),
        ([{"at": 1, "fault": {"name": "nonsense"}}], "unknown fault 'nonsense'"),
        ([{"at": 1, "action": {"name": "nonsense"}}], "unknown action"),
        ([{"at": -1, "clear": "all"}], "at must be seconds"),
        ([{"order": 0, "clear": "all"}], "order must be a whole number"),
        ([{"clear": "all"}], "needs at or order"),
        ([{"at": 1, "order": 1, "clear": "all"}], "needs at or order"),
        ([{"at": 1, "clear": "all", "fault": {"name": "html"}}], "needs at or order"),
        ([{"at": 1, "clear": "all", "wen": 1}], "step 1: unknown field wen"),
        ([7], "must be a mapping"),
    ],
)
def test_code_and_schema_refuse_the_same(steps: list[Any], text: str | None) -> None:
    valid = jsonschema.Draft202012Validator(schema(ACTIONS)).is_valid({"steps": steps})
    assert valid is (text is None)
    if text is None:
        parse_scenario({"steps": steps}, ACTIONS)
        return
    with pytest.raises(ScenarioError, match=text):
        parse_scenario({"steps": steps}, ACTIONS)


class Stage:
    """Notes the deeds of a runner."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.journal: list[Mapping[str, Any]] = []
        self.runner = ScenarioRunner(self._perform, lambda _, fields: self.journal.append(fields))

    def _perform(self, step: Step) -> None:
        self.done.append(step.name)
        self.runner.on_time(1 << 60)  # a deed that moves the clock runs no other step inside it
        if step.name == "ban":
            raise Reject(10001, "not today")


def test_steps_run_at_their_time_and_a_refused_one_stops_no_other() -> None:
    stage = Stage()
    steps = [
        {"at": 2, "clear": "all"},
        {"at": 1, "action": {"name": "ban"}},
        {"at": 3, "clear": "html"},
    ]
    stage.runner.start(parse_scenario({"steps": steps}, ACTIONS), 10_000)
    stage.runner.on_time(10_999)
    assert stage.done == []
    stage.runner.on_time(12_000)
    assert stage.done == ["ban", "all"]
    assert [said.get("refused") for said in stage.journal] == ["10001: not today", None]
    assert stage.runner.left == 1


async def test_a_step_waits_for_its_order() -> None:
    stage = Stage()
    steps = parse_scenario({"steps": [{"order": 2, "clear": "all"}]}, ACTIONS)
    stage.runner.start(steps, 0)

    def order(ident: str) -> PrivateEvent:
        row = {"orderId": ident, "createType": "CreateByUser"}
        return PrivateEvent("u", "order", "linear", 1, row)

    stage.runner.on_private([order("a"), order("a")])
    stage.runner.on_private([order("b")])
    await asyncio.sleep(0)
    assert stage.done == ["all"]
