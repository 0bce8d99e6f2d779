"""docker-compose.yml and the Dockerfile: every process, no rights, no secret in an environment."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import make_url

from bot.decision.signing import key_of
from bot.exchange.bybit.adapter import bybit_config
from config.celery import HOLD_KEYS, WORKERS
from config.secret_files import FILE_SUFFIX, secret_variables
from config.settings import Settings, SettingsError, load_settings
from examples.demo_strategy.strategy import NAME as DEMO_NAME
from tests.support.repository import ROOT, project, run_make, text_of
from workers.embedded.postgres import COLLATION, EmbeddedPostgres
from workers.embedded.redis import LIMITS
from workers.pulse import PULSE_VARIABLE
from workers.supervision.topology import Options

OFFICIAL = {"postgres", "redis"}
WATCHING = {
    "prometheus": "prom/prometheus",
    "alertmanager": "prom/alertmanager",
    "grafana": "grafana/grafana",
}
"""What watches from outside, by its official image."""


def _compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text_of("docker-compose.yml"))
    return loaded


def test_each_queue_has_its_worker_and_every_process_a_health_check() -> None:
    services = _compose()["services"]
    for name, queues in WORKERS.items():
        command = services[f"worker-{name}"]["command"]
        processes = Options().concurrency.get(name, 1)
        assert f"-Q {','.join(queues)} -n {name}@%h -c {processes} " in command
        # It ends itself when it takes nothing, and its health check reads whether it is well.
        assert services[f"worker-{name}"]["environment"][PULSE_VARIABLE].startswith("/tmp/")
        assert services[f"worker-{name}"]["restart"] == "unless-stopped"
        assert services[f"worker-{name}"]["healthcheck"]["test"][-1] == "worker"
    for name, service in services.items():
        if name not in ("migrate", "demo-strategy"):
            assert service["healthcheck"]["test"], name


def test_nothing_is_published_beyond_this_machine() -> None:
    services = _compose()["services"]
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(published) == {"flower", "grafana", "web"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert not any("network_mode" in service for service in services.values())


def test_containers_are_read_only_and_our_own_have_no_rights() -> None:
    assert "USER mlrisk" in text_of("Dockerfile")
    for name, service in _compose()["services"].items():
        assert service["read_only"] is True, name
        assert "no-new-privileges:true" in service["security_opt"], name
        if name not in OFFICIAL:
            assert service["cap_drop"] == ["ALL"], name
            assert "user" not in service, name


def test_no_container_leaves_a_core_file() -> None:
    """It would hold keys and passwords, as those of `mlrisk up` would, whose limit is none."""
    for name, service in _compose()["services"].items():
        assert service["ulimits"] == {"core": 0}, name


@pytest.mark.parametrize(("service", "program"), [("redis", "redis-server"), ("flower", "celery")])
def test_an_empty_secret_file_starts_no_server(tmp_path: Path, service: str, program: str) -> None:
    """Seen: its password was then the empty one, or there was none."""
    described = _compose()["services"][service]
    secrets, programs, told = tmp_path / "secrets", tmp_path / "bin", tmp_path / "started"
    for directory in (secrets, programs):
        directory.mkdir()
    (programs / program).write_text(f"#!/bin/sh\necho $* > {told}\n")
    (programs / program).chmod(0o755)
    words = [
        word.replace("$$", "$").replace("/run/secrets", str(secrets))
        for word in described["command"]
    ]

    def starts() -> bool:
        told.unlink(missing_ok=True)
        path = {"PATH": f"{programs}:{os.environ['PATH']}"}
        done = subprocess.run(words, env=path, capture_output=True, stdin=subprocess.DEVNULL)
        assert (done.returncode == 0) == told.exists()
        return told.exists()

    for name in described["secrets"]:
        (secrets / name).write_text("word")
    assert starts()
    read = [name for name in described["secrets"] if f"cat {secrets / name})" in words[-1]]
    assert read
    for name in read:
        (secrets / name).write_text("")
        assert not starts(), name
        (secrets / name).write_text("word")


def test_official_images_are_pinned_to_a_line() -> None:
    services = _compose()["services"]
    for name in OFFICIAL:
        assert re.fullmatch(rf"{name}:\d+(\.\d+)*", services[name]["image"])
    for name, image in WATCHING.items():
        assert re.fullmatch(rf"{image}:v?\d+\.\d+\.\d+", services[name]["image"])
        assert services[name]["profiles"] == ["monitoring"], "nobody gets it unasked"
        assert set(services[name].get("secrets", [])) <= {"grafana_password"}


def test_secrets_reach_containers_as_files_alone(tmp_path: Path) -> None:
    compose = _compose()
    shutil.copy(ROOT / "Makefile", tmp_path)
    run_make("secrets", cwd=tmp_path)
    made = {
        path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "secrets").iterdir()
    }
    assert "COMPOSE_PROFILES=paper" in (tmp_path / ".env").read_text(encoding="utf-8").split()
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    declared = {name: entry["file"] for name, entry in compose["secrets"].items()}
    assert declared == {Path(name).stem: f"./secrets/{name}" for name in made}
    assert made["postgres_password.txt"] in made["database_url.txt"]
    logins = {
        name: make_url(made[f"{name}_database_url.txt"])
        for name in ("owner", "application", "operator", "audit", "exporter", "viewer")
    }
    assert {str(url.username) for url in logins.values()} == {f"mlrisk_{name}" for name in logins}
    assert len({url.password for url in logins.values()}) == len(logins)
    for user in ("worker", "feed", "beat", "flower", "exporter"):
        login = f"{user}:{made[f'redis_{user}_password.txt']}"
        file = "redis_url.txt" if user == "worker" else f"redis_{user}_url.txt"
        assert made[file] == f"redis://{login}@redis:6379"
    assert made["demo_key.txt"] == f"1:{key_of(made['message_key.txt'], DEMO_NAME)}"
    for name, service in compose["services"].items():
        for variable, value in (service.get("environment") or {}).items():
            if "PASSWORD" in variable or variable.removesuffix(FILE_SUFFIX) in (
                secret_variables(Settings).values()
            ):
                assert value.startswith("/run/secrets/"), name
                assert Path(value).name in service["secrets"], name
        mentioned = re.findall(r"/run/secrets/(\w+)", str(service.get("command", "")))
        assert set(mentioned) <= set(service.get("secrets", [])), name
    run_make("secrets", cwd=tmp_path)
    again = {
        path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "secrets").iterdir()
    }
    assert again == made
    assert "secrets/" in text_of(".gitignore").splitlines()


def _compose_command() -> list[str]:
    """The real `docker compose`, also where its plugin stands alone."""
    for words in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(words[0]) is None:
            continue
        version = subprocess.run([*words, "version", "--short"], capture_output=True, text=True)
        if version.returncode == 0 and int(version.stdout.lstrip("v").split(".")[0]) >= 2:
            return words
    pytest.skip("docker compose (2.24 or newer) is not on this machine")


def _services(profiles: str, **said: str) -> dict[str, Any]:
    done = subprocess.run(
        [*_compose_command(), "config", "--format", "json"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "COMPOSE_PROFILES": profiles, **said},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    return services


def test_postgres_is_as_that_of_mlrisk_up(tmp_path: Path) -> None:
    """Seen: collation and connections differed."""
    embedded = EmbeddedPostgres(tmp_path, 5432, "x")
    theirs = _compose()["services"]["postgres"]
    ours = set(embedded.command())
    given = [word for word in theirs["command"] if "=" in word]
    assert set(given) <= ours
    bounded = {word.partition("=")[0] for word in given}
    left = {word.partition("=")[0] for word in ours if "=" in word} - bounded
    # The machine's own, and what Postgres' image says as well.
    assert left == {
        "listen_addresses",
        "port",
        "unix_socket_directories",
        "shared_buffers",
        "fsync",
        "full_page_writes",
        "synchronous_commit",
        "timezone",
        "log_timezone",
    }
    arguments = theirs["environment"]["POSTGRES_INITDB_ARGS"].split()
    assert set(COLLATION) <= set(arguments)


def test_redis_is_bounded_as_that_of_mlrisk_up() -> None:
    """Seen: it had none of the limits, and one client could fill the machine's memory."""
    said = _compose()["services"]["redis"]["command"][-1]
    configuration = said.partition("<<END\n")[2].partition("END")[0].splitlines()
    assert [line for line in configuration if not line.startswith("user ")] == [*LIMITS]


