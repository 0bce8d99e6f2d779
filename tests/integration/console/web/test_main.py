"""The process: it answers, and a signal ends it at once although pages are open."""

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from bot.clock import SystemClock
from console.runtime import web_link
from tests.support.repository import ROOT
from tests.support.scene import Scene
from tests.support.services import PostgresServer
from tests.support.waiting import PATIENCE_SECONDS, eventually
from workers.home import Home
from workers.supervision.ports import free_port

pytestmark = pytest.mark.services


def test_a_signal_ends_it_cleanly_with_an_open_page(
    scene: Scene, postgres: PostgresServer, tmp_path: Path
) -> None:
    logins, port = postgres.logins(scene.database_url), free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLRISK_")}
    home = Home(tmp_path / "home")
    home.create()
    environment = kept | {
        "MLRISK_HOME": str(home.path),
        "MLRISK_DATABASE_URL": logins.of_viewer,
        "MLRISK_OPERATOR_DATABASE_URL": logins.operator,
        "MLRISK_EXCHANGE_URL": f"http://127.0.0.1:{free_port()}",
    }
    home.secret(web_link.KEY)
    command = [sys.executable, "-m", "console.web.main", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(address), "the console")
        token = web_link.draw(home.secret(web_link.KEY), SystemClock().now())
        with _opened(address, token).open(f"{address}/events", timeout=PATIENCE_SECONDS) as page:
            assert page.readline().startswith(b"event: frame")
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_SECONDS) == 0, (tmp_path / "log").read_text()
    finally:
        process.kill()
        process.wait()


def _answers(address: str) -> bool:
    try:
        with _opener().open(f"{address}/healthz", timeout=5):
            return True
    except OSError:
        return False


def _opener(*handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)


def _opened(address: str, token: str) -> urllib.request.OpenerDirector:
    """Somebody who entered by a link."""
    browser = _opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    with browser.open(f"{address}/enter?token={token}", timeout=PATIENCE_SECONDS) as page:
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.read().decode())
    assert csrf
    form = urllib.parse.urlencode({"csrf": csrf[1], "token": token}).encode()
    asked = urllib.request.Request(f"{address}/enter", form, {"Origin": address})
    with browser.open(asked, timeout=PATIENCE_SECONDS) as page:
        assert page.url == f"{address}/"
    return browser
