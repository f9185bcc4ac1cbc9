"""The bell as it lies in Redis: made once by Celery for each queue, hung many times under new ids.

To have Celery make it anew each time took three quarters of the time between a commit and its bell, and to
look first whether one hangs there was a trip of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

REMEMBERED = 1000
"""Of how many queues; they are named by callers."""

HANG = """
local function is_bell(entry)
    local ok, message = pcall(cjson.decode, entry or '')
    return ok and type(message) == 'table' and type(message.headers) == 'table'
        and message.headers.task == ARGV[1]
end
if is_bell(redis.call('LINDEX', KEYS[1], 0)) or is_bell(redis.call('LINDEX', KEYS[1], -1)) then
    return 1
end
if ARGV[2] then
    redis.call('LPUSH', KEYS[1], ARGV[2])
end
return 0
"""
"""Whether one hangs there; if not, and one is given, it is hung.

One is enough: whoever pops it makes a claim after our commit. Plain tasks may be in the same list: only its
two ends are looked at, where bells are put and taken.
"""

_known: dict[str, tuple[str, tuple[str, str]]] = {}


def hang_bell(
    channel: Any, queue: str, task: str, send: Callable[[], object], *, new_id: str | None = None
) -> bool:
    """Put a bell into a queue's list unless one hangs there: what `send` would put through this channel.

    Whether it was put there.
    """
    if queue not in _known:
        if len(_known) >= REMEMBERED:
            _known.clear()
        _known[queue] = learn(channel, send)
    text, (id, delivery) = _known[queue]
    text = text.replace(id, new_id or str(uuid4())).replace(delivery, str(uuid4()))
    return not channel.client.register_script(HANG)(keys=[queue], args=[task, text])


def is_hanging(channel: Any, queue: str, task: str) -> bool:
    """Whether Redis holds one already."""
    return bool(channel.client.register_script(HANG)(keys=[queue], args=[task]))


def learn(channel: Any, send: Callable[[], object]) -> tuple[str, tuple[str, str]]:
    """What `send` would put there, and the two ids in it that are new in each message."""
    taken: list[dict[str, Any]] = []
    channel._put = lambda queue, message, **options: taken.append(message)
    try:
        send()
    finally:
        del channel._put  # the method of its class is there again
    (message,) = taken
    return json.dumps(message), (message["headers"]["id"], message["properties"]["delivery_tag"])
