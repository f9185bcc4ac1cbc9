"""Change: what has not started becomes otherwise, once, and stands where it would stand if submitted so."""

import io
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pydantic
import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from jobs.artifacts import ArtifactId, store_upload
from jobs.database import DJANGO, OwnDatabase
from jobs.errors import BadPayload, ChangedMeanwhile, NotFound, NotPossible, Refusal
from jobs.lifecycle.cancel import cancel_jobs
from jobs.lifecycle.change import Change, change_job
from jobs.lifecycle.claim import Asking, claim_jobs
from jobs.lifecycle.submit import submit_job
from jobs.models import Item, Job, JobEvent
from jobs.registry import KINDS, Kind
from jobs.states import State
from tests.factories import make_job
from tests.jobs.lifecycle.test_limits import ready, submit
from tests.jobs.lifecycle.test_other_verbs import PAST, make_worker
from tests.running import make_kind
from tests.waiting import eventually

pytestmark = pytest.mark.django_db

LATER = datetime.now(UTC) + timedelta(days=1)


class Letters(pydantic.BaseModel, extra="forbid"):
    """Whom to write to, and what to enclose."""

    to: list[str]
    enclosed: ArtifactId | None = None


class Anything(pydantic.BaseModel):
    """Whatever JSON can say."""

    value: Any


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Kind:
    kind = make_kind("test.letters", Letters, items=lambda payload: payload.to)
    monkeypatch.setitem(KINDS._kinds, kind.name, kind)
    return kind


def change(job: Job, *, versions: set[int] | None = None, **fields: Any) -> Job:
    """Change it as Alice; the row afterwards."""
    change_job(job, Change(**fields), actor="alice", versions=versions)
    return Job.objects.get(pk=job.pk)


def test_another_priority_is_another_place_in_the_line(alice: User) -> None:
    first, second = make_job(), make_job()

    assert change(second, priority=7).version == second.version + 1

    (claimed,) = claim_jobs(Asking(queue="default", holder=uuid4(), kinds={"test.ok": 1}), db=DJANGO)
    assert claimed.id == second.id != first.id


def test_another_queue_is_another_line_and_its_bell(rung_at_once: list[str]) -> None:
    job = change(make_job(), queue="fast")

    assert (job.queue, job.ready, job.state) == ("fast", True, "queued")
    assert rung_at_once == ["fast"]


def test_who_waits_for_a_later_time_leaves_the_line(rung_at_once: list[str]) -> None:
    job = change(make_job(), run_at=LATER)

    assert (job.state, job.ready, job.run_at, job.turn) == ("scheduled", False, LATER, 0)
    assert rung_at_once == []


@pytest.mark.parametrize("when", [{"run_at": PAST}, {"at_once": True}], ids=["past", "at_once"])
def test_what_is_due_at_once_stands_in_line_and_is_rung_for(when: Any, rung_at_once: list[str]) -> None:
    job = change(make_job("scheduled", run_at=LATER), **when)

    assert (job.state, job.ready) == ("queued", True)
    assert job.run_at is not None and job.run_at <= datetime.now(UTC)
    assert job.turn > 0
    assert rung_at_once == ["default"]


def test_a_kind_that_nobody_knows_is_held_back_where_it_goes() -> None:
    make_worker("test.other", queues=("fast",))

    assert not change(make_job(), queue="fast").ready


def test_a_payload_is_replaced_with_its_items_and_files(letters: Kind, alice: User) -> None:
    old, new = (store_upload(io.BytesIO(b"words"), name=name, owner=alice) for name in ("a.txt", "b.txt"))
    id = submit_job(letters.name, {"to": ["ada", "bob"], "enclosed": old.id}, owner=alice).id

    job = change(Job.objects.get(pk=id), payload={"to": ["eve"], "enclosed": new.id})

    assert job.payload == {"to": ["eve"], "enclosed": str(new.id)}
    assert list(Item.objects.values_list("job", "key", "state")) == [(id, "eve", "pending")]
    assert used_by(id) == [new.id]


def test_a_payload_that_does_not_fit_changes_nothing(letters: Kind, alice: User, charlie: User) -> None:
    anothers = store_upload(io.BytesIO(b"words"), name="a.txt", owner=charlie)
    job = Job.objects.get(pk=submit_job(letters.name, {"to": ["ada"]}, owner=alice).id)

    for payload in ({"to": 7}, {"to": ["eve"], "enclosed": anothers.id}):
        with pytest.raises(BadPayload), transaction.atomic():
            change(job, payload=payload)

    assert Job.objects.get(pk=job.pk).version == job.version
    assert [item.key for item in Item.objects.all()] == ["ada"]


@pytest.mark.parametrize(
    "field", [{"queue": "No Name"}, {"priority": 101}, {"run_at": datetime(2030, 1, 1)}], ids=str
)
def test_what_no_line_knows_is_refused(field: Any) -> None:
    job = make_job()

    with pytest.raises(Refusal):
        change(job, **field)


