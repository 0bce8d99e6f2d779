"""What the services of one process share is made once."""

import os

from config.celery import MARKET_DATABASE
from tasks.bootstrap import Services


def test_services_share_one_database_one_queue_and_one_limiter(services: Services) -> None:
    for deps in (services.deps, services.account_deps):
        assert services.db is deps.db
        assert services.task_queue is deps.task_queue
    assert services.rate_limiter is services.rate_limiter
    assert services.deps.account == services.settings.account


def test_the_market_lies_in_a_database_of_redis_of_its_own(services: Services) -> None:
    arguments = services.market._client.connection_pool.connection_kwargs
    assert arguments["db"] == MARKET_DATABASE
    # A decision never waits long for Redis.
    assert arguments["socket_timeout"] <= 1


def test_a_process_is_named_by_its_machine_and_its_number(services: Services) -> None:
    assert services.owner.endswith(f":{os.getpid()}")
