"""Celery's settings: queues and keys of the workers, and one Redis with four databases."""

from config.celery import HOLD_KEYS, QUEUES, WORKERS, celery_settings, with_database


def test_each_queue_has_one_worker_and_the_halts_has_nothing_else() -> None:
    served = [queue for queues in WORKERS.values() for queue in queues]
    assert sorted(served) == sorted(set(served)) == sorted(QUEUES)
    assert WORKERS["emergency"] == ("emergency",)
    assert set(WORKERS) >= HOLD_KEYS
    assert not {"validation", "dispatch", "reporting"} & HOLD_KEYS


def test_broker_results_and_beat_have_databases_of_their_own() -> None:
    found = celery_settings("redis://user:secret@host:6379")
    assert found["broker_url"] == "redis://user:secret@host:6379/0"
    assert found["result_backend"].endswith("/1")
    assert found["redbeat_redis_url"] == "redis://host:6379/2"
    assert found["redbeat_redis_options"] == {"username": "user", "password": "secret"}


def test_a_message_is_delivered_again_only_after_its_task_must_have_ended() -> None:
    found = celery_settings("redis://host")
    timeout = found["broker_transport_options"]["visibility_timeout"]
    assert found["task_soft_time_limit"] < found["task_time_limit"] < timeout
    assert found["task_acks_late"] and found["task_reject_on_worker_lost"]
    assert found["accept_content"] == ["json"]


def test_another_database_of_the_same_redis_is_named() -> None:
    assert with_database("redis://host:1/7", 3) == "redis://host:1/3"
    assert with_database("redis://host:1/", 3) == "redis://host:1/3"
    assert with_database("redis://host:1", 3) == "redis://host:1/3"
