"""The control API `/control/...`: faults and forced events at run time, for tests only.

- `GET status`: clock, events, sockets, open faults.
- `GET faults`, `POST faults` with `name` and optionally `endpoint`, `p`, `n`, `seed` and the
  fault's own options, `DELETE faults` and `DELETE faults/NAME_OR_ID`.
- `POST actions/NAME` with the action's fields.
"""

from typing import Any

from aiohttp import web

from paper_exchange.server.exchange import Exchange
from paper_exchange.server.faults.actions import Actions
from paper_exchange.server.faults.catalogue import CATALOGUE, FaultError
from paper_exchange.server.rest.strict import parse_body
from paper_exchange.server.wire import dumps
from paper_exchange.types import Reject

_ADD_NAMES = {"name": "name", "endpoint": "endpoint", "p": "probability", "n": "count"}


class ControlDoor:
    """The control API. It is unsigned and has no limits.

    It answers 404 unless the server was started with `--control`.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._actions = Actions(exchange)
        exchange.timed.run = self._actions.run

    async def answer(self, request: web.BaseRequest, path: str) -> web.Response:
        """Answers one control request.

        The status is 404 for an unknown control and 400 for a refused one.
        """
        if not self._exchange.settings.control:
            return web.Response(status=404, text="404 page not found")
        try:
            body = parse_body(await request.read())
            result = self._route(request.method, path.removeprefix("/control/"), body)
        except (FaultError, Reject, ArithmeticError) as error:
            return _json({"error": str(error)}, 400)
        if result is None:
            return _json({"error": f"no such control: {request.method} {path}"}, 404)
        return _json(result)

    def _route(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        room, _, item = path.partition("/")
        if room == "status" and method == "GET":
            return self._status()
        if room == "faults":
            return self._faults(method, item, body)
        if room == "actions" and method == "POST" and item:
            return self._actions.run(item, body)
        return None

    def _faults(self, method: str, item: str, body: dict[str, Any]) -> dict[str, Any] | None:
        faults = self._exchange.faults
        if method == "GET":
            return {
                "active": [fault.describe() for fault in faults.active],
                "known": {name: kind.about for name, kind in CATALOGUE.items()},
                "actions": sorted(self._actions.table),
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


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(status=status, text=dumps(value), content_type="application/json")
