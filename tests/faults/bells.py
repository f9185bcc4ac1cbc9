"""How many bells a broker was given, as Redis itself counted them, and messages made by hand."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import uuid4

import redis

JSON = "application/json"


def pushed(client: redis.Redis) -> int:
    """Messages put into lists since this Redis started: bells, and the canaries beside them."""
    found: Any = client.info("commandstats")
    return int(found.get("cmdstat_lpush", {}).get("calls", 0))


def hanging(client: redis.Redis, queues: list[str]) -> int:
    """Bells in the longest of these lists."""
    return max(int(client.llen(queue)) for queue in queues)  # type: ignore[arg-type]


def ring_through(url: str) -> None:
    """From now on this process rings there."""
    from celery_app import app
    from jobs.broker import RINGER

    RINGER.flush()
    app.conf.broker_url = app.conf.broker_write_url = url
    RINGER.hang_up()


def message(task: str, *, routing_key: str, arguments: str = "", content_type: str = JSON) -> str:
    """A message of Celery's, in the form it has in Redis; `arguments` is the body as it would be sent."""
    body = arguments or json.dumps([[], {}, {"callbacks": None, "errbacks": None, "chain": None}])
    return json.dumps(
        {
            "body": base64.b64encode(body.encode("latin-1")).decode(),
            "content-encoding": "utf-8" if content_type == JSON else "binary",
            "content-type": content_type,
            "headers": {
                "lang": "py",
                "task": task,
                "id": str(uuid4()),
                "retries": 0,
                "timelimit": [None] * 2,
            },
            "properties": {
                "correlation_id": str(uuid4()),
                "reply_to": "",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": routing_key},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid4()),
            },
        }
    )
