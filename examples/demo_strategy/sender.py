"""Enqueues requests with mlrisk by task name: a plain Celery client, no code of mlrisk."""

import json
import logging
import queue
import threading
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from examples.signing import TASK, signed

log = logging.getLogger(__name__)

QUEUE = "validation"
_RETRY_SECONDS = 1.0


class Sender(threading.Thread):
    """Publishes in its own thread, so that a stopped broker does not stop the market's clock.

    A publish that failed may still have arrived. It is repeated with the same `request_id`, for
    which mlrisk answers with the first outcome, until the request has expired.
    """

    def __init__(self, broker_url: str, key: str | None = None) -> None:
        """Without a `key` requests are sent unsigned, which production refuses."""
        super().__init__(name="sender", daemon=True)
        self._app = Celery("demo-strategy", broker=broker_url, set_as_current=False)
        self._app.conf.update(
            task_serializer="json",
            task_ignore_result=True,
            broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 5},
        )
        self._key = key
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue(1000)
        self._stopping = threading.Event()
        self.sent = 0
        self.dropped = 0

    def submit(self, request: dict[str, Any]) -> bool:
        """False when too many requests wait already; the signal is then lost, and said so."""
        try:
            self._waiting.put_nowait(request)
        except queue.Full:
            self._drop(request, "too many requests wait for the broker")
            return False
        return True

    def close(self, timeout: float = 10.0) -> None:
        """Sends what waits, gives up on what can't be sent at once, and closes the connection."""
        self._stopping.set()
        self._waiting.put(None)
        self.join(timeout)
        self._app.close()

    def run(self) -> None:
        while (request := self._waiting.get()) is not None:
            self._publish(request)

    def _publish(self, request: dict[str, Any]) -> None:
        while datetime.now(UTC) < datetime.fromisoformat(request["expires_at"]):
            try:
                given = {"args": [request]} if self._key is None else signed(request, self._key)
                self._app.send_task(TASK, queue=QUEUE, retry=False, **given)
            except (OperationalError, OSError) as error:
                log.warning("broker not reachable: %s", type(error).__name__)
                if self._stopping.wait(_RETRY_SECONDS):
                    break
                continue
            self.sent += 1
            log.info(_line("request_sent", request))
            return
        self._drop(request, "not accepted by the broker in time")

    def _drop(self, request: dict[str, Any], why: str) -> None:
        self.dropped += 1
        log.warning(_line("request_dropped", request, why=why))


def _line(event: str, request: dict[str, Any], **more: str) -> str:
    predictions = request["ml_predictions"]
    return json.dumps(
        {
            "event": event,
            "request_id": request["request_id"],
            "symbol": request["symbol"],
            "side": request["side"],
            "position_size": request["signal_data"]["position_size"],
            "algorithm": request["signal_data"]["algorithm"],
            "confidence": predictions["confidence"],
            "uncertainty": predictions["uncertainty"],
            "agreement": predictions["ensemble_agreement"],
            "stability": predictions["prediction_stability"],
            "price": request["market_data"]["price"],
        }
        | more
    )
