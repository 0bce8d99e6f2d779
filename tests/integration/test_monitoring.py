"""A real Prometheus scrapes the running system, and answers every panel of our dashboards."""

import json
import signal
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.identity import PAPER_ACCOUNT
from tests.support.processes.exporting import ExporterProcess
from tests.support.processes.monitoring import PROMETHEUS, RULES, panels, program, rules
from tests.support.repository import ROOT, text_of
from tests.support.services import PostgresServer, free_port
from tests.support.system import mini_system, trade_request
from tests.support.waiting import PATIENCE_SECONDS, eventually

pytestmark = [pytest.mark.services, pytest.mark.long]


class Prometheus:
    """Debian's Prometheus with our rules, on a port and a directory of its own."""

    def __init__(self, exporter_port: int, place: Path) -> None:
        self._port = free_port()
        settings = yaml.safe_load(text_of(PROMETHEUS))
        settings["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
        settings["global"]["evaluation_interval"] = "1s"
        settings["rule_files"] = [str(ROOT / RULES)]
        settings.pop("alerting")
        (job,) = settings["scrape_configs"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{exporter_port}"]}]
        file = place / "prometheus.yml"
        file.write_text(yaml.safe_dump(settings))
        self.log = place / "prometheus.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    program("prometheus"),
                    f"--config.file={file}",
                    f"--storage.tsdb.path={place / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                ],
                cwd=place,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series that answer a query now; none while it does not answer."""
        found = self._get(f"query?{urllib.parse.urlencode({'query': query})}")
        series: list[dict[str, Any]] = found.get("result", [])
        return series

    def rules(self) -> list[dict[str, Any]]:
        """Its rules with their health; none while it does not answer."""
        groups = self._get("rules").get("groups", [])
        return [rule for group in groups for rule in group["rules"]]

    def _get(self, path: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self._port}/api/v1/{path}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(url, timeout=PATIENCE_SECONDS) as reply:
                found = json.loads(reply.read())
        except OSError:
            assert self.process.poll() is None, self.log.read_text()
            return {}
        assert found["status"] == "success", found
        data: dict[str, Any] = found["data"]
        return data

    def stop(self) -> None:
        """Ends it in good order."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def prometheus(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """It scrapes an exporter of a system in which trades go on and end."""
    program("prometheus")
    place = tmp_path_factory.mktemp("monitoring")
    queues = ("validation", "execution", "monitoring", "reporting")
    with mini_system(postgres, queues=queues, safety=True) as system:
        exporter = ExporterProcess(
            postgres.logins(system.database_url).exporter,
            system.redis.embedded.url(user="exporter"),
            PAPER_ACCOUNT,
            place / "exporter.log",
        )
        scraping = Prometheus(exporter.port, place)
        try:
            eventually(lambda: scraping.ask("mlrisk_up == 1"), "the first scrape")
            system.outcome(trade_request(ml_predictions={"confidence": 0.1}))

            def a_trade_has_ended() -> bool:
                """The gate may refuse the first ones: another one follows."""
                system.outcome(trade_request())
                return bool(scraping.ask("sum(mlrisk_trades_ended_total) > 0"))

            eventually(a_trade_has_ended, "a trade that ended")
            yield scraping
        finally:
            scraping.stop()
            exporter.kill()


def test_every_panel_is_answered_with_data(prometheus: Prometheus) -> None:
    asked = list(panels())
    assert len(asked) > 50
    for board, title, query in asked:
        answer = eventually(lambda query=query: prometheus.ask(query), f"{board}: {title}: {query}")
        assert answer[0]["value"][1] != "", title


def test_every_rule_is_evaluated_and_the_dead_man_fires(prometheus: Prometheus) -> None:
    eventually(
        lambda: prometheus.ask('ALERTS{alertname="DeadMan",alertstate="firing"}'), "the dead man"
    )
    eventually(
        lambda: {rule["health"] for rule in prometheus.rules()} == {"ok"}, "every rule's first time"
    )
    assert len(prometheus.rules()) == len(rules())
    (scraped,) = prometheus.ask("scrape_samples_scraped")
    assert float(scraped["value"][1]) > 100
