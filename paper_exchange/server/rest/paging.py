"""Pages of row lists by opaque cursors. A cursor stays valid when new rows arrive in front."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from paper_exchange.types import Reject

_NOT_FILTERS = frozenset({"cursor", "limit"})


def page_limit(params: Mapping[str, Any], default: int, maximum: int) -> int:
    """The number of rows that a request asks for. Raises Reject when it is out of range."""
    raw = params.get("limit")
    if raw is None:
        return default
    limit = int(raw)
    if not 1 <= limit <= maximum:
        raise Reject(10001, f"params error: limit must be between 1 and {maximum}")
    return limit


def page(
    rows: Sequence[Mapping[str, Any]],
    params: Mapping[str, Any],
    *,
    default: int,
    maximum: int,
    id_field: str,
    time_field: str,
) -> tuple[list[Mapping[str, Any]], str]:
    """One page of newest-first rows and the cursor of the next one (`""` at the end).

    The cursor names the last row shown and the filters that it belongs to. It is URL-encoded as
    Bybit's cursors are. If that row has gone, the page goes on with the first older row.
    """
    limit = page_limit(params, default, maximum)
    start = 0
    if params.get("cursor"):
        start = _after(rows, params, id_field, time_field)
    chosen = list(rows[start : start + limit])
    if not chosen or start + limit >= len(rows):
        return chosen, ""
    last = chosen[-1]
    token = f"{last[id_field]}:{last.get(time_field, 0)},{_fingerprint(params):08x}"
    return chosen, quote(token, safe="")


def _after(
    rows: Sequence[Mapping[str, Any]], params: Mapping[str, Any], id_field: str, time_field: str
) -> int:
    token = unquote(str(params["cursor"]))
    # Clients differ: some send the cursor as it came, some encode it once more.
    token = unquote(token) if "%" in token else token
    position, comma, fingerprint = token.rpartition(",")
    row_id, colon, row_time = position.rpartition(":")
    if not comma or not colon or fingerprint != f"{_fingerprint(params):08x}":
        raise Reject(10001, "params error: cursor invalid")
    for index, row in enumerate(rows):
        if str(row[id_field]) == row_id:
            return index + 1
    if not row_time.isdigit():
        raise Reject(10001, "params error: cursor invalid")
    for index, row in enumerate(rows):
        if int(row.get(time_field, 0)) < int(row_time):
            return index
    return len(rows)


def _fingerprint(params: Mapping[str, Any]) -> int:
    kept = sorted((k, str(v)) for k, v in params.items() if k not in _NOT_FILTERS)
    return zlib.crc32(repr(kept).encode())
