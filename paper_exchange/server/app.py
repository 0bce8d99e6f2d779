"""Assembles market, engine and endpoints into a server on one port."""

import logging
import ssl
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from paper_exchange.server.clock import wall_ms
from paper_exchange.server.exchange import Exchange
from paper_exchange.server.faults.control import ControlDoor
from paper_exchange.server.faults.scenario import read_scenario
from paper_exchange.server.rest.http import RestDoor, abort, forbidden
from paper_exchange.server.streams.sockets import Connection, QuietConnection
from paper_exchange.server.streams.trade_socket import TradeConnection
from paper_exchange.types import Category

log = logging.getLogger(__name__)

PUBLIC_PATHS: Mapping[str, Category] = {"/v5/public/linear": "linear", "/v5/public/spot": "spot"}
QUIET_PATHS = frozenset({"/v5/public/inverse", "/v5/public/option", "/v5/public/misc/status"})
"""Public sockets without any events here."""
SHUTDOWN_SECONDS = 1.0


class PaperServer:
    """HTTP and WebSocket, with TLS or without, on one port of one event loop."""

    def __init__(self, exchange: Exchange, scenario: Path | None = None) -> None:
        self.exchange = exchange
        self._rest = RestDoor(exchange)
        self._control = ControlDoor(exchange)
        self._scenario = scenario
        self._server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=SHUTDOWN_SECONDS)
        self.port = 0

    @property
    def url(self) -> str:
        """The base address of REST."""
        settings = self.exchange.settings
        scheme = "http" if settings.tls_certificate is None else "https"
        return f"{scheme}://{settings.host}:{self.port}"

    async def start(self) -> None:
        """Opens the market, then the port: the first request finds books and prices.

        Raises OSError when the certificate can't be read or the port is taken, and ScenarioError
        for a bad scenario.
        """
        settings = self.exchange.settings
        context = None
        if settings.tls_certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(settings.tls_certificate, settings.tls_key)
        steps = None
        if self._scenario is not None:
            steps = read_scenario(self._scenario, self._control.action_names)
        self.exchange.venue.open()
        await self._runner.setup()
        site = web.TCPSite(self._runner, settings.host, settings.port, ssl_context=context)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.exchange.venue.start()
        self.exchange.timed.start()
        if steps is not None:
            self._control.start_scenario(steps)

    async def stop(self) -> None:
        """Stops the market, closes all sockets properly, closes the port."""
        self.exchange.venue.stop()
        self.exchange.public.close()
        self.exchange.dcp.close()
        self.exchange.timed.close()
        for connection in list(self.exchange.connections):
            await connection.close()
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        if path == "/" or path.startswith("/control/"):
            return await self._control.answer(request, path)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request, path)
        return await self._rest.answer(request)

    async def _socket(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        exchange = self.exchange
        connection: Connection
        if path in PUBLIC_PATHS:
            connection = Connection(exchange, request, "public", PUBLIC_PATHS[path])
        elif path in QUIET_PATHS:
            connection = QuietConnection(exchange, request, "public")
        elif path == "/v5/private":
            connection = Connection(exchange, request, "private")
        elif path == "/v5/trade":
            connection = TradeConnection(exchange, request, "trade")
        else:
            return web.Response(status=404, text="404 page not found")
        if exchange.faults.lasting("ws_refuse", connection.kind):
            return abort(request)
        if not exchange.connect_limiter.allow(exchange.callers.name_of(request), wall_ms()):
            return forbidden()
        exchange.connections.add(connection)
        try:
            return await connection.run()
        finally:
            exchange.connections.discard(connection)
