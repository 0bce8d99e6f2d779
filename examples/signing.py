"""How a strategy signs its requests, with nothing but the standard library.

`mlrisk strategy key NAME` writes the strategy's key, a line `generation:key`. Where keys of
messages are on, a request counts only under a strategy's own name and until its signature ends:

    app.send_task(TASK, queue="validation", **signed(request, key))
"""

import hashlib
import hmac
import json
import secrets
import time
from typing import Any

TASK = "tasks.validation.validate_and_execute"


def signed(request: dict[str, Any], key: str, seconds: float = 300) -> dict[str, Any]:
    """What `send_task` is given beside the task's name: the request as text, and its proof."""
    generation, _, secret = key.strip().partition(":")
    text = json.dumps(request)
    said = {
        "strategy": request["metadata"]["strategy"],
        "generation": int(generation),
        "request_id": request["request_id"],
        "nonce": secrets.token_hex(16),
        "expires": int(time.time() + seconds),
    }
    parts = [part.encode() for part in (TASK, *map(str, said.values()), text)]
    message = b"".join(b"%d:%s" % (len(part), part) for part in parts)
    mac = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    return {"args": [text], "headers": {"mlrisk_auth": {**said, "mac": mac}}}