def test_each_container_logs_in_as_a_role_of_its_own_and_strategies_reach_no_database() -> None:
    services = _compose()["services"]
    superusers = {"database_url", "owner_database_url"}
    for name, service in services.items():
        given = {secret for secret in service.get("secrets", []) if "database_url" in secret}
        if name == "migrate":
            assert superusers < given
        else:
            assert not superusers & given, name
        assert ("database" in service["networks"]) == (bool(given) or name == "postgres"), name
    assert services["beat"]["secrets"] == ["redis_beat_url", "audit_database_url"]
    assert "operator_database_url" in services["worker-emergency"]["secrets"]


def test_each_kind_of_container_logs_into_redis_as_a_user_of_its_own() -> None:
    services = _compose()["services"]
    given = {
        name: [secret for secret in service.get("secrets", []) if re.match("redis.*_url", secret)]
        for name, service in services.items()
        if name != "redis"
    }
    own = {name: [f"redis_{name}_url"] for name in ("feed", "beat", "flower", "exporter")}
    workers = {
        name: ["redis_url"]
        for name in services
        if name.startswith("worker-") or name in ("safety", "web")
    }
    assert {name: urls for name, urls in given.items() if urls} == {**own, **workers}
    for name, (secret,) in {**own, **workers}.items():
        path = services[name]["environment"]["MLRISK_REDIS_URL_FILE"]
        assert path == f"/run/secrets/{secret}", name


