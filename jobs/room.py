"""The waiting room of a web process: everybody in it waits for some job to move, on the process's event loop.

One subscription to "job moved" and one look at the database serve them all: whoever waits holds a place in a
dictionary, neither a thread nor a connection. Who is right when two disagree: the row. A message only says
that it is worth looking, so one that was lost or forged costs a look. Without messages (Redis is away, or
nobody told us yet) rows are looked at all the same, seldomer the longer it takes. Everybody's looks of a
moment are one query. The room is empty again when the last one has left: no thread, no connection.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

import redis.asyncio
import structlog

from jobs import moved
from jobs.conf import conf
from jobs.database import OwnDatabase
from jobs.errors import Busy
from jobs.states import FINAL

log = structlog.get_logger(__name__)
T = TypeVar("T")

LOOK = """
    SELECT job.id, job.version, job.state, progress.updated_at,
           (SELECT max(id) FROM millrace_log_line AS line WHERE line.job_id = job.id)
      FROM millrace_job AS job LEFT JOIN millrace_progress AS progress ON progress.job_id = job.id
     WHERE job.id = ANY (%(ids)s)
"""
FIRST_SECONDS = 0.05
"""How soon a row is looked at again at first: workers may need a second to learn that somebody listens."""
LONGEST_SECONDS = 5.0
BLIND_SECONDS = 1.0
"""The longest time between two looks while no message can arrive."""
GATHER_SECONDS = 0.01
"""Looks that are due within this are one."""
AGAIN_SECONDS = 1.0
"""How soon a Redis or a database that is away is tried again."""
PING_SECONDS = 10.0
"""How long Redis may be silent before it is asked whether it is there; after twice as long it is not."""
LINGER_SECONDS = 5.0
"""How long the room of nobody stays open: the next one is near, as a rule."""
FULL_SECONDS = 5
"""When to come again where there was no room."""


class Seen(NamedTuple):
    """What a look found; two that are equal show the same. `state` is empty where the job was purged."""

    version: int = 0
    state: str = ""
    progress_at: Any = None
    line: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens without a person's act."""
        return self.state in FINAL or not self.state


