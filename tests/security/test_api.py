"""Attacks on the REST interface: tokens of others, lost tokens, and bodies that are too long."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from bot.clock import SystemClock
from bot.decision.authentication import MAX_TEXT_BYTES
from models.enums import TradingState
from models.tables import ApiTokenRow, TradeRequestRow
from tests.support.api import WRONG, Program, bearers_of, new_token, order, problem, tokens_of
from tests.support.scene import Scene
from tests.support.services import PostgresServer
from tests.support.trading_halts import state_and_seal
from tests.support.web import TestClient, web_console

pytestmark = pytest.mark.services
READS = (
    "/requests/r-1",
    "/requests/r-1/explanation",
    "/status",
    "/states/global",
    "/limits",
    "/halts/0123456789abcdef",
)


@pytest.fixture
def console(scene: Scene, postgres: PostgresServer, tmp_path: Path) -> Iterator[TestClient]:
    with web_console(postgres.logins(scene.database_url), tmp_path / "home") as client:
        yield client


def requests(scene: Scene) -> int:
    with scene.db.reading() as session:
        return session.scalar(select(func.count()).select_from(TradeRequestRow)) or 0


def test_without_a_good_token_nothing_is_answered(console: TestClient, scene: Scene) -> None:
    now = SystemClock().now()
    expired = new_token(scene.db, "strategy", "momentum")
    revoked = new_token(scene.db, "operator", "ops")
    tokens_of(scene.db).revoke(revoked.row.token_id, "test", reason="lost")
    with scene.db.transaction() as session:
        end = {"created_at": now - timedelta(days=2), "expires_at": now - timedelta(days=1)}
        chosen = ApiTokenRow.token_id == expired.row.token_id
        session.execute(update(ApiTokenRow).where(chosen).values(end))
    bearers_of(console).remember()
    for token in (expired.token, revoked.token, WRONG, "", "Bearer", WRONG + "0"):
        program = Program(console, token)
        answers = [program.get(path) for path in READS[:3]]
        answers += [
            program.post("/requests", order()),
            program.post("/states/global/halt", {"reason": "x"}),
        ]
        for answer in answers:
            assert (answer.status_code, problem(answer)) == (401, "bad-token"), answer.url
            assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    nobody = Program(console, None)
    for path in READS:
        answer = nobody.get(path)
        assert (answer.status_code, problem(answer)) == (401, "no-token")
        assert answer.headers["www-authenticate"] == 'Bearer realm="mlrisk"'
    assert nobody.post("/requests", order()).status_code == 401
    assert requests(scene) == 0
    assert state_and_seal(scene)[0] == TradingState.ACTIVE


def test_another_scheme_and_a_session_prove_nothing(console: TestClient, scene: Scene) -> None:
    good = new_token(scene.db, "operator", "ops").token
    for header in (f"Basic {good}", good, f"Bearer  {good} x", f"Token {good}"):
        refused = console.get("/api/v1/status", headers={"authorization": header})
        assert refused.status_code == 401, header
    cookie = console.get("/api/v1/status", headers={"cookie": f"mlrisk_8098={good}"})
    assert (cookie.status_code, problem(cookie)) == (401, "no-token")


def test_a_token_in_an_address_is_refused_and_not_repeated(
    console: TestClient, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    good = new_token(scene.db, "operator", "ops").token
    caplog.clear()
    for name in ("access_token", "token", "Authorization", "api_key"):
        for program in (Program(console, None), Program(console, good)):
            refused = program.get(f"/status?{name}={good}")
            assert (refused.status_code, problem(refused)) == (400, "token-in-address")
            assert good not in refused.text
    logged = (each.getMessage() for each in caplog.records if not each.name.startswith("httpx"))
    assert not [line for line in logged if good in line]
    assert problem(Program(console, good).get("/status?verbose=1")) == "unknown-parameter"


def test_a_tokens_powers_end_where_its_kind_ends(console: TestClient, scene: Scene) -> None:
    strategy = Program(console, new_token(scene.db, "strategy", "momentum").token)
    operator = Program(console, new_token(scene.db, "operator", "ops").token)
    for path in READS[2:]:
        refused = strategy.get(path)
        assert (refused.status_code, problem(refused)) == (403, "not-allowed"), path
    halt = strategy.post("/states/strategy:momentum/halt", {"reason": "x"})
    submit = operator.post("/requests", order())
    for refused in (halt, submit):
        assert (refused.status_code, problem(refused)) == (403, "not-allowed")
    # Nothing that lets trading go on has an address here.
    assert operator.post("/states/global/halt", {"reason": "drill"}).status_code == 202
    for path in ("/states/global/resume", "/states/global/recover", "/recover", "/tokens"):
        assert operator.post(path, {"reason": "x"}).status_code == 404, path
    for method in ("PUT", "PATCH", "DELETE"):
        for path in ("/states/global", "/limits"):
            answer = console.request(
                method, f"/api/v1{path}", headers={"authorization": f"Bearer {operator.token}"}
            )
            assert answer.status_code == 405
    # Nor does a token open a page of the console.
    page = console.get("/recover", headers={"authorization": f"Bearer {operator.token}"})
    assert page.headers["location"] == "/login"
    assert requests(scene) == 0
    assert state_and_seal(scene)[0] == TradingState.HALTED


def test_a_body_that_is_too_long_or_no_json_is_refused(console: TestClient, scene: Scene) -> None:
    strategy = Program(console, new_token(scene.db, "strategy", "momentum").token)
    operator = Program(console, new_token(scene.db, "operator", "ops").token)
    long = "x" * (MAX_TEXT_BYTES + 1)
    for program, path in ((strategy, "/requests"), (operator, "/states/global/halt")):
        refused = program.post(path, long)
        assert (refused.status_code, problem(refused)) == (413, "too-large")
        refused = program.post(path, "{}", content_type="text/plain")
        assert (refused.status_code, problem(refused)) == (415, "not-json")
    deep = '{"a":' * 5000 + "1" + "}" * 5000
    assert strategy.post("/requests", deep).status_code == 422
    assert requests(scene) == 0


def test_a_page_of_another_site_can_not_use_a_token(console: TestClient, scene: Scene) -> None:
    good = Program(console, new_token(scene.db, "operator", "ops").token)
    for headers in ({"origin": "http://evil.example"}, {"sec_fetch_site": "cross-site"}):
        refused = good.post("/states/global/halt", {"reason": "x"}, **headers)
        assert (refused.status_code, problem(refused)) == (403, "foreign-page")
        assert "access-control-allow-origin" not in refused.headers
    assert state_and_seal(scene)[0] == TradingState.ACTIVE
