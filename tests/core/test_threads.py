"""Django answers in a few threads, whatever clients do; asgiref's own way of choosing them is used."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async

from core.threads import Threads

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

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with ThreadSensitiveContext():
            await receive()
            seen = [await sync_to_async(self.step)() for _ in range(self.steps)]
            await send(START)
            await sync_to_async(self.step)()
            self.seen.append(seen)

    def step(self) -> int:
        self.running += 1
        self.most = max(self.most, self.running)
        assert self.go_on.wait(10)
        self.running -= 1
        return threading.get_ident()


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
        while application.running < 2:
            await asyncio.sleep(0.01)
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
        gate = asyncio.Event()

        async def wait(message: Any = None) -> None:
            await gate.wait()

        calls = {"receive": nothing, "send": nothing} | {slow: wait}
        slowly = asyncio.create_task(threads(SCOPE, calls["receive"], calls["send"]))
        await asyncio.sleep(0)
        await asyncio.wait_for(threads(SCOPE, nothing, nothing), 10)
        assert not slowly.done()
        gate.set()
        await slowly

    asyncio.run(play())


def test_who_gives_up_in_the_queue_leaves_it_working() -> None:
    application = Application()
    threads = Threads(application, 1)
    application.go_on.clear()

    async def play() -> None:
        first = asyncio.create_task(threads(SCOPE, nothing, nothing))
        while not application.running:
            await asyncio.sleep(0.01)
        second = asyncio.create_task(threads(SCOPE, nothing, nothing))
        while not threads.waiting:
            await asyncio.sleep(0.01)
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
