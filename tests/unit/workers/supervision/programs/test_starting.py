"""What every program of ours is started with."""

from pathlib import Path

from config.celery import HOLD_KEYS, WORKERS
from tests.unit.workers.supervision.programs.built import by_name
from workers.home import Home
from workers.supervision import topology
from workers.supervision.topology import Options


def test_processes_get_the_settings_and_no_proxy_for_this_machine(
    home: Home, tmp_path: Path
) -> None:
    built = topology.build(home, Options(recordings=tmp_path))
    specs = by_name(built)
    assert built.redis is not None
    for name in ("feed", *WORKERS):
        user = "feed" if name == "feed" else "worker"
        theirs = {
            **built.environment,
            "MLRISK_DATABASE_URL": built.logins.application,
            "MLRISK_REDIS_URL": built.redis.url(user=user),
        }
        if name not in {"feed", *HOLD_KEYS}:
            theirs = {k: v for k, v in theirs.items() if "_API_" not in k}
        assert theirs.items() <= specs[name].env.items()
    for name in ("feed", "execution", "beat", "flower"):
        assert specs[name].env["NO_PROXY"] == "127.0.0.1,localhost"
    assert specs["paper-exchange"].env["MLRISK_RECORDINGS"] == str(tmp_path)
    assert "MLRISK_DATABASE_URL" not in specs["paper-exchange"].env
