"""The Celery application: `celery -A workers.celery.app worker -Q execution …`."""

import gc
import logging
import os
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.signals import (
    setup_logging,
    worker_init,
    worker_process_init,
    worker_ready,
)

import tasks.bootstrap
from bot.clock import SystemClock
from config.celery import STRATEGY_QUEUE, celery_settings
from config.settings import load_settings
from tasks.startup import prove_identity, prove_limits, require_message_key, tell_powers
from workers.celery.cleaning import clean_and_record
from workers.celery.commands import obey_little
from workers.celery.dying import count_deaths
from workers.celery.reading import read_json_strictly
from workers.celery.refused_writes import count_as_away
from workers.celery.transport import look_at_every_item
from workers.celery.watching import watch_itself
from workers.logs import configure_logging
from workers.supervision import readiness
from workers.supervision.stopping import stop_without_a_reader

if TYPE_CHECKING:
    from celery.worker import WorkController
    from celery.worker.consumer import Consumer

log = logging.getLogger(__name__)

app = Celery(
    "mlrisk",
    include=[
        "tasks.validation",
        "tasks.execution",
        "tasks.monitoring",
        "tasks.emergency",
        "tasks.reporting",
    ],
)
app.conf.update(celery_settings(load_settings().require_redis_url()))
app.conf.worker_consumer = "workers.celery.reading:AnsweringConsumer"
read_json_strictly()
look_at_every_item(tasks.bootstrap.message_signatures(load_settings(), SystemClock()))
count_as_away()
app.set_default()


@setup_logging.connect
def _configure_logging(**_: Any) -> None:
    configure_logging(load_settings().log_format)


@worker_init.connect
def _prove_limits(sender: "WorkController", **_: Any) -> None:
    """Checks keys, account and limits before any message is taken. A wrong configuration ends the
    worker here."""
    settings = load_settings()
    reads_requests = STRATEGY_QUEUE in sender.app.amqp.queues.consume_from
    if reads_requests:
        require_message_key(settings)
    settings = prove_identity(settings)
    if reads_requests:
        # Again: the database's binding decides whether this is production.
        require_message_key(settings)
    prove_limits(settings)
    tell_powers(settings)


@worker_init.connect
def _clean_broker(**_: Any) -> None:
    """Drops foreign entries of Redis that would end this worker or block messages."""
    clean_and_record(load_settings())


@worker_init.connect
def _obey_little(**_: Any) -> None:
    """Removes dangerous remote commands before the worker listens to any."""
    obey_little()


@worker_init.connect
def _count_deaths(**_: Any) -> None:
    """Installs the counting of deaths before the worker builds its task handlers."""
    app.loader.import_default_modules()
    count_deaths(app)


@worker_init.connect
def _share_memory(**_: Any) -> None:
    """Hides the loaded objects from the garbage collector, so that the pool's children go on
    sharing their memory.

    Measured: a child's private memory after its first collection is 2 MB instead of 42 MB.
    """
    app.loader.import_default_modules()
    gc.collect()
    gc.freeze()


@worker_process_init.connect
def _warm_up(**_: Any) -> None:
    """Builds this child's own connections after the fork and before its first task."""
    context = tasks.bootstrap.services()
    context.db.ping()
    # With a new Redis the rate limiter counts one window, because it can't know the earlier orders.
    # It does so here and not at the first order.
    context.rate_limiter.prepare(context.settings.account)
    log.info("worker process ready", extra={"pid": os.getpid()})


@worker_ready.connect
def _stop_when_told(**_: Any) -> None:
    stop_without_a_reader()


@worker_ready.connect
def _watch_itself(sender: "Consumer", **_: Any) -> None:
    watch_itself(sender, load_settings())


@worker_ready.connect
def _announce(**_: Any) -> None:
    """Announces that this worker takes messages."""
    readiness.announce()
