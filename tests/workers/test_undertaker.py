"""A main that stops buries its dead children, and nobody who lives."""

import errno
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from jobs.database import OwnDatabase
from jobs.holder import make_holder
from jobs.models import Job
from tests.factories import make_job
from workers import undertaker
from workers.burial import bury
from workers.record import LINE, Record
from workers.shared import FLAGS, Drain
from workers.undertaker import Undertaker, end_children

PID = 4711
"""Of the child in slot 3."""
pytestmark = pytest.mark.django_db(transaction=True)


class Away:
    """A database that is not there."""

    def rows(self, *asked: object) -> None:
        raise psycopg.OperationalError("away")


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, rung: list[str]) -> Iterator[Job]:
    """What the child in slot 3 runs; its worker stops."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(Record, "folder", SimpleNamespace(name=folder))
        holder = make_holder(uuid4(), PID)
        job = make_job("running", holder=holder)
        line = f"run {holder.hex} {job.id.hex} {job.attempt}"
        Record(3, holder).path.write_bytes(b"\0" + line.encode().ljust(2 * LINE))
        FLAGS.drain = Drain.FINISH
        yield job
        FLAGS.drain = Drain.NONE


@pytest.fixture
def db() -> Iterator[OwnDatabase]:
    db = OwnDatabase("undertaker")
    yield db
    db.close()


def main_of(*children: Any) -> Undertaker:
    return Undertaker(SimpleNamespace(_pool=list(children)))


def test_one_that_lives_is_not_buried(job: Job, db: OwnDatabase) -> None:
    """It may still finish: the kill is under way, the death is not."""
    Record.mark_killed(3, PID)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        main = main_of(SimpleNamespace(pid=child.pid, index=3))

        main.look(db)
        assert main.wait(0), "there is nobody to wait for"

    job.refresh_from_db()
    assert job.state == "running"


def test_one_that_died_by_itself_is_charged(job: Job, db: OwnDatabase) -> None:
    main_of().look(db)

    job.refresh_from_db()
    assert (job.state, job.crashes) == ("queued", 1)


def test_a_successor_charges_nobody_whom_the_main_put_to_death(job: Job, db: OwnDatabase) -> None:
    """Until its pool is closed a worker that stops still replaces its children; one of them once did."""
    Record.mark_killed(3, PID)
    last = Record(3, uuid4()).predecessor()
    assert last is not None

    bury(last, db)

    job.refresh_from_db()
    assert (job.state, job.crashes, job.suspect) == ("queued", 0, False)


@pytest.mark.parametrize("why", [OSError(errno.EMFILE, os.strerror(errno.EMFILE)), ValueError("torn")])
def test_a_child_is_killed_even_where_that_cannot_be_noted(
    why: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A main that has no descriptor left could neither stop its children nor end, deaf as it is."""

    def fail(*given: object) -> None:
        raise why

    monkeypatch.setattr(Record, "mark_killed", fail)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        monkeypatch.setattr(undertaker, "active_children", lambda: [SimpleNamespace(pid=child.pid, index=3)])

        end_children()

        assert child.wait(20) == -signal.SIGKILL


def test_a_database_that_is_away_is_asked_again_and_waited_for_a_while(job: Job, db: OwnDatabase) -> None:
    Record.mark_killed(3, PID)
    main = main_of()
    with pytest.raises(psycopg.OperationalError):
        main.look(Away())  # type: ignore[arg-type]
    assert not main.wait(0.1), "the last burial is still to come"

    main.look(db)

    assert main.wait(0)
    job.refresh_from_db()
    assert (job.state, job.crashes) == ("queued", 0)
