"""A job's events as they come (Server-Sent Events), for as long as the stream lasts.

Told is the row as it is now, not every step there: `moved` says where the job is, `log` and `progress` what
its kind said, `end` that nothing more comes. An event's id is the version and the last line that were told:
who comes back with it hears what was missed.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import partial
from typing import Any

from jobs.conf import conf
from jobs.handoff import Handoff
from jobs.live.story import Story
from jobs.room import room

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PING_SECONDS = 15.0
"""How often something is sent where there is nothing to tell: proxies hang up on the silent."""
AGAIN_MILLISECONDS = 2000
"""How soon a client that lost the stream comes back."""
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


async def stream(handoff: Handoff, send: Send, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """Tell the job's story from where the caller left off, under these headers too. Raises Busy: no place."""
    story = Story(handoff.job, handoff.last_id)
    ends_at = time.monotonic() + conf().stream_seconds
    with room().place(handoff.job, who=handoff.who) as place:
        await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *headers]})
        await say(send, f"retry: {AGAIN_MILLISECONDS}\n\n")
        while not story.is_over and (left := ends_at - time.monotonic()) > 0:
            if not await place.news(min(left, PING_SECONDS)):
                await say(send, ": still here\n\n")
                continue
            try:
                events = await room().ask(partial(Story.read, story))
            except Exception:  # noqa: BLE001 - the database is away: the room says so, and finds it again
                place.forget()
                continue
            for event in events:
                await say(send, event)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def say(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
