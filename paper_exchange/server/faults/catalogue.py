"""The catalogue of named faults, and the board on which they are switched on and off."""

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from paper_exchange.errors import PaperExchangeError

Point = Literal["before", "after", "auth", "socket", "stream", "state", "order", "timed"]
"""The point at which a fault strikes.

It is before or after a REST request takes effect, at sign-in, on a WebSocket, on a private or
public stream's message, at an order that has come into effect, or at a time of its own. A `state`
lasts while the fault is switched on.
"""


class FaultError(PaperExchangeError):
    """A fault description names something that doesn't exist or has a value out of range."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One row of the catalogue; `options` are its own numbers with their defaults."""

    point: Point
    about: str
    options: Mapping[str, float] = field(default_factory=dict)


_TIMES = {"after_ms": 0.0, "every_ms": 0.0}

CATALOGUE: Mapping[str, FaultKind] = {
    # REST, nothing has happened yet
    "drop_before": FaultKind("before", "swallows the request, no answer", {"hold_ms": 60_000}),
    "reset_before": FaultKind("before", "resets the connection before processing"),
    "delay_before": FaultKind("before", "processes late", {"ms": 2000}),
    "code_10000": FaultKind("before", "retCode 10000 (server timeout), no effect"),
    "code_10016": FaultKind("before", "retCode 10016 (server error), no effect"),
    "code_10002": FaultKind("before", "retCode 10002 as by clock skew", {"skew_ms": 6000}),
    "http_429": FaultKind("before", "HTTP 429, system protection"),
    "http_403": FaultKind("before", "HTTP 403 and a ban of the address", {"seconds": 600}),
    "http_500": FaultKind("before", "HTTP 500 without JSON, no effect"),
    "html": FaultKind("before", "a gateway's HTML page with status 200, no effect"),
    "rate_limit": FaultKind("before", "10006, reset time in the future", {"ms": 500}),
    "rate_limit_past": FaultKind("before", "10006, reset time in the past", {"ms": 500}),
    "rate_limit_no_header": FaultKind("before", "10006 without its headers"),
    # REST, the request took effect
    "drop_after": FaultKind("after", "takes effect, no answer", {"hold_ms": 60_000}),
    "reset_after": FaultKind("after", "takes effect, then resets the connection"),
    "delay_after": FaultKind("after", "takes effect, answers late", {"ms": 2000}),
    "code_10000_effect": FaultKind("after", "retCode 10000 although it took effect"),
    "code_10016_effect": FaultKind("after", "retCode 10016 although it took effect"),
    "http_500_effect": FaultKind("after", "HTTP 500 although it took effect"),
    "html_effect": FaultKind("after", "an HTML page although it took effect"),
    "truncated_json": FaultKind("after", "takes effect, half of the JSON answer"),
    # sign-in
    "clock_skew": FaultKind("state", "the server's clock is ahead of ours", {"ms": 6000}),
    "auth_refusal": FaultKind("auth", "refuses keys, REST and WebSocket", {"code": 10003}),
    # records
    "realtime_lag": FaultKind("state", "order/realtime shows the past", {"ms": 1000}),
    "history_lag": FaultKind("state", "history and executions show the past", {"ms": 2000}),
    # the endpoint filter is the orderLinkId
    "hidden_orders": FaultKind("state", "lists hide an order while it is young", {"ms": 5000}),
    "forgotten_orders": FaultKind("state", "no list and no stream knows an order"),
    "ids_of_others": FaultKind(
        "state",
        "lists and streams show somebody else's older order under the id",
        {"factor": 10, "age_s": 86_400},
    ),
    # stop orders; the endpoint filter is the symbol
    "stops_never_trigger": FaultKind("state", "stop orders wait, whatever the price does"),
    "stops_do_not_fill": FaultKind("state", "stop orders trigger and find nothing to fill"),
    "strict_decimals": FaultKind("state", "refuses numbers with zeros behind the last digit"),
    # streams; the endpoint filter is the topic
    "duplicate_execution": FaultKind("stream", "sends an execution twice"),
    "late_execution": FaultKind("stream", "holds an execution back behind the next message"),
    "double_filled": FaultKind("stream", "sends the Filled record again, as a lost cancel"),
    "stream_gap": FaultKind("stream", "loses a message of a stream"),
    "stream_delay": FaultKind("stream", "delays a message of a stream", {"ms": 1000}),
    # sockets; the endpoint filter is `public`, `private` or `trade`
    "ws_silence": FaultKind("state", "neither data nor pongs while it lasts"),
    "ws_refuse": FaultKind("state", "refuses WebSocket connects while it lasts"),
    "connect_refuse": FaultKind("state", "resets every new HTTP request while it lasts"),
    "ws_close": FaultKind("socket", "closes the socket properly at a client's frame"),
    "ws_abort": FaultKind("socket", "aborts the socket at a client's frame"),
    "crash_after_partial_fill": FaultKind(
        "stream", "aborts all sockets and is gone after a partial fill", {"seconds": 3}
    ),
    # orders that rest; the endpoint filter is the symbol
    "forced_cancel_admin": FaultKind("order", "CancelByAdmin", {"after_ms": 100}),
    "forced_cancel_reduce_only": FaultKind("order", "CancelByReduceOnly", {"after_ms": 100}),
    "forced_cancel_liq": FaultKind("order", "CancelAllBeforeLiq", {"after_ms": 100}),
    # at a time of their own; the endpoint filter is the symbol, n says how often
    "cache_restart": FaultKind("timed", "order/realtime forgets closed orders", dict(_TIMES)),
    "tick_change": FaultKind("timed", "the tick grows by a factor", {**_TIMES, "factor": 10}),
    "min_qty_change": FaultKind("timed", "the minimum grows", {**_TIMES, "factor": 10}),
    "delivering": FaultKind("timed", "the instrument becomes Delivering", dict(_TIMES)),
    "funding": FaultKind("timed", "settles funding at a rate", {**_TIMES, "rate": 0.001}),
    "liquidation": FaultKind("timed", "liquidates the position", dict(_TIMES)),
    "adl": FaultKind("timed", "auto-deleverages a share", {**_TIMES, "share": 0.5}),
    "foreign_order": FaultKind("timed", "an order that rests, not ours", dict(_TIMES)),
    "foreign_position": FaultKind("timed", "a market buy, not ours", dict(_TIMES)),
}


