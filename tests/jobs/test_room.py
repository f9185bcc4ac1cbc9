"""The waiting room: everybody waits on one event loop, for one subscription and one look."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection

from jobs import moved, room
from jobs.conf import Conf
from jobs.database import OwnDatabase
from jobs.errors import Busy
from jobs.lifecycle.cancel import cancel_jobs
from jobs.models import Job
from jobs.room import Room
from tests.factories import make_job
from tests.waiting import eventually, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("rung")]

LONG = 20.0


@pytest.fixture
def job() -> Job:
    return make_job("queued")


@pytest.fixture(autouse=True)
def teller(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody's silence of before counts."""
    teller = moved.Teller()
    monkeypatch.setattr(moved, "TELLER", teller)
    monkeypatch.setattr(room, "LINGER_SECONDS", 0.05)
    yield
    assert teller.flush(5)
    if teller._client is not None:
        teller._client.close()


def only_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first look none comes by itself."""
    monkeypatch.setattr(room, "FIRST_SECONDS", 60.0)
    monkeypatch.setattr(room, "LONGEST_SECONDS", 60.0)


def no_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moved, "redis_url", lambda: "")


def inside(scene: Callable[[Room], Coroutine[Any, Any, Any]]) -> Any:
    """Play it in a room, and see it empty and closed afterwards."""

    async def play() -> Any:
        here = Room()
        answer = await scene(here)
        assert here.places == {} and not here.counts
        if here._keeper is not None:
            await asyncio.wait_for(here._keeper, 5)
        assert here._thread is None
        return answer

    answer = asyncio.run(play())
    eventually(lambda: connections_of_room() == 0, what="the room's connection is given back")
    return answer


def connections_of_room() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'millrace room'")
        return int(cursor.fetchone()[0])


def cancel(*jobs: UUID) -> None:
    cancel_jobs(jobs, actor="alice")
    connection.close()  # of this thread


def test_a_message_ends_the_wait(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    only_messages(monkeypatch)

    async def scene(here: Room) -> bool:
        waiting = asyncio.create_task(here.end(job.id, who=1, seconds=LONG))
        await until(lambda: here.is_listening and next(here._everybody()).look_at > 0)
        await asyncio.to_thread(cancel, job.id)
        return await asyncio.wait_for(waiting, 5)

    assert inside(scene)


def test_without_messages_looks_end_it(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    no_messages(monkeypatch)

    async def scene(here: Room) -> bool:
        waiting = asyncio.create_task(here.end(job.id, who=1, seconds=LONG))
        await until(lambda: here.places and next(here._everybody()).seen)
        await asyncio.to_thread(cancel, job.id)
        return await asyncio.wait_for(waiting, 5)

    assert inside(scene)


def test_what_ended_before_somebody_listened_is_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    only_messages(monkeypatch)
    job = make_job("succeeded")

    assert inside(lambda here: asyncio.wait_for(here.end(job.id, who=1, seconds=LONG), 5))


def test_a_job_that_was_purged_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert inside(lambda here: asyncio.wait_for(here.end(uuid4(), who=1, seconds=LONG), 5))


def test_a_wait_is_over_when_its_time_is(job: Job) -> None:
    assert not inside(lambda here: here.end(job.id, who=1, seconds=0.2))


def test_a_move_that_is_no_end_wakes_only_who_wants_to_know(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_messages(monkeypatch)

    async def scene(here: Room) -> list[bool]:
        with here.place(job.id, who=1) as curious, here.place(job.id, who=1, is_patient=True) as patient:
            await until(lambda: here.is_listening and curious.look_at > 0)
            here._told({"running": [job.id.hex]})
            return [curious.look_at == 0, patient.look_at == 0]

    assert inside(scene) == [True, False]


def test_many_waits_are_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    no_messages(monkeypatch)
    jobs = [make_job("queued").id for _ in range(50)]
    looks: list[int] = []
    real = Room.ask

    async def counted(self: Room, question: Any) -> Any:
        looks.append(len(self.places))
        return await real(self, question)

    monkeypatch.setattr(Room, "ask", counted)

    async def scene(here: Room) -> list[bool]:
        threads = set(threading.enumerate())
        waits = [asyncio.create_task(here.end(job, who=1, seconds=LONG)) for job in jobs]
        await until(lambda: looks and next(here._everybody()).seen)
        assert len(set(threading.enumerate()) - threads) == 1
        assert len(looks) <= 5
        assert await asyncio.to_thread(connections_of_room_apart) == 1
        await asyncio.to_thread(cancel, *jobs)
        return await asyncio.wait_for(asyncio.gather(*waits), 5)

    assert inside(scene) == [True] * 50


def connections_of_room_apart() -> int:
    found = connections_of_room()
    connection.close()
    return found


def test_who_hangs_up_frees_the_place(job: Job) -> None:
    async def scene(here: Room) -> None:
        waiting = asyncio.create_task(here.end(job.id, who=1, seconds=LONG))
        await until(lambda: here.places)
        waiting.cancel()
        await asyncio.wait([waiting])

    inside(scene)


def test_a_full_room_says_so(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "conf", lambda: Conf(waits=3, waits_per_owner=2))

    async def scene(here: Room) -> None:
        with here.place(job.id, who="alice"), here.place(job.id, who="alice"):
            with pytest.raises(Busy, match="You wait"):
                here.place(job.id, who="alice").__enter__()
            with here.place(job.id, who="bob"), pytest.raises(Busy, match="Too many"):
                here.place(job.id, who="charlie").__enter__()
        with here.place(job.id, who="alice"):
            pass

    inside(scene)


def test_a_database_that_was_away_ends_no_wait(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    no_messages(monkeypatch)
    monkeypatch.setattr(room, "AGAIN_SECONDS", 0.05)
    failures = iter([psycopg.OperationalError("away")] * 2)
    real = Room.ask

    async def ask(self: Room, question: Any) -> Any:
        for error in failures if question is not OwnDatabase.close else ():
            raise error
        return await real(self, question)

    monkeypatch.setattr(Room, "ask", ask)

    async def scene(here: Room) -> bool:
        waiting = asyncio.create_task(here.end(job.id, who=1, seconds=LONG))
        await asyncio.to_thread(cancel, job.id)
        return await asyncio.wait_for(waiting, 10)

    assert inside(scene)
    assert not list(failures)


def test_a_redis_that_was_away_is_found_again(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    only_messages(monkeypatch)
    monkeypatch.setattr(room, "AGAIN_SECONDS", 0.05)
    urls = iter(["redis://127.0.0.1:1/0"])
    real = Room._hear

    async def hear(self: Room, url: str) -> None:
        await real(self, next(urls, url))

    monkeypatch.setattr(Room, "_hear", hear)

    async def scene(here: Room) -> bool:
        waiting = asyncio.create_task(here.end(job.id, who=1, seconds=LONG))
        await until(lambda: here.is_listening)
        await asyncio.to_thread(cancel, job.id)
        return await asyncio.wait_for(waiting, 10)

    assert inside(scene)


def test_somebody_who_comes_as_the_room_closes_is_served(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    no_messages(monkeypatch)
    ended = make_job("succeeded")

    async def scene(here: Room) -> bool:
        late: list[asyncio.Task[bool]] = []
        real = here._close

        def close() -> None:
            real()
            if not late:
                late.append(asyncio.create_task(here.end(ended.id, who=1, seconds=LONG)))

        monkeypatch.setattr(here, "_close", close)
        await here.end(ended.id, who=1, seconds=LONG)
        await until(lambda: late)
        return await asyncio.wait_for(late[0], 5)

    assert inside(scene)
