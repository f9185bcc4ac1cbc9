"""Django answers in a few threads, whatever clients do; asgiref's own way of choosing them is used."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async

from core.threads import Threads, Turn

SCOPE = {"type": "http"}
START = {"type": "http.response.start"}


async def nothing(message: Any = None) -> Any:
    return message


class Application:
    """Like Django's handler: a few synchronous steps, an answer, and something after it."""

    def __init__(self, steps: int = 3) -> None:
        self.steps = steps
        self.seen: list[list[int]] = []
        self.running = self.most = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.began: asyncio.Queue[int] = asyncio.Queue()
        """In which thread each step began."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.loop = asyncio.get_running_loop()
        async with ThreadSensitiveContext():
            await receive()
            seen = [await sync_to_async(self.step)() for _ in range(self.steps)]
            await send(START)
            await sync_to_async(self.step)()
            self.seen.append(seen)

    def step(self) -> int:
        self.running += 1
        self.most = max(self.most, self.running)
        self.loop.call_soon_threadsafe(self.began.put_nowait, threading.get_ident())
        assert self.go_on.wait(10)
        self.running -= 1
        return threading.get_ident()

    async def until_one_begins(self) -> None:
        async with asyncio.timeout(10):
            await self.began.get()


class Line(deque[Turn]):
    """Who waits for a thread, and whether somebody ever did."""

    def __init__(self) -> None:
        super().__init__()
        self.was_joined = asyncio.Event()

    def append(self, turn: Turn) -> None:
        super().append(turn)
        self.was_joined.set()


def test_one_request_stays_in_one_thread() -> None:
    application = Application()
    threads = Threads(application, 3)

    async def play() -> None:
        await asyncio.gather(*(threads(SCOPE, nothing, nothing) for _ in range(20)))

    asyncio.run(play())

    assert len(application.seen) == 20
    assert all(len(set(seen)) == 1 for seen in application.seen)
    assert len(threads.free) == 3


def test_no_more_run_at_once_than_there_are_threads_and_none_is_made() -> None:
    application = Application()
    threads = Threads(application, 2)
    before = set(threading.enumerate())
    application.go_on.clear()

    async def play() -> set[threading.Thread]:
        asked = [asyncio.create_task(threads(SCOPE, nothing, nothing)) for _ in range(20)]
        await application.until_one_begins()
        await application.until_one_begins()
        found = set(threading.enumerate())
        application.go_on.set()
        await asyncio.gather(*asked)
        return found

    assert asyncio.run(play()) <= before
    assert application.most == 2


@pytest.mark.parametrize("slow", ["receive", "send"])
def test_a_client_that_takes_its_time_holds_no_thread(slow: str) -> None:
    application = Application()
    threads = Threads(application, 1)

    async def play() -> None:
        reached, gate = asyncio.Event(), asyncio.Event()

        async def wait(message: Any = None) -> None:
            reached.set()
            await gate.wait()

        calls = {"receive": nothing, "send": nothing} | {slow: wait}
        slowly = asyncio.create_task(threads(SCOPE, calls["receive"], calls["send"]))
        await asyncio.wait_for(reached.wait(), 10)
        await asyncio.wait_for(threads(SCOPE, nothing, nothing), 10)
        assert not slowly.done()
        gate.set()
        await slowly

    asyncio.run(play())


def test_who_gives_up_in_the_queue_leaves_it_working() -> None:
    application = Application()
    threads = Threads(application, 1)
    threads.waiting = line = Line()
    application.go_on.clear()

    async def play() -> None:
        first = asyncio.create_task(threads(SCOPE, nothing, nothing))
        await application.until_one_begins()
        second = asyncio.create_task(threads(SCOPE, nothing, nothing))
        await asyncio.wait_for(line.was_joined.wait(), 10)
        second.cancel()
        await asyncio.wait([second])
        application.go_on.set()
        await first
        await asyncio.wait_for(threads(SCOPE, nothing, nothing), 10)

    asyncio.run(play())

    assert len(threads.free) == 1


def test_what_breaks_gives_its_thread_back() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await sync_to_async(int)("no number")

    threads = Threads(application, 1)
    with pytest.raises(ValueError, match="no number"):
        asyncio.run(threads(SCOPE, nothing, nothing))

    assert len(threads.free) == 1
