"""The Celery settings, each with the measurement behind it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

WORKERS: Mapping[str, tuple[str, ...]] = {
    "validation": ("validation",),
    # The two are served in turn, so that an exit waits for one ordinary message at most.
    "execution": ("exits", "execution"),
    # Asks no exchange: nothing slow is ever ahead of a due child.
    "dispatch": ("dispatch",),
    # Asks about one order after the other, stops included, and each answer may hang.
    "sweeping": ("sweeping",),
    # Reads the wallet for the loss breakers and looks at open positions, and nothing else.
    "monitoring": ("monitoring",),
    "emergency": ("emergency",),
    # Compares with the exchange, which the lease to trade waits for.
    "reconciliation": ("reconciliation",),
    # Slow work that delays nothing else.
    "reporting": ("reporting",),
}
"""The queues of each worker process."""
HOLD_KEYS = frozenset({"execution", "sweeping", "monitoring", "emergency", "reconciliation"})
"""The workers that have the exchange's keys, because they ask in the account's name: they send,
look orders up and call them back, read the wallet, or reconcile. Other workers read public data
alone."""
QUEUES = tuple(queue for queues in WORKERS.values() for queue in queues)
CANARY = "queue:"
"""The prefix of a queue's heartbeat; the queue's name follows it."""

STRATEGY_QUEUE = "validation"
"""The one queue that strategies reach. Its messages are sorted into lanes, which no strategy can
write to (`workers/celery/lanes.py`)."""
LANES = f"{STRATEGY_QUEUE}.lanes"
"""The key in Redis with the names of the lanes that hold messages, or did lately."""
OUR_LANE = f"{STRATEGY_QUEUE}.ours"
"""The lane of our own messages: wake-ups of stored requests, canaries, messages that are set
aside."""

MARKET_DATABASE = 3
"""Redis database of the newest market data, apart from the broker's."""

TASK_TIME_LIMIT_SECONDS = 60
VISIBILITY_TIMEOUT_SECONDS = 3 * TASK_TIME_LIMIT_SECONDS


def celery_settings(redis_url: str) -> dict[str, Any]:
    """Celery's settings: broker in database 0, results in 1, RedBeat in 2 of one Redis."""
    return {
        "broker_url": with_database(redis_url, 0),
        "result_backend": with_database(redis_url, 1),
        **_redbeat_connection(with_database(redis_url, 2)),
        "redbeat_key_prefix": "mlrisk:beat:",
        # A failover waits for the lock's end: 10 s at most, not the default 25 minutes.
        "redbeat_lock_timeout": 10,
        "beat_max_loop_interval": 1,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "task_acks_late": True,
        # Without it a killed worker's task is acknowledged and lost; the claim on the row makes
        # the repetition harmless.
        "task_reject_on_worker_lost": True,
        # A killed child's task waits this long for its result before it is delivered again. The
        # default of 10 s is as long as some orders live. In seconds.
        "worker_lost_wait": 2.0,
        "worker_prefetch_multiplier": 1,
        "task_ignore_result": True,
        "result_expires": 3600,
        "task_time_limit": TASK_TIME_LIMIT_SECONDS,
        "task_soft_time_limit": TASK_TIME_LIMIT_SECONDS - 10,
        "broker_transport_options": {
            "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
            # kombu looks for expired messages only every interval x throttle: 5 s, not 100 s.
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
        "result_backend_transport_options": {"socket_timeout": 5},
        "redis_socket_timeout": 5,
        "redis_socket_keepalive": True,
        "redis_backend_health_check_interval": 10,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A publish must not wait: the row is there, and the dispatcher enqueues it again.
        "task_publish_retry_policy": {
            "max_retries": 2,
            "interval_start": 0.05,
            "interval_step": 0.2,
            "interval_max": 0.5,
        },
        "task_default_queue": "validation",
        "task_create_missing_queues": True,
        "task_routes": {f"tasks.{queue}.*": {"queue": queue} for queue in QUEUES},
        "worker_send_task_events": True,
        "task_send_sent_event": False,
        "worker_hijack_root_logger": False,
        # Recycling costs 0.3 s of a child's time; 0 would be never.
        "worker_max_tasks_per_child": 20_000,
        "timezone": "UTC",
        "enable_utc": True,
    }


def _redbeat_connection(redis_url: str) -> dict[str, Any]:
    """RedBeat's address without its login. The login stands apart, under names that Celery masks.

    A worker tells its settings to any client of the broker that asks, and Flower shows them. Celery
    masks only settings that it knows to be secret, and it doesn't know RedBeat's URL.
    """
    at = urlsplit(redis_url)
    login, _, place = at.netloc.rpartition("@")
    user, _, password = login.partition(":")
    found = {"username": unquote(user), "password": unquote(password)}
    return {
        "redbeat_redis_url": urlunsplit(at._replace(netloc=place)),
        "redbeat_redis_options": {name: value for name, value in found.items() if value},
    }


def with_database(redis_url: str, number: int) -> str:
    """The same Redis, another database."""
    base, _, tail = redis_url.rpartition("/")
    if tail.isdigit():
        return f"{base}/{number}"
    return f"{redis_url.rstrip('/')}/{number}"
