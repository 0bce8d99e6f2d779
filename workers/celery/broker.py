"""The Celery application of processes that only pass messages on: beat and Flower.

`celery -A workers.celery.broker beat …`. Both know the broker and the schedule. Beat also knows
Postgres, where it records dropped entries. Both start without any key.
"""

from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging

from config.celery import celery_settings
from config.settings import load_keyless_settings
from workers.celery.refused_writes import count_as_away
from workers.celery.schedule import beat_schedule
from workers.logs import configure_logging
from workers.supervision import readiness

_settings = load_keyless_settings()
app = Celery("mlrisk")
app.conf.update(celery_settings(_settings.require_redis_url()))
# Neither takes messages, so that neither may give workers' unacknowledged messages back to a queue.
app.conf.broker_transport_options |= {"ack_emulation": False}
app.conf.beat_schedule = beat_schedule()
count_as_away()


@setup_logging.connect
def _configure_logging(**_: Any) -> None:
    configure_logging(_settings.log_format)


@beat_init.connect
def _announce(**_: Any) -> None:
    readiness.announce()
