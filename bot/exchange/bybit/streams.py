"""StreamSupervisor: keeps one stream of Bybit alive, and reports when it is not.

It builds the connection, routes its frames as typed events, watches its liveness, and rebuilds it
with a growing pause. After every (re)connection `on_gap` is called before any event of that
connection, while frames wait: nothing is replayed by the exchange, so the caller reconciles by
REST. Both callbacks run in the supervisor's thread. A callback that raises an error of bot.errors
drops the connection: the lost facts are reconciled after the next one. Any other exception is a
defect and ends the supervisor visibly (`StreamState.CRASHED`).
"""

import logging
import queue
import threading
import time
from dataclasses import dataclass
from typing import Any

from bot.errors import DependencyDown, MlriskError
from bot.exchange.bybit.config import BybitConfig
from bot.exchange.bybit.frames import (
    PRIVATE_TOPICS,
    Control,
    ControlKind,
    book_topic,
    control,
    events,
    public_topics,
)
from bot.exchange.bybit.parse import UnreadableRow
from bot.exchange.bybit.reconnects import PUBLIC_PACE, Reconnects
from bot.exchange.bybit.stream_socket import StreamSocket
from bot.exchange.bybit.subscriptions import Subscriptions
from bot.exchange.streams import OnEvent, OnGap, StreamHealth, StreamState

log = logging.getLogger(__name__)

_TICK_SECONDS = 0.1
# A broken book asks with every frame until its snapshot comes, so requests have a least interval.
_RESUBSCRIBE_SECONDS = 3.0


@dataclass(slots=True)
class _Handshake:
    """The acknowledgements that a stream still needs before it is live."""

    needs_auth: bool
    subscribed: bool = False


