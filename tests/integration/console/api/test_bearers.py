"""While Postgres is away a known operator's token halts, and nothing else is answered."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from httpx import Response
from pydantic import SecretStr

from bot.clock import SystemClock
from bot.state import halt_journal
from config.settings import Settings
from console.api.app import make_api
from console.api.bearers import FAILURES_A_MINUTE, Bearers
from console.web.desk import Desk
from tests.support.api import WRONG, Program, new_token, order, problem, tokens_of
from tests.support.lost_postgres import lost_postgres
from tests.support.scene import Scene
from tests.support.waiting import eventually
from tests.support.web import TestClient
from workers.home import Home

pytestmark = pytest.mark.services


def api_of(path: Path, url: str) -> tuple[Any, Path]:
    """The interface of a home whose Postgres is at `url`, and the home."""
    home = Home(path)
    home.create()
    settings = Settings(
        database_url=SecretStr(url), operator_database_url=SecretStr(url), home=home.path
    )
    watch: Any = None
    return make_api(Desk(settings, SystemClock(), watch)), home.path


@pytest.fixture
def cut(tmp_path: Path) -> Iterator[tuple[Any, Path]]:
    """The interface of a home without Postgres."""
    with lost_postgres(hangs=False) as url:
        yield api_of(tmp_path / "home", url)


def test_while_postgres_hangs_every_call_is_answered_and_a_known_token_halts(
    tmp_path: Path, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: a call waited for a frozen Postgres as long as it was frozen."""
    monkeypatch.setattr("models.connecting.CONNECT_TIMEOUT_SECONDS", 2)
    monkeypatch.setattr("console.web.patience.FIRST_SECONDS", 0.1)
    monkeypatch.setattr("console.web.patience.ANSWER_SECONDS", 0.1)
    monkeypatch.setattr("console.api.bearers.FIND_SECONDS", 0.1)
    monkeypatch.setattr("console.api.states.LOOK_SECONDS", 0.1)
    good = new_token(scene.db, "operator", "ops").token
    strategys = new_token(scene.db, "strategy", "momentum").token
    with lost_postgres(hangs=True) as url:
        api, home = api_of(tmp_path / "home", url)
        api.state.bearers._known = tokens_of(scene.db).good_for_halts()
        with closing(TestClient(api)) as client:

            def send(method: str, path: str, token: str, **more: Any) -> Response:
                said = {"authorization": f"Bearer {token}", **more.pop("headers", {})}
                return client.request(method, path, headers=said, **more)

            for path in ("/status", "/states/global", "/limits", "/requests/r-1"):
                answer = send("GET", path, good)
                assert (answer.status_code, problem(answer)) == (503, "unavailable"), path
                assert "does not answer" in answer.json()["detail"]
            asked = send("POST", "/requests", strategys, json=order())
            assert (asked.status_code, problem(asked)) == (503, "unavailable")
            unknown = send("POST", "/states/global/halt", WRONG, json={"reason": "x"})
            assert (unknown.status_code, problem(unknown)) == (503, "unavailable")
            halted = send(
                "POST",
                "/states/global/halt",
                good,
                json={"reason": "drill"},
                headers={"if-match": '"other"'},
            )
            assert (halted.status_code, problem(halted)) == (503, "halted-by-journal")
            eventually(lambda: not api.state.patience._at_work, "the end of what was left")
    (entry,) = halt_journal.read(home).halts
    assert (entry.scope, entry.reason) == ("global:*", "drill")


def test_a_token_that_was_good_halts_by_the_journal_and_opens_nothing_else(
    cut: tuple[Any, Path], scene: Scene
) -> None:
    api, home = cut
    good = new_token(scene.db, "operator", "ops").token
    bearers: Bearers = api.state.bearers
    # As it was read before Postgres went away.
    bearers._known = tokens_of(scene.db).good_for_halts()
    bearers.remember()

    def send(token: str, body: dict[str, str]) -> Response:
        said = {"authorization": f"Bearer {token}"}
        return client.post("/states/global/halt", json=body, headers=said)

    with closing(TestClient(api)) as client:
        halted = send(good, {"reason": "Postgres is away"})
        assert (halted.status_code, problem(halted)) == (503, "halted-by-journal")
        (entry,) = halt_journal.read(home).halts
        assert (entry.scope, entry.reason) == ("global:*", "Postgres is away")
        seen = client.get("/status", headers={"authorization": f"Bearer {good}"})
        assert (seen.status_code, problem(seen)) == (503, "unavailable")
        for token in (new_token(scene.db, "strategy", "momentum").token, WRONG):
            asked = send(token, {"reason": "x"})
            assert (asked.status_code, problem(asked)) == (503, "unavailable")
    assert len(halt_journal.read(home).halts) == 1


def test_without_a_home_that_can_be_written_the_answer_says_that_nothing_is_halted(
    cut: tuple[Any, Path], scene: Scene
) -> None:
    api, home = cut
    good = new_token(scene.db, "operator", "ops").token
    api.state.bearers._known = tokens_of(scene.db).good_for_halts()
    rmtree(home)
    home.write_text("no directory")
    with closing(TestClient(api)) as client:
        answer = client.post(
            "/states/global/halt",
            json={"reason": "drill"},
            headers={"authorization": f"Bearer {good}"},
        )
    assert (answer.status_code, problem(answer)) == (503, "not-halted")


def test_a_flood_of_wrong_tokens_keeps_no_good_one_out(console: TestClient, ops: Program) -> None:
    assert ops.get("/limits").status_code == 200
    wrong = Program(console, WRONG)
    answers = [wrong.get("/status") for _ in range(FAILURES_A_MINUTE + 20)]
    assert {answer.status_code for answer in answers} <= {401, 429}
    assert ops.post("/states/strategy:x/halt", {"reason": "drill"}).status_code == 202
    assert ops.get("/limits").status_code == 200
