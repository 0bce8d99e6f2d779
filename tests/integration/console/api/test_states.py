"""States by HTTP: seen with their ETag, and halted as the command and the button do."""

from typing import Any

import pytest
from sqlalchemy import select

from bot.authority.verifying import problems
from bot.clock import SystemClock
from bot.safety.halting.halt import TradingHalt
from models.enums import OperatorRole, TradingState
from models.tables import AuditRow
from tests.support.api import Program, new_token, problem
from tests.support.operators import Person, add_person
from tests.support.scene import Scene
from tests.support.trading_halts import state_and_seal
from tests.support.waiting import eventually
from tests.support.web import TestClient

pytestmark = pytest.mark.services


def proven(ops: Program, place: str) -> dict[str, Any]:
    """The halt once its steps have ended."""

    def ended() -> dict[str, Any] | None:
        answer = ops.get(place.removeprefix("/api/v1"))
        said: dict[str, Any] = answer.json()
        # A token may look so often in a second.
        return said if answer.status_code == 200 and said["ended_at"] is not None else None

    done = eventually(ended, "the halt's end")
    assert done is not None
    return done


def test_a_halt_is_at_once_leads_to_its_proof_and_is_safe_to_repeat(
    ops: Program, scene: Scene
) -> None:
    scene.decide("r-1", signal={"algorithm": "twap", "horizon_seconds": 60})
    before = ops.get("/states/global")
    assert before.json()["state"] == "active"
    asked = ops.post("/states/global/halt", {"reason": "drill"}, if_match=before.headers["etag"])
    assert (asked.status_code, state_and_seal(scene)[0]) == (202, TradingState.HALTED), asked.text
    done = proven(ops, asked.headers["location"])
    assert (done["is_proven"], done["failure"]) == (True, None)
    assert done["report"]["parents_stopped"] == 1
    again = ops.post("/states/global/halt", {"reason": "again"})
    assert again.status_code == 202
    assert proven(ops, again.headers["location"])["report"]["already_halted"] is True
    # If-Match can't keep a halt from a scope that is halted.
    late = ops.post("/states/global/halt", {"reason": "x"}, if_match=before.headers["etag"])
    assert late.status_code == 202
    now = ops.get("/states/global").json()
    assert (now["state"], now["reason"], now["epoch"]) == ("halted", "drill", 1)
    assert now["sealed_at"] is not None
    with scene.db.reading() as session:
        assert problems(session) == []
        (actor,) = session.scalars(select(AuditRow.actor).filter_by(kind="halted"))
    assert actor.startswith("api:ops (token ")
    assert ops.get("/status").json()["may_add_risk"] is False


def test_a_halt_by_a_state_that_has_changed_is_not_done(ops: Program, scene: Scene) -> None:
    seen = ops.get("/states/global").headers["etag"]
    halt = TradingHalt(scene.db, SystemClock())
    halt.halt(reason="drill", actor="test")
    halt.resume(reason="over", actor="test", development=True)
    refused = ops.post("/states/global/halt", {"reason": "late"}, if_match=seen)
    assert (refused.status_code, problem(refused)) == (412, "state-changed")
    assert state_and_seal(scene)[0] == TradingState.ACTIVE
    fresh = refused.headers["etag"]
    assert fresh == ops.get("/states/global").headers["etag"] != seen
    for good in (f'"other", {fresh}', "*"):
        assert ops.post("/states/global/halt", {"reason": "now"}, if_match=good).status_code == 202


def test_a_scope_is_halted_alone(ops: Program, scene: Scene) -> None:
    assert ops.get("/states/strategy:momentum").json()["epoch"] == 0
    asked = ops.post("/states/strategy:momentum/halt", {"reason": "wrong features"})
    assert asked.json()["scope"] == "strategy:momentum"
    assert ops.get("/states/strategy:momentum").json()["state"] == "halted"
    assert ops.get("/states/global").json()["state"] == "active"
    states = {each["scope"]: each["state"] for each in ops.get("/status").json()["states"]}
    assert states == {"global": "active", "strategy:momentum": "halted"}
    assert ops.get("/states/account").json()["scope"] == "account:paper"


WRONG: tuple[tuple[str, Any, int, str | None], ...] = (
    ("nonsense", {"reason": "x"}, 422, "path scope"),
    ("strategy:", {"reason": "x"}, 422, "path scope"),
    ("global", {}, 422, "reason"),
    ("global", {"reason": " "}, 422, "reason"),
    ("global", {"reason": "x", "cancel": "yes"}, 422, "cancel"),
    ("global", {"reason": "x", "resume": True}, 422, "resume"),
    ("global", [], 422, "request"),
    ("global", "no json", 422, "request"),
    ("strategy:x", {"reason": "x", "flatten": True}, 409, None),
)


def test_a_halt_that_can_not_be_is_refused_by_its_field(ops: Program, scene: Scene) -> None:
    for scope, body, status, field in WRONG:
        refused = ops.post(f"/states/{scope}/halt", body)
        assert refused.status_code == status, refused.text
        fields = [each["field"] for each in refused.json().get("errors", [])]
        assert fields == ([] if field is None else [field])
    assert state_and_seal(scene)[0] == TradingState.ACTIVE


@pytest.mark.usefixtures("quick_passphrases")
def test_a_viewer_and_a_strategy_halt_nothing(
    console: TestClient, scene: Scene, momentum: Program
) -> None:
    ann: Person = add_person(scene.db, SystemClock(), "ann")
    add_person(scene.db, SystemClock(), "eve", OperatorRole.VIEWER, by=ann.login())
    viewer = Program(console, new_token(scene.db, "operator", "eve").token)
    assert viewer.get("/status").status_code == 200
    for program in (viewer, momentum):
        refused = program.post("/states/global/halt", {"reason": "drill"})
        assert (refused.status_code, problem(refused)) == (403, "not-allowed")
    assert state_and_seal(scene)[0] == TradingState.ACTIVE