class StreamSupervisor:
    """Keeps one stream alive in a thread of its own, from `start` to `stop`."""

    def __init__(
        self,
        config: BybitConfig,
        topics: tuple[str, ...],
        *,
        private: bool,
        on_event: OnEvent,
        on_gap: OnGap,
        pace: Reconnects,
    ) -> None:
        self._config = config
        self._subscriptions = Subscriptions(
            topics,
            partial=not private,
            retry_first=pace.refused_first,
            retry_last=pace.refused_last,
        )
        self._private = private
        self._on_event = on_event
        self._on_gap = on_gap
        self._pace = pace
        self.name = "private" if private else "public"
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._socket: StreamSocket | None = None
        self._state = StreamState.WAITING
        self._connections = self._failures = self._frames = self._unreadable = 0
        self._last_fault: str | None = None
        self._resubscribed: dict[str, float] = {}

    def start(self) -> None:
        """Starts the thread that connects and keeps the stream alive; returns at once."""
        self._thread = threading.Thread(
            target=self._run, name=f"bybit-stream-{self.name}", daemon=True
        )
        self._thread.start()

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Ends the connection and its threads."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_seconds)
            if self._thread.is_alive():
                raise DependencyDown("the stream's thread did not end", code="stream_stuck")

    def renew_book(self, symbol: str) -> None:
        """Asks for a new snapshot of a symbol's order book."""
        self.resubscribe(book_topic(symbol))

    def resubscribe(self, topic: str) -> None:
        """Asks for a fresh snapshot of one topic; call it from `on_event`, when a book broke.

        Asking again while the answer is on its way does nothing.
        """
        now = time.monotonic()
        asked = self._resubscribed.get(topic)
        if asked is not None and now - asked < _RESUBSCRIBE_SECONDS:
            return
        self._resubscribed[topic] = now
        if self._socket is not None:
            self._socket.unsubscribe(topic)
            self._socket.subscribe([topic])

    def health(self) -> StreamHealth:
        """The stream's state and counts at this moment; safe from any thread."""
        live = self._socket if self._state is StreamState.LIVE else None
        return StreamHealth(
            name=self.name,
            state=self._state,
            connections=self._connections,
            failures=self._failures,
            frames=self._frames,
            unreadable=self._unreadable,
            silent_seconds=live.silent_seconds if live is not None else None,
            last_fault=self._last_fault,
            refused=self._subscriptions.refused,
        )

    def _run(self) -> None:
        self._state = StreamState.CRASHED  # the state if anything but `stop` ends the thread
        try:
            while not self._stopping.is_set():
                self._one_connection()
            self._state = StreamState.STOPPED
        finally:
            if self._state is not StreamState.STOPPED:
                self._state = StreamState.CRASHED
                log.critical(
                    "a stream ended with an unexpected error",
                    extra={"event": "stream_crashed", "stream": self.name},
                )

    def _one_connection(self) -> None:
        began = time.monotonic()
        self._state = StreamState.CONNECTING
        self._socket = socket = StreamSocket(self._config, private=self._private)
        try:
            socket.open(self._pace.connect, self._stopping.is_set)
            fault = self._serve(socket)
        except MlriskError as error:
            fault = str(error)
        finally:
            self._socket = None
            socket.close()
        if self._stopping.is_set():
            return
        if time.monotonic() - began > self._pace.stable:
            self._failures = 0
        pause = self._pace.pause(self._failures)
        self._failures += 1
        self._state, self._last_fault = StreamState.WAITING, fault
        log.warning(
            "stream %s is down: %s; it connects again in %.1f s",
            self.name,
            fault,
            pause,
            extra={"event": "stream_down_again_in_s"},
        )
        self._stopping.wait(pause)

    def _serve(self, socket: StreamSocket) -> str:
        """Routes frames until the connection is unusable; returns the reason."""
        handshake = _Handshake(needs_auth=self._private)
        self._subscribe_when_allowed(socket, handshake)
        # Data can overtake the last acknowledgement; it belongs after the gap callback.
        early: list[dict[str, Any]] = []
        ack_deadline = time.monotonic() + self._pace.connect
        data_at = time.monotonic()
        while not self._stopping.is_set():
            self._subscriptions.ask_again(socket)
            if not self._subscriptions.any_taken:
                data_at = time.monotonic()  # nothing is to be heard
            fault = self._fault(socket, data_at)
            if fault is None and self._state is StreamState.CONNECTING:
                fault = "not acknowledged in time" if time.monotonic() > ack_deadline else None
            if fault is not None and socket.inbox.empty():
                return fault
            try:
                frame = socket.inbox.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                continue
            answer = control(frame)
            if answer is not None:
                refusal = self._acknowledge(socket, handshake, answer)
                if refusal is not None:
                    return refusal
                if self._is_complete(handshake) and self._state is StreamState.CONNECTING:
                    self._go_live()
                    for waiting in early:
                        self._route(waiting)
                    early.clear()
                    data_at = time.monotonic()
                continue
            data_at = time.monotonic()
            if self._state is StreamState.LIVE:
                self._route(frame)
            else:
                early.append(frame)
        return "stopped"

    def _fault(self, socket: StreamSocket, data_at: float) -> str | None:
        if socket.fault is not None:
            return socket.fault
        if socket.silent_seconds > self._pace.silence:
            return f"silent for {socket.silent_seconds:.0f} s"
        limit = self._pace.data_silence
        if limit is not None and time.monotonic() - data_at > limit:
            return f"no data for {limit:.0f} s"
        return None

    def _subscribe_when_allowed(self, socket: StreamSocket, handshake: _Handshake) -> None:
        if not handshake.needs_auth and not handshake.subscribed:
            self._subscriptions.begin(socket)
            handshake.subscribed = True

    def _is_complete(self, handshake: _Handshake) -> bool:
        return handshake.subscribed and not handshake.needs_auth and self._subscriptions.complete

    def _acknowledge(
        self, socket: StreamSocket, handshake: _Handshake, answer: Control
    ) -> str | None:
        """Notes an acknowledgement; returns a refusal."""
        if answer.kind is ControlKind.AUTH:
            if not answer.ok:
                return f"auth refused: {answer.text}"
            handshake.needs_auth = False
            self._subscribe_when_allowed(socket, handshake)
        elif answer.kind is ControlKind.SUBSCRIBE:
            return self._subscriptions.answered(answer.req_id, ok=answer.ok, text=answer.text)
        return None

    def _go_live(self) -> None:
        self._connections += 1
        cause = "first connection" if self._connections == 1 else "reconnected"
        self._on_gap(cause)
        self._state = StreamState.LIVE
        log.info("stream %s is live: %s", self.name, cause, extra={"event": "stream_live"})

    def _route(self, frame: dict[str, Any]) -> None:
        self._frames += 1
        try:
            found = list(
                events(frame, category=self._config.category, settle_coin=self._config.settle_coin)
            )
        except UnreadableRow as error:
            self._unreadable += 1
            log.error(
                "a frame of %s is unreadable: %s",
                frame.get("topic"),
                error,
                extra={"event": "unreadable_frame_of"},
            )
            if self._private:
                self._on_gap("unreadable frame")  # REST will tell what the lost frames said
            return
        for event in found:
            self._on_event(event)


def private_stream(
    config: BybitConfig,
    *,
    on_event: OnEvent,
    on_gap: OnGap,
    pace: Reconnects | None = None,
) -> StreamSupervisor:
    """Orders, executions, positions and wallet of the account."""
    return StreamSupervisor(
        config,
        PRIVATE_TOPICS,
        private=True,
        on_event=on_event,
        on_gap=on_gap,
        pace=pace or Reconnects(),
    )


def public_stream(
    config: BybitConfig,
    symbols: tuple[str, ...],
    *,
    on_event: OnEvent,
    on_gap: OnGap,
    pace: Reconnects | None = None,
) -> StreamSupervisor:
    """Book, trades and ticker of the symbols."""
    return StreamSupervisor(
        config,
        public_topics(symbols),
        private=False,
        on_event=on_event,
        on_gap=on_gap,
        pace=pace or PUBLIC_PACE,
    )
