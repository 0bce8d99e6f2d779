"""WebSocket order entry: the order endpoints under other names, with the same budget and faults."""

from typing import Any

from paper_exchange.server.auth import check_window
from paper_exchange.server.call import Endpoint
from paper_exchange.server.clock import wall_ms
from paper_exchange.server.faults.catalogue import Fault
from paper_exchange.server.pipeline import Outcome, limit_headers, perform
from paper_exchange.server.rest.http import ENDPOINTS, ignored_header
from paper_exchange.server.streams.sockets import Connection
from paper_exchange.server.wire import dumps
from paper_exchange.types import Reject

OPS: dict[str, Endpoint] = {
    f"order.{name}": ENDPOINTS[f"/v5/order/{name}"]
    for name in ("create", "amend", "cancel", "create-batch", "amend-batch", "cancel-batch")
}
MAX_REQ_ID = 36
REMEMBERED_REQ_IDS = 10_000


class TradeConnection(Connection):
    """A connection to `/v5/trade`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._req_ids: dict[str, None] = {}

    def pong(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a ping, in the form of this path."""
        frame = {
            "retCode": 0,
            "retMsg": "OK",
            "op": "pong",
            "data": [str(wall_ms())],
            "connId": self.id,
        }
        return {"reqId": message["reqId"], **frame} if "reqId" in message else frame

    def refuse(self, message: dict[str, Any], text: str) -> None:
        """Answers a request with code 10001 and its reason."""
        self._answer(message, Outcome(10001, text, {}, {}, None))

    def sign_in(self, message: dict[str, Any]) -> None:
        """Authenticates the socket, once."""
        code, text = 0, "OK"
        if self.key is not None:
            code, text = 20001, "Repeat auth"
        else:
            try:
                self.key = self.authenticate(message)
            except Reject as refusal:
                code, text = refusal.ret_code, refusal.ret_msg
        frame = {"retCode": code, "retMsg": text, "op": "auth", "connId": self.id}
        if "reqId" in message:
            frame = {"reqId": message["reqId"], **frame}
        self.ack(frame)

    def other(self, message: dict[str, Any]) -> None:
        """Performs an order operation, or answers that it is unknown."""
        endpoint = OPS.get(str(message.get("op")))
        if endpoint is None:
            self._answer(message, Outcome(10404, "op type is not found", {}, {}, None))
            return
        fault = self.exchange.faults.strike("before", f"trade/{message['op']}")
        if fault is not None and self._before(message, fault):
            return
        outcome = self._perform(message, endpoint)
        if outcome.ret_code == 0:
            fault = self.exchange.faults.strike("after", f"trade/{message['op']}")
            if fault is not None:
                self._after(message, fault, outcome)
                return
        self._answer(message, outcome)

    def _perform(self, message: dict[str, Any], endpoint: Endpoint) -> Outcome:
        try:
            params = self._checked(message)
        except Reject as refusal:
            return Outcome(refusal.ret_code, refusal.ret_msg, {}, {}, None)
        return perform(self.exchange, endpoint, self.key, params, query=False)

    def _checked(self, message: dict[str, Any]) -> dict[str, Any]:
        if self.key is None:
            raise Reject(10003, "Request not authorized")
        req_id = message.get("reqId", "")
        if not isinstance(req_id, str) or len(req_id) > MAX_REQ_ID:
            raise Reject(10001, "params error: reqId invalid")
        if req_id:
            if req_id in self._req_ids:
                raise Reject(20006, "reqId is duplicated")
            self._req_ids[req_id] = None
            if len(self._req_ids) > REMEMBERED_REQ_IDS:
                del self._req_ids[next(iter(self._req_ids))]
        header = message.get("header")
        if not isinstance(header, dict):
            raise Reject(10001, "params error: header is required")
        check_window(
            str(header.get("X-BAPI-TIMESTAMP", "")),
            str(header.get("X-BAPI-RECV-WINDOW", "")),
            self.exchange.wall_ms(),
        )
        args = message.get("args")
        if not isinstance(args, list) or len(args) != 1 or not isinstance(args[0], dict):
            raise Reject(10001, "params error: args must hold one object")
        return args[0]

    def _answer(self, message: dict[str, Any], outcome: Outcome, extra_delay: float = 0.0) -> None:
        op, req_id = message.get("op"), message.get("reqId")
        frame: dict[str, Any] = {"reqId": req_id} if isinstance(req_id, str) else {}
        frame |= {
            "retCode": outcome.ret_code,
            "retMsg": outcome.ret_msg,
            "op": op if isinstance(op, str) else "",
            "data": outcome.result,
            "retExtInfo": outcome.ret_ext,
            "header": {
                **limit_headers(self.exchange, outcome.usage),
                "Traceid": self.exchange.trace_id(),
                "Timenow": str(wall_ms()),
                **ignored_header(outcome),
            },
            "connId": self.id,
        }
        delay = self.exchange.settings.trade_ack_delay_seconds + extra_delay
        self.later(delay, self.send, dumps(frame))

    def _before(self, message: dict[str, Any], fault: Fault) -> bool:
        """Applies a fault before the request.

        Returns True if the request is not to be processed now.
        """
        name = fault.name
        if name == "delay_before":
            delay = fault.options["ms"] / 1000
            self.later(delay, self._late, message)
        elif name == "reset_before":
            self.abort()
        elif name.startswith("rate_limit"):
            self._answer(message, Outcome(10006, "Too many visits.", {}, {}, None))
        elif name == "http_429":
            self._answer(message, Outcome(10429, "System level frequency protection", {}, {}, None))
        elif name.startswith("code_"):
            self._answer(message, Outcome(int(name[-5:]), "Server error.", {}, {}, None))
        return True

    def _late(self, message: dict[str, Any]) -> None:
        endpoint = OPS[message["op"]]
        self._answer(message, self._perform(message, endpoint))

    def _after(self, message: dict[str, Any], fault: Fault, outcome: Outcome) -> None:
        name = fault.name
        if name == "delay_after":
            self._answer(message, outcome, fault.options["ms"] / 1000)
        elif name == "reset_after":
            self.abort()
        elif name.startswith("code_"):
            code = 10000 if "10000" in name else 10016
            self._answer(message, Outcome(code, "Server error.", {}, {}, outcome.usage))
        # Every other fault of an answer loses the answer here.
