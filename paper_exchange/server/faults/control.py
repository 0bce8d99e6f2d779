"""The control API `/control/...` and the status page `/`: faults and forced events, for tests.

- `GET status`: clock, events, sockets, open faults.
- `GET faults`, `POST faults` with `name` and optionally `endpoint`, `p`, `n`, `seed` and the
  fault's own options, `DELETE faults` and `DELETE faults/NAME_OR_ID`.
- `POST actions/NAME` with the action's fields.
- `POST scenario` with a scenario, as its file has it; `GET scenario/schema`.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from paper_exchange.server.exchange import Exchange
from paper_exchange.server.faults.actions import Actions
from paper_exchange.server.faults.catalogue import CATALOGUE, FaultError
from paper_exchange.server.faults.scenario import (
    ALL,
    ScenarioError,
    ScenarioRunner,
    Step,
    parse_scenario,
    schema,
)
from paper_exchange.server.rest.strict import parse_body
from paper_exchange.server.status_page import page
from paper_exchange.server.wire import dumps
from paper_exchange.types import Reject

FORM = "/control/form/"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_ADD_NAMES = {"name": "name", "endpoint": "endpoint", "p": "probability", "n": "count"}


class ControlDoor:
    """The control API. It is unsigned and has no limits.

    It answers 404 unless the server was started with `--control`.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._actions = Actions(exchange)
        exchange.timed.run = self._actions.run
        self._scenario = ScenarioRunner(self._perform, exchange.venue.journal)
        exchange.venue.on_time = self._scenario.on_time
        exchange.timed.on_orders = self._scenario.on_private

    @property
    def action_names(self) -> list[str]:
        """The names of the actions, in order."""
        return sorted(self._actions.table)

    def start_scenario(self, steps: Sequence[Step]) -> None:
        """Begins a scenario now. An earlier one ends."""
        self._scenario.start(steps, self._exchange.venue.now_ms)

    def _perform(self, step: Step) -> object:
        if step.deed == "fault":
            return self._switch_on({"name": step.name, **step.fields})
        if step.deed == "clear":
            return self._exchange.faults.remove(None if step.name == ALL else step.name)
        return self._actions.run(step.name, step.fields)

    async def answer(self, request: web.BaseRequest, path: str) -> web.Response:
        """Answers one control request.

        The status is 404 for an unknown control and 400 for a refused one.
        """
        if not self._exchange.settings.control:
            return web.Response(status=404, text="404 page not found")
        if is_foreign(request.headers):
            return _json({"error": "a page of another site may not control the exchange"}, 403)
        if path == "/":
            return web.Response(
                text=page(self._exchange, self._actions.table), content_type="text/html"
            )
        try:
            if path.startswith(FORM):
                return self._form(path.removeprefix(FORM), await request.read())
            body = parse_body(await request.read())
            result = self._route(request.method, path.removeprefix("/control/"), body)
        except (FaultError, Reject, ScenarioError, ArithmeticError) as error:
            return _json({"error": str(error)}, 400)
        if result is None:
            return _json({"error": f"no such control: {request.method} {path}"}, 404)
        return _json(result)

    def _form(self, path: str, data: bytes) -> web.Response:
        """Does what a button of the status page asks for, and shows the page again."""
        fields = dict(parse_qsl(data.decode("utf-8", "replace")))
        room, _, item = path.partition("/")
        if room == "actions":
            self._actions.run(item, _typed(fields, {"ms", "rest_after_ms"}))
        elif room == "off":
            self._exchange.faults.remove()
        elif room == "faults" and item.startswith("off/"):
            self._exchange.faults.remove(item.removeprefix("off/"))
        elif room == "faults":
            self._switch_on(_typed(fields, {"n"}))
        return web.Response(status=303, headers={"Location": "/"})

    def _route(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        room, _, item = path.partition("/")
        if room == "status" and method == "GET":
            return self._status()
        if room == "faults":
            return self._faults(method, item, body)
        if room == "actions" and method == "POST" and item:
            return self._actions.run(item, body)
        if room == "scenario":
            return self._scenarios(method, item, body)
        return None

    def _scenarios(self, method: str, item: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if method == "GET" and item == "schema":
            return schema(self._actions.table)
        if method == "POST" and not item:
            self.start_scenario(parse_scenario(body, self._actions.table))
        elif method != "GET" or item:
            return None
        return {"left": self._scenario.left}

    def _faults(self, method: str, item: str, body: dict[str, Any]) -> dict[str, Any] | None:
        faults = self._exchange.faults
        if method == "GET":
            return {
                "active": [fault.describe() for fault in faults.active],
                "known": {name: kind.about for name, kind in CATALOGUE.items()},
                "actions": self.action_names,
            }
        if method == "POST":
            return self._switch_on(body)
        if method == "DELETE":
            removed = faults.remove(item or None)
            return {"removed": removed}
        return None

    def _switch_on(self, body: dict[str, Any]) -> dict[str, Any]:
        arguments = {_ADD_NAMES.get(k, k): v for k, v in body.items() if k in (*_ADD_NAMES, "seed")}
        options = {k: v for k, v in body.items() if k not in (*_ADD_NAMES, "seed")}
        if not isinstance(arguments.get("name"), str):
            raise FaultError("name is required")
        for name, value in (*arguments.items(), *options.items()):
            if name not in ("name", "endpoint") and not isinstance(value, int | float):
                raise FaultError(f"{name} must be a number")
        fault = self._exchange.faults.add(**arguments, options=options)
        return fault.describe()

    def _status(self) -> dict[str, Any]:
        venue = self._exchange.venue
        return {
            "now": venue.catch_up(),
            "events": venue.events_applied,
            "sockets": [
                {"kind": c.kind, "topics": sorted(c.topics)} for c in self._exchange.connections
            ],
            "faults": [fault.describe() for fault in self._exchange.faults.active],
        }


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether a browser sent the request for another site, or under a name that isn't ours.

    A page of any site can post to a loopback port. The name is checked because a foreign name may
    be made to point to the loopback address.
    """
    host = headers.get("Host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name.strip("[]") not in LOOPBACK:
        return True
    origin = headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != host


def _typed(fields: Mapping[str, str], numbers: set[str]) -> dict[str, Any]:
    """The fields of a form that are filled in, with whole numbers where an action wants them."""
    try:
        return {
            name: int(value) if name in numbers else value
            for name, value in fields.items()
            if value
        }
    except ValueError as error:
        raise FaultError(f"not a whole number: {error}") from error


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(status=status, text=dumps(value), content_type="application/json")
