"""The threads in which Django answers: a few, made at the start, each with its own database connection.

Django's ASGI handler takes a new thread for every request, and with it a new connection to the database,
which stays until the thread is collected. Here a request borrows one of a few threads when its first
synchronous line is due, once its body has arrived, and gives it back with the first line of its answer. So
neither a client that sends slowly nor one that reads slowly keeps anybody from a thread, and a web process
has as many connections as threads. Requests that find none wait for their turn, in order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from asgiref.sync import ThreadSensitiveContext

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


class Threads:
    """An ASGI application around Django's; everything here happens on the event loop."""

    def __init__(self, application: Application, count: int) -> None:
        self.application = application
        self.free = [ThreadPoolExecutor(1, thread_name_prefix=f"web {number}") for number in range(count)]
        self.waiting: deque[Turn] = deque()
        for thread in self.free:
            thread.submit(int).result()  # it exists from now on

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        turn = Turn(self)

        async def sent(message: Message) -> None:
            turn.end()  # what follows (a file to read) needs a thread, but not the same one
            await send(message)

        try:
            async with ThreadSensitiveContext(executor=turn):
                await self.application(scope, receive, sent)
        finally:
            turn.end()

    def take(self, wanted: ThreadPoolExecutor | None) -> ThreadPoolExecutor:
        """The wanted thread if it is free, else the one that was used last: its connection is awake."""
        if wanted in self.free:
            self.free.remove(wanted)
            return wanted
        return self.free.pop()

    def give(self, thread: ThreadPoolExecutor) -> None:
        """Whoever waits the longest gets it."""
        while self.waiting:
            turn = self.waiting.popleft()
            if turn.kept:
                turn.begin(thread)
                return
        self.free.append(thread)


class Turn(Executor):
    """One request's right to a thread: the same one until its answer begins."""

    def __init__(self, threads: Threads) -> None:
        self.threads = threads
        self.thread: ThreadPoolExecutor | None = None
        self.last: ThreadPoolExecutor | None = None
        self.kept: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        """What waits for a thread."""
        self.is_over = False

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it in this request's thread, as soon as there is one."""
        if self.thread is not None:
            return self.thread.submit(call, *args, **kwargs)
        answer: Future[Any] = Future()
        self.kept.append((partial(call, *args, **kwargs), answer))
        if self.threads.free:
            self.begin(self.threads.take(self.last))
        else:
            self.threads.waiting.append(self)
        return answer

    def begin(self, thread: ThreadPoolExecutor) -> None:
        """There is a thread: run what waits for it."""
        self.thread = self.last = thread
        for call, answer in self.kept:
            ran = thread.submit(run, call, answer)
        self.kept.clear()
        if self.is_over:
            loop = asyncio.get_running_loop()
            ran.add_done_callback(lambda _: loop.call_soon_threadsafe(self.end))

    def end(self) -> None:
        """Give the thread back. Every later call takes whatever thread is free, for itself alone."""
        self.is_over = True
        if self.thread is not None:
            thread, self.thread = self.thread, None
            self.threads.give(thread)


def run(call: Callable[[], Any], answer: Future[Any]) -> None:
    """In the thread."""
    if not answer.set_running_or_notify_cancel():
        return
    try:
        answer.set_result(call())
    except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
        answer.set_exception(error)
