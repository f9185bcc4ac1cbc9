"""A job's events as they come (Server-Sent Events), for as long as the stream lasts.

Told is the row as it is now, not every step there: `moved` says where the job is, `log` and `progress` what
its kind said, `end` that nothing more comes. An event's id is the version and the last line that were told:
who comes back with it hears what was missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from jobs.conf import conf
from jobs.handoff import OF_STREAMS, Handoff
from jobs.live.story import Story
from jobs.room import Place, room

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PING_SECONDS = 15.0
"""How often something is sent where there is nothing to tell: proxies hang up on the silent."""
LAST_SECONDS = 1.0
"""How long the end of a stream may take to be read."""
AGAIN_MILLISECONDS = 2000
"""How soon a client that lost the stream comes back."""
HEADERS = [(name.lower().encode(), value.encode()) for name, value in OF_STREAMS.items()]


async def stream(handoff: Handoff, send: Send, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """Tell the job's story from where the caller left off, under these headers too. Raises Busy: no place."""
    with room().place(handoff.job, who=handoff.who) as place, suppress(TimeoutError):
        # Around every wait, for a caller who reads nothing holds up whoever sends: it would stay for ever.
        async with asyncio.timeout(conf().stream_seconds):
            await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *headers]})
            await say(send, f"retry: {AGAIN_MILLISECONDS}\n\n")
            await tell(Story(handoff.job, handoff.last_id), place, send)
    with suppress(TimeoutError):  # who does not read this either is cut off by the server
        async with asyncio.timeout(LAST_SECONDS):
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def tell(story: Story, place: Place, send: Send) -> None:
    """The story, as it happens, to its end."""
    while not story.is_over:
        if not await place.news(PING_SECONDS):
            await say(send, ": still here\n\n")
            continue
        try:
            events = await room().ask(partial(Story.read, story))
        except Exception:  # noqa: BLE001 - the database is away: the room says so, and finds it again
            place.forget()
            continue
        for event in events:
            await say(send, event)


async def say(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
