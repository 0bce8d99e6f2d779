"""The line of `mlrisk doctor` about Redis: whether it answers, its version, its known holes.

A user's own old server works, so a known hole is a warning and not a fault.
"""

import redis
from redis import Redis
from redis.exceptions import NoPermissionError

from config.settings import Settings
from console.runtime.health_check import HealthCheck
from workers.celery.refused_writes import WritesRefusedError
from workers.embedded import redis_holes
from workers.embedded.redis_holes import Server

_NAME = "redis"
_TIMEOUT_SECONDS = 3.0


def redis_line(settings: Settings) -> HealthCheck:
    """Not ok when Redis does not answer. Warns when clients could use a known hole of it."""
    if settings.redis_url is None:
        return HealthCheck(_NAME, False, "MLRISK_REDIS_URL is not set")
    client = redis.Redis.from_url(
        settings.require_redis_url(),
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
    )
    try:
        with client:
            client.ping()
            return _judged(_server(client))
    except redis.exceptions.RedisError as error:
        if _refuses_writes(error):
            told = "refuses every write: its log can't be written, as on a full disk"
            return HealthCheck(_NAME, False, told)
        return HealthCheck(_NAME, False, f"can't be reached ({type(error).__name__})")


def _refuses_writes(error: Exception) -> bool:
    return isinstance(error, WritesRefusedError) or str(error).startswith("MISCONF")


def _server(client: Redis) -> Server | None:
    try:
        return redis_holes.from_info(client.info("server"))
    except NoPermissionError:
        # Every client may send HELLO, whatever its rights.
        words = [_text(w) for w in client.execute_command("HELLO", 2)]  # type: ignore[no-untyped-call]
        hello = dict(zip(words[::2], words[1::2], strict=False))
        return redis_holes.from_info({f"{hello['server']}_version": hello["version"]})


def _judged(server: Server | None) -> HealthCheck:
    if server is None:
        return HealthCheck(_NAME, True, "answers; its version is unknown", warning=True)
    if not server.holes:
        return HealthCheck(_NAME, True, f"answers; {server}, no known holes")
    if server.is_safe:
        closed = ", ".join(f"{hole.cve} ({hole.needs})" for hole in server.holes)
        text = f"answers; {server}, with known holes that mlrisk's clients can't use: {closed}"
        return HealthCheck(_NAME, True, text)
    open_holes = "; ".join(f"{h.cve}: {h.text}" for h in server.holes if h.needs is None)
    text = f"answers, but {server} has known holes, update it ({open_holes})"
    return HealthCheck(_NAME, True, text, warning=True)


def _text(word: object) -> str:
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)