@dataclass(slots=True, eq=False)
class Fault:
    """A fault that is switched on."""

    id: int
    name: str
    endpoint: str
    probability: float
    remaining: int | None
    seed: int
    options: dict[str, float]
    fired: int = 0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def strikes(self, endpoint: str) -> bool:
        """Whether the fault acts on this request. It counts each act."""
        if self.remaining == 0 or not fnmatchcase(endpoint, self.endpoint):
            return False
        if self.probability < 1 and self._random.random() >= self.probability:
            return False
        if self.remaining is not None:
            self.remaining -= 1
        self.fired += 1
        return True

    def describe(self) -> dict[str, object]:
        """The fault as the control interface shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "endpoint": self.endpoint,
            "p": self.probability,
            "n": self.remaining,
            "seed": self.seed,
            "fired": self.fired,
            **self.options,
        }


class FaultBoard:
    """The faults that are switched on. While there are none, a question costs one look-up."""

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        self._ids = itertools.count(1)
        self._active: list[Fault] = []
        self._by_point: dict[str, list[Fault]] = {}
        self.hidden: dict[str, int | None] = {}
        """Orders that the lists hide, by order id: until an exchange time in ms, or for ever."""
        self.on_change: Callable[[], None] = _nothing
        """Called after every switch. It sets the states that the engine must know."""

    def add(
        self,
        name: str,
        endpoint: str = "*",
        probability: float = 1.0,
        count: int | None = None,
        seed: int | None = None,
        options: Mapping[str, float] | None = None,
    ) -> Fault:
        """Switches a fault on for the endpoints that match a pattern.

        `count` is the number of times that it acts. Default: None, without end. Raises FaultError
        for an unknown name, an impossible probability or a bad option.
        """
        kind = CATALOGUE.get(name)
        if kind is None:
            raise FaultError(f"unknown fault {name!r}; known: {', '.join(sorted(CATALOGUE))}")
        if not 0 < probability <= 1:
            raise FaultError(f"{name}: p must be above 0 and at most 1")
        if count is not None and count < 1:
            raise FaultError(f"{name}: n must be at least 1")
        given = dict(options or {})
        unknown = given.keys() - kind.options.keys()
        if unknown:
            known = ", ".join(kind.options) or "none"
            raise FaultError(f"{name}: unknown option {min(unknown)}; it has: {known}")
        number = next(self._ids)
        chosen = self._seed + number if seed is None else seed
        merged = {**kind.options, **given}
        fault = Fault(number, name, endpoint, probability, count, chosen, merged)
        self._active.append(fault)
        self._by_point.setdefault(kind.point, []).append(fault)
        self.on_change()
        return fault

    def remove(self, which: str | None = None) -> int:
        """Switches faults off by id or name, or all of them; returns their number."""
        gone = [f for f in self._active if which in (None, f.name, str(f.id))]
        self._active = [f for f in self._active if f not in gone]
        for faults in self._by_point.values():
            faults[:] = [f for f in faults if f not in gone]
        self.on_change()
        return len(gone)

    @property
    def active(self) -> tuple[Fault, ...]:
        """The faults that are on, oldest first."""
        return tuple(self._active)

    def of(self, point: Point) -> tuple[Fault, ...]:
        """The faults that act at a point."""
        return tuple(self._by_point.get(point, ()))

    def strike(self, point: Point, endpoint: str) -> Fault | None:
        """The first fault of this point that strikes now, in the order of switching on."""
        faults = self._by_point.get(point)
        if faults:
            for fault in faults:
                if fault.strikes(endpoint):
                    return fault
        return None

    def strike_named(self, point: Point, name: str, endpoint: str) -> Fault | None:
        """The first fault of a name that acts on this request, or None."""
        faults = self._by_point.get(point)
        if faults:
            for fault in faults:
                if fault.name == name and fault.strikes(endpoint):
                    return fault
        return None

    def option(self, name: str, option: str, endpoint: str = "*") -> float | None:
        """A number of a lasting fault; None while the fault is off."""
        for fault in self._by_point.get("state", ()):
            if fault.name == name and (endpoint == "*" or fnmatchcase(endpoint, fault.endpoint)):
                return fault.options[option]
        return None

    def lasting(self, name: str, endpoint: str) -> bool:
        """Whether a lasting fault of this name is on for the endpoint.

        Asking does not use it up.
        """
        faults = self._by_point.get("state", ())
        return any(f.name == name and fnmatchcase(endpoint, f.endpoint) for f in faults)


def _nothing() -> None:
    return None


def parse_fault(text: str) -> dict[str, Any]:
    """`NAME[:endpoint][:p=0.1][:n=3][:seed=7][:ms=500]` as arguments of `FaultBoard.add`."""
    name, *parts = text.split(":")
    arguments: dict[str, Any] = {"name": name}
    options: dict[str, float] = {}
    for part in parts:
        label, equals, value = part.partition("=")
        if not equals:
            if "endpoint" in arguments:
                raise FaultError(f"{text}: two endpoints given")
            arguments["endpoint"] = part
            continue
        try:
            number = float(value)
        except ValueError:
            raise FaultError(f"{text}: {label} must be a number") from None
        if label == "p":
            arguments["probability"] = number
        elif label in ("n", "seed"):
            arguments["count" if label == "n" else "seed"] = int(number)
        else:
            options[label] = number
    arguments["options"] = options
    return arguments
