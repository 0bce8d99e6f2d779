"""The control door `/control/...`: faults and forced events at run time, for tests only."""

from aiohttp import web

from bot.exchange.paper.server.exchange import Exchange
from bot.exchange.paper.server.faults import CATALOGUE, FaultError
from bot.exchange.paper.server.strict import parse_body
from bot.exchange.paper.server.wire import dumps
from bot.exchange.paper.types import Reject


class ControlDoor:
    """Unsigned, unlimited; answers 404 unless the server was started with `--control`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def answer(self, request: web.BaseRequest, path: str) -> web.Response:
        if not self._exchange.settings.control:
            return web.Response(status=404, text="404 page not found")
        try:
            body = parse_body(await request.read())
            result = self._route(request.method, path.removeprefix("/control/"), body)
        except (FaultError, Reject) as error:
            return _json({"error": str(error)}, 400)
        if result is None:
            return _json({"error": f"no such control: {request.method} {path}"}, 404)
        return _json(result)

    def _route(self, method: str, path: str, body: dict[str, object]) -> dict[str, object] | None:
        faults = self._exchange.faults
        if path == "faults" and method == "GET":
            return {
                "active": [fault.describe() for fault in faults.active],
                "known": {name: kind.about for name, kind in CATALOGUE.items()},
            }
        return None


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(status=status, text=dumps(value), content_type="application/json")
