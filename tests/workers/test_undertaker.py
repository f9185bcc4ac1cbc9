"""A main that stops buries its dead children, and nobody who lives."""

import subprocess
import tempfile
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from jobs.database import OwnDatabase
from jobs.models import Job
from tests.factories import make_job
from workers.burial import bury
from workers.record import LINE, Record
from workers.shared import FLAGS, Drain
from workers.undertaker import Undertaker

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
        holder = uuid4()
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
    Record.mark_killed(3)
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
    Record.mark_killed(3)
    last = Record(3, uuid4()).predecessor()
    assert last is not None

    bury(last, db)

    job.refresh_from_db()
    assert (job.state, job.crashes, job.suspect) == ("queued", 0, False)


def test_a_database_that_is_away_is_asked_again_and_waited_for_a_while(job: Job, db: OwnDatabase) -> None:
    Record.mark_killed(3)
    main = main_of()
    with pytest.raises(psycopg.OperationalError):
        main.look(Away())  # type: ignore[arg-type]
    assert not main.wait(0.1), "the last burial is still to come"

    main.look(db)

    assert main.wait(0)
    job.refresh_from_db()
    assert (job.state, job.crashes) == ("queued", 0)