@pytest.mark.parametrize("state", [state for state in State if state != State.SCHEDULED])
def test_what_has_started_is_not_changed(state: str) -> None:
    job = make_job(state, attempt=1)

    with pytest.raises(NotPossible, match="Too late"):
        change(job, priority=7)

    after = Job.objects.get(pk=job.pk)
    assert (after.state, after.priority, after.version) == (state, 0, job.version)


def test_what_was_cancelled_before_it_started_is_not_changed() -> None:
    job = make_job()
    cancel_jobs([job.id], actor="alice")

    with pytest.raises(NotPossible, match="cancelled"):
        change(job, priority=7)


def test_what_was_purged_is_not_there() -> None:
    job = make_job()
    Job.objects.filter(pk=job.pk).delete()

    with pytest.raises(NotFound):
        change(job, priority=7)


def test_a_change_is_for_the_version_that_was_seen() -> None:
    job = make_job(version=3)

    with pytest.raises(ChangedMeanwhile):
        change(job, versions={2}, priority=7)

    assert change(job, versions={2, 3}, priority=7).priority == 7


def test_the_same_change_again_changes_nothing_and_is_no_conflict() -> None:
    job = make_job()
    wish: dict[str, Any] = {"priority": 7, "payload": {}, "run_at": LATER}
    once = change(job, versions={1}, **wish)

    twice = change(job, versions={1}, **wish)

    assert (once.version, twice.version) == (2, 2)
    assert JobEvent.objects.filter(job=job).count() == 1


@pytest.mark.parametrize(
    ("old", "new", "is_same"),
    [
        (1, True, False),
        (0, False, False),
        ([1], [True], False),
        (2**53, 2**53 + 1, False),
        (1e23, 1e23, True),
        (1, 1.0, True),
    ],
    ids=["one_true", "zero_false", "inside", "near", "large", "float"],
)
def test_a_payload_is_the_same_only_if_json_says_so(
    alice: User, monkeypatch: pytest.MonkeyPatch, old: Any, new: Any, is_same: bool
) -> None:
    monkeypatch.setitem(KINDS._kinds, "test.anything", make_kind("test.anything", Anything))
    job = Job.objects.get(pk=submit_job("test.anything", {"value": old}, owner=alice).id)

    assert (change(job, payload={"value": new}).version == job.version) is is_same


def test_the_timeline_says_who_changed_what() -> None:
    job = change(make_job(), priority=7, queue="fast")

    event = JobEvent.objects.get(job=job)
    assert (event.event, event.actor) == ("changed", "alice")
    assert event.detail == "queue default → fast; priority 0 → 7"


@pytest.mark.django_db(transaction=True)
class TestBesideOthers:
    """Each of these needs what is committed."""

    @pytest.fixture(autouse=True)
    def silent(self, rung: list[str]) -> None:
        """Nobody hears a bell here."""

    def test_a_slot_stays_with_a_job_whose_limits_stay(self, alice: User) -> None:
        first, second = submit(alice, host="h"), submit(alice, host="h")

        change(Job.objects.get(pk=first), priority=-5)

        assert ready() == [first]
        assert Job.objects.get(pk=second).held_by == "host=h"

    def test_a_slot_that_a_change_gives_up_is_handed_on(self, alice: User) -> None:
        first, second = submit(alice, host="h"), submit(alice, host="h")

        other = change(Job.objects.get(pk=first), payload={"host": "other"})

        assert set(ready()) == {first, second}
        assert other.limits is not None and other.limits[0][0] == "host=other"

    def test_who_is_put_off_hands_its_slot_on(self, alice: User) -> None:
        first, second = submit(alice, host="h"), submit(alice, host="h")

        change(Job.objects.get(pk=first), run_at=LATER)

        assert ready() == [second]

    def test_a_claim_passes_over_what_is_being_changed(self, own: OwnDatabase) -> None:
        """The race: a worker claims between the look and the write."""
        job = make_job()
        asking = Asking(queue="default", holder=uuid4(), kinds={"test.ok": 1})

        with transaction.atomic():
            change(job, priority=7)
            assert claim_jobs(asking, db=own) == []

        (claimed,) = claim_jobs(asking, db=own)
        assert claimed.id == job.id

    def test_of_two_changes_of_one_version_the_second_is_told(self, own: OwnDatabase) -> None:
        """The race: both have seen version 1; the second waits for the first one's commit."""
        job = make_job()
        raised: list[type[Exception]] = []

        def second() -> None:
            try:
                change_job(job, Change(priority=9), actor="olga", versions={1}, db=own)
            except ChangedMeanwhile as error:
                raised.append(type(error))

        thread = Thread(target=second)
        with transaction.atomic():
            change(job, versions={1}, priority=7)
            thread.start()
            eventually(is_blocked, what="the second waits for the row")
        thread.join(20)

        assert raised == [ChangedMeanwhile]
        assert Job.objects.get(pk=job.pk).priority == 7


def used_by(job: UUID) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT artifact_id FROM millrace_artifact_use WHERE job_id = %s", [job])
        return [row[0] for row in cursor.fetchall()]


def is_blocked() -> bool:
    """Whether somebody waits for another's row; a transaction reads pg_stat_activity but once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
        return cursor.fetchone() is not None