class Place:
    """One who waits for one job."""

    def __init__(self, job: UUID, *, is_patient: bool) -> None:
        self.job = job
        self.is_patient = is_patient
        """Whether only the end of the job is of interest."""
        self.seen: Seen | None = None
        """What the last look found; None before the first."""
        self.pause = FIRST_SECONDS
        self.look_at = 0.0
        self._news = asyncio.Event()

    async def news(self, seconds: float) -> bool:
        """Wait until a look finds something else than the last one did, at most so long; whether it did."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        found = self._news.is_set()
        self._news.clear()
        return found

    def forget(self) -> None:
        """The next look is news, whatever it finds."""
        self.seen = None

    def show(self, seen: Seen, now: float, longest: float) -> None:
        """A look was taken."""
        if seen != self.seen:
            self.seen, self.pause = seen, FIRST_SECONDS
            self._news.set()
        self.look_at = now + self.pause
        self.pause = min(2 * self.pause, longest)


class Room:
    """Everybody who waits on one event loop."""

    def __init__(self) -> None:
        self.places: dict[str, set[Place]] = {}
        self.counts: Counter[object] = Counter()
        """How many places each principal has."""
        self.is_listening = False
        """Whether messages arrive."""
        self._keeper: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._thread: ThreadPoolExecutor | None = None
        self._db = OwnDatabase("room")

    @contextmanager
    def place(self, job: UUID, *, who: object, is_patient: bool = False) -> Iterator[Place]:
        """A place for one who waits; raises Busy where there is none."""
        if self.counts.total() >= conf().waits:
            raise Busy("Too many wait here already. Ask again soon, without waiting.", FULL_SECONDS)
        if self.counts[who] >= conf().waits_per_owner:
            raise Busy("You wait for too many jobs at once here. Ask without waiting.", FULL_SECONDS)
        place = Place(job, is_patient=is_patient)
        self.counts[who] += 1
        self.places.setdefault(job.hex, set()).add(place)
        self._open()
        try:
            yield place
        finally:
            self.counts[who] -= 1
            self.counts += Counter()  # forget who has none
            self.places[job.hex].discard(place)
            if not self.places[job.hex]:
                del self.places[job.hex]
            if not self.places:
                self._wake.set()

    async def end(self, job: UUID, *, who: object, seconds: float) -> bool:
        """Wait until the job is over, at most so long; whether it is. Raises Busy where there is no place."""
        until = time.monotonic() + seconds
        with self.place(job, who=who, is_patient=True) as place:
            while (left := until - time.monotonic()) > 0:
                if await place.news(left) and place.seen is not None and place.seen.is_over:
                    return True
        return False

    async def ask(self, question: Callable[[OwnDatabase], T]) -> T:
        """Ask the database something, in the room's one thread, on its one connection."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="room")
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._db)

    def _open(self) -> None:
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep())
        self._wake.set()

    async def _keep(self) -> None:
        """While somebody is here, and a little longer."""
        while self.places:
            listening = asyncio.create_task(self._listen())
            try:
                while self.places or await self._someone_comes():
                    await self._look()
            finally:
                listening.cancel()
                with suppress(asyncio.CancelledError):
                    await listening
                self._close()

    async def _someone_comes(self) -> bool:
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await self._wake.wait()
        return bool(self.places)

    def _close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.submit(self._db.close)
            thread.shutdown(wait=False)

    # -- Looking ---------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Wait until a look is due, and take it for everybody who is due soon."""
        now = time.monotonic()
        due_at = min(place.look_at for place in self._everybody())
        if due_at > now:
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(due_at - now):
                    await self._wake.wait()
            return
        ids = list({place.job for place in self._everybody() if place.look_at <= now + GATHER_SECONDS})
        try:
            rows = await self.ask(lambda db: db.rows(LOOK, {"ids": ids}))
        except Exception as error:  # noqa: BLE001 - the database is away, and everybody goes on waiting
            log.warning("room_lost_database", error=str(error).strip())
            await self.ask(OwnDatabase.close)
            await asyncio.sleep(AGAIN_SECONDS)
            return
        found = {row[0]: Seen(*row[1:]) for row in rows}
        longest = LONGEST_SECONDS if self.is_listening else BLIND_SECONDS
        now = time.monotonic()
        for job in ids:
            for place in self.places.get(job.hex, ()):
                place.show(found.get(job, Seen()), now, longest)

    def _everybody(self) -> Iterator[Place]:
        return (place for places in self.places.values() for place in places)

    # -- Hearing ---------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Hear what moved, as long as the room is open; connect again whatever happens."""
        url = moved.redis_url()
        while url:
            try:
                await self._hear(url)
            except Exception as error:  # noqa: BLE001 - whatever the client library raises, looks go on
                if self.is_listening:
                    log.warning("room_lost_redis", error=str(error) or type(error).__name__)
            self.is_listening = False
            await asyncio.sleep(AGAIN_SECONDS)

    async def _hear(self, url: str) -> None:
        client = redis.asyncio.Redis.from_url(url, socket_connect_timeout=moved.SOCKET_SECONDS)
        async with client, client.pubsub() as subscription:
            await subscription.subscribe(moved.channel())
            silent = 0
            while silent < 2:
                message = await subscription.get_message(timeout=PING_SECONDS)
                silent = 0 if message else silent + 1
                if message is None:
                    await subscription.ping()
                elif message["type"] == "subscribe":
                    self.is_listening = True
                    self._look_at_all()  # what moved until now was told to nobody
                elif message["type"] == "message":
                    self._told(moved.told(message["data"]))
        raise TimeoutError("Redis says nothing.")

    def _look_at_all(self) -> None:
        for place in self._everybody():
            place.look_at, place.pause = 0.0, FIRST_SECONDS
        self._wake.set()

    def _told(self, words: dict[str, list[str]]) -> None:
        for word, jobs in words.items():
            for job in jobs:
                for place in self.places.get(job, ()):
                    if not place.is_patient or word in FINAL:
                        place.look_at = 0.0
                        self._wake.set()


ROOMS: WeakKeyDictionary[asyncio.AbstractEventLoop, Room] = WeakKeyDictionary()


def room() -> Room:
    """The room of the event loop that runs this."""
    loop = asyncio.get_running_loop()
    if loop not in ROOMS:
        ROOMS[loop] = Room()
    return ROOMS[loop]