def test_the_key_of_messages_is_where_requests_are_taken_and_where_an_operator_works() -> None:
    """Of it every strategy's key is made."""
    services = _compose()["services"]
    mounted = {name for name in services if "message_key" in services[name].get("secrets", [])}
    told = {
        name
        for name, service in services.items()
        if "MLRISK_MESSAGE_KEY_FILE" in (service.get("environment") or {})
    }
    assert mounted == told == {"worker-validation", "worker-emergency", "web"}


def test_docker_accepts_the_compose_file() -> None:
    """Only paper trading runs the paper exchange and waits for it."""
    assert {"paper-exchange", "demo-strategy"} <= _services("paper,demo").keys()
    assert WATCHING.keys() <= _services("monitoring").keys()
    assert not WATCHING.keys() & _services("paper").keys()
    assert "paper-exchange" in _services("paper")["feed"]["depends_on"]
    live = _services("", MLRISK_EXCHANGE_MODE="live", MLRISK_LEASE_SECONDS="20")
    assert "paper-exchange" not in live
    assert live["feed"]["depends_on"]["paper-exchange"]["required"] is False
    assert live["feed"]["environment"]["MLRISK_LEASE_SECONDS"] == "20"


def test_every_setting_of_the_example_arrives_in_containers() -> None:
    """Seen: `.env.example` named settings that no container was given."""
    for_containers = text_of(".env.example").split("# Not for a .env of containers")[0]
    named = re.findall(r"^#?(\w+)=", for_containers, re.MULTILINE)
    assert "MLRISK_LEASE_SECONDS" in named
    compose = text_of("docker-compose.yml")
    for name in named:
        assert name == "COMPOSE_PROFILES" or f"${{{name}:-" in compose, name


def test_what_runs_is_bounded_and_comes_from_no_registry() -> None:
    for name, service in _compose()["services"].items():
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        if name not in OFFICIAL | WATCHING.keys():
            assert service["pull_policy"] == "never", name


def test_the_image_has_no_servers_and_fixed_numbers() -> None:
    dockerfile = text_of("Dockerfile")
    locked = re.findall(r"^([\w-]+)==", text_of("requirements.lock"), re.MULTILINE)
    removed = re.search(r"pip uninstall --quiet --yes (.+)", dockerfile)
    assert removed
    assert set(removed[1].split()) <= set(locked)
    assert "groupadd --gid 10001 mlrisk" in dockerfile


def test_the_ends_of_the_audit_are_noted_by_one_worker_outside_the_database() -> None:
    compose = _compose()
    writers = [
        name
        for name, service in compose["services"].items()
        if "audit:/var/lib/mlrisk-audit" in service.get("volumes", [])
    ]
    assert writers == ["worker-reporting"]
    heads = compose["x-mlrisk"]["environment"]["MLRISK_AUDIT_HEADS"]
    assert Path(heads).parent == Path("/var/lib/mlrisk-audit")
    assert "--mode 700 /var/lib/mlrisk-audit" in text_of("Dockerfile")


def test_the_audit_log_and_its_witness_share_no_key_and_write_into_no_file_of_the_other() -> None:
    services = _compose()["services"]
    holders = {
        key: [name for name, service in services.items() if _mounts(service, f"{key}:")]
        for key in ("log-key", "witness-key")
    }
    assert holders == {"log-key": ["safety"], "witness-key": ["watchdog"]}
    for volume, writer in (("log:", "safety"), ("witness:", "watchdog")):
        for name, service in services.items():
            for mounted in _mounts(service, volume):
                assert mounted.endswith(":ro") == (name != writer), (name, mounted)
    for place in ("mlrisk-log/private", "mlrisk-witness/public"):
        assert f"/var/lib/{place}" in text_of("Dockerfile")


