"""The processes that trade and watch get what they need, and no more."""

from dataclasses import replace

from config.celery import QUEUES, WORKERS
from tests.unit.workers.supervision.programs.built import by_name
from workers.home import Home
from workers.supervision import topology
from workers.supervision.topology import Options


def test_each_queue_has_one_worker_that_takes_one_task_at_a_time(home: Home) -> None:
    specs = by_name(topology.build(home, Options(concurrency={"execution": 3, "emergency": 2})))
    served = []
    for name, queues in WORKERS.items():
        words = specs[name].command
        assert words[words.index("--queues") + 1] == ",".join(queues)
        served += queues
        assert words[words.index("--prefetch-multiplier") + 1] == "1"
        expected = {"execution": "3", "emergency": "2"}.get(name, "1")
        assert words[words.index("--concurrency") + 1] == expected
    assert sorted(served) == sorted(QUEUES)


def test_the_watchdog_alone_has_its_key_and_knows_no_other_secret(home: Home) -> None:
    built = topology.build(home, Options(message_key="m" * 20))
    found = {name: str(spec.env) for name, spec in by_name(built).items()}
    holders = {name for name, env in found.items() if "watchdog-api" in env}
    assert holders == {"watchdog"}
    assert "WATCHDOG" not in str(built.environment)
    assert "paper-api" not in found["watchdog"]
    assert "m" * 20 not in found["watchdog"]
    keys = {home.secret(f"{whose}-api-key") for whose in ("paper", "watchdog")}
    assert len(keys) == 2
    accounts = (home.paper / "accounts.json").read_text(encoding="utf-8")
    assert all(key in accounts for key in keys)


def test_without_a_key_of_its_own_there_is_no_watchdog(home: Home) -> None:
    given = Options(keys={"MLRISK_API_KEY": "k", "MLRISK_API_SECRET": "s"})
    assert "watchdog" not in by_name(topology.build(home, given))
    own = {"MLRISK_WATCHDOG_API_KEY": "w", "MLRISK_WATCHDOG_API_SECRET": "ws"}
    built = by_name(topology.build(home, replace(given, watchdog_keys=own)))
    assert own.items() <= built["watchdog"].env.items()
    assert "MLRISK_API_KEY" not in built["watchdog"].env
    assert "MLRISK_WATCHDOG_API_KEY" not in built["execution"].env


def test_the_addresses_of_people_reach_the_process_that_tells_them_and_no_other(home: Home) -> None:
    secret = {"MLRISK_ALERT_CHANNELS": "ops info json://user:s3cret@host/"}
    built = topology.build(home, Options(alert_channels=secret))
    given = {name for name, spec in by_name(built).items() if "s3cret" in str(spec.env)}
    assert given == {"alerting"}
    assert "s3cret" not in str(built.environment)
    assert "s3cret" not in repr(built)
    assert "s3cret" not in str(by_name(built)["alerting"].command)
    alerting = by_name(built)["alerting"].env
    assert {"MLRISK_REDIS_URL", "MLRISK_MESSAGE_KEY", "MLRISK_MARKET_KEY"}.isdisjoint(alerting)