def _mounts(service: dict[str, Any], volume: str) -> list[str]:
    return [each for each in service.get("volumes", []) if each.startswith(volume)]


def test_only_what_asks_the_exchange_sees_its_journal_and_the_limits() -> None:
    """The paper exchange's own volume is read-only to the others, for `mlrisk doctor`."""
    services = _compose()["services"]
    assert services["worker-emergency"]["volumes"] == [
        "paper:/var/lib/mlrisk:ro",
        "audit:/var/lib/mlrisk-audit:ro",
        "log:/var/lib/mlrisk-log/public:ro",
        "witness:/var/lib/mlrisk-witness/public:ro",
    ]
    for name in ("beat", "flower", "exporter", "demo-strategy"):
        assert (services[name]["volumes"], services[name]["configs"]) == ([], []), name


@pytest.mark.parametrize("mode", ["", "paper", "demo", "testnet", "live"])
def test_containers_speak_to_one_exchange_in_every_mode(
    mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Seen: any mode but paper sent REST to the paper exchange and took streams from Bybit."""
    said = {"MLRISK_EXCHANGE_MODE": mode, "MLRISK_ACCOUNT": "main"} if mode else {}
    if mode == "live":
        said |= {"MLRISK_ENVIRONMENT": "production", "MLRISK_TRADING_MODE": "conservative"}
    for name in [name for name in os.environ if name.startswith("MLRISK_")]:
        monkeypatch.delenv(name)
    for service in ("worker-validation", "worker-execution"):
        for name, value in _compose()["services"][service]["environment"].items():
            if not name.endswith(FILE_SUFFIX):
                monkeypatch.setenv(name, _interpolated(value, said))
        monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
        if service == "worker-execution":
            monkeypatch.setenv("MLRISK_API_KEY", "own")
            monkeypatch.setenv("MLRISK_API_SECRET", "own")
        config = bybit_config(load_settings())
        assert (config.api_key is not None) == (service == "worker-execution")
        if mode in ("", "paper"):
            assert config.endpoint == "http://paper-exchange:8099"
            assert config.stream_base == "ws://paper-exchange:8099"
        else:
            assert (config.endpoint, config.stream_base) == (None, None)


def test_the_exchanges_keys_are_mounted_where_the_account_is_asked_and_nowhere_else() -> None:
    services = _compose()["services"]
    having = {
        name
        for name, service in services.items()
        if any("MLRISK_API" in variable for variable in service.get("environment") or {})
        or {"api_key", "api_secret"} & set(service.get("secrets") or ())
    }
    assert having == {"feed", "web", *(f"worker-{name}" for name in HOLD_KEYS)}
    for name in ("feed", *(f"worker-{name}" for name in WORKERS)):
        service = services[name]
        held = {"api_key", "api_secret"} <= set(service["secrets"])
        assert held == (name in having)
        assert service["environment"]["MLRISK_HOLDS_KEYS"] == str(held).lower()
    own = {name for name, one in services.items() if "watchdog_api_key" in one.get("secrets", ())}
    assert own == {"watchdog"}
    assert set(services["watchdog"]["secrets"]) == {
        "audit_database_url",
        "watchdog_api_key",
        "watchdog_api_secret",
    }
    told = {name for name, one in services.items() if "alert_channels" in one.get("secrets", ())}
    assert told == {"alerting"}
    ours = {"MLRISK_LOG_FORMAT", "MLRISK_ACCOUNT"}
    for name in {
        *OFFICIAL,
        "paper-exchange",
        "demo-strategy",
        "flower",
        "beat",
        "exporter",
        "migrate",
    }:
        environment = services[name].get("environment") or {}
        told = {v for v in environment if v.startswith("MLRISK_")} - ours
        assert all(variable.endswith("_URL_FILE") for variable in told), name
        assert not told or name in ("flower", "beat", "exporter", "migrate"), name


def test_containers_do_not_start_live_with_nothing_else_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in _compose()["x-mlrisk"]["environment"].items():
        if not name.endswith(FILE_SUFFIX):
            monkeypatch.setenv(name, _interpolated(value, {"MLRISK_EXCHANGE_MODE": "live"}))
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    with pytest.raises(SettingsError, match="real money"):
        load_settings()


def _interpolated(value: str, said: dict[str, str]) -> str:
    """As compose reads `${NAME:-default}`."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda m: said.get(m[1]) or m[2], value)


def test_every_package_reaches_the_image() -> None:
    let_in = {line[1:] for line in text_of(".dockerignore").splitlines() if line.startswith("!")}
    packages = project()["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {package.removesuffix("*") for package in packages} <= let_in
