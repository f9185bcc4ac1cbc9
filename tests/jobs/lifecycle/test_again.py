"""What nobody can decide is decided by a person, once: done again as a new job, or left as it is."""

from typing import Any
from uuid import UUID

import pydantic
import pytest
from django.contrib.auth.models import User

from jobs.database import OwnDatabase
from jobs.errors import NotPossible
from jobs.lifecycle.again import count_undecided, do_again, leave_as_they_are
from jobs.models import Item, Job, JobEvent
from jobs.registry import KINDS
from jobs.states import State
from tests.factories import make_job, moved_to
from tests.running import make_kind

STATES = {"ada": "done", "bob": "uncertain", "eve": "failed", "zoe": "uncertain"}


class Letters(pydantic.BaseModel, extra="forbid"):
    """Whom to write to."""

    to: list[str]


@pytest.fixture(autouse=True)
def letters(monkeypatch: pytest.MonkeyPatch, rung: list[str]) -> None:
    kind = make_kind("test.letters", Letters, items=lambda payload: payload.to)
    monkeypatch.setitem(KINDS._kinds, kind.name, kind)


@pytest.fixture
def job(alice: User) -> Job:
    job = make_job("succeeded", kind="test.letters", owner=alice, payload={"to": list(STATES)})
    for key, state in STATES.items():
        Item.objects.create(job=job, key=key, state=state, given={"n": 1} if key == "bob" else None)
    return job


def again(job: Job) -> UUID:
    return do_again(job, actor="alice", door="web")


def ledger(job: UUID) -> list[tuple[str, str]]:
    return list(Item.objects.filter(job=job).order_by("id").values_list("key", "state"))


def detail(job: Job, key: str) -> Any:
    return Item.objects.get(job=job, key=key).detail


def test_done_again_is_a_new_job_with_the_undecided_ones_alone(job: Job) -> None:
    new = Job.objects.get(pk=again(job))

    assert (new.kind, new.payload, new.rerun_of, new.state) == (job.kind, job.payload, job.id, "queued")
    assert ledger(new.id) == [("bob", "pending"), ("zoe", "pending")]
    bob = Item.objects.get(job=job, key="bob")
    assert Item.objects.get(job=new, key="bob").given == {"n": 1, "again_of": [str(job.id), bob.id]}


def test_whoever_decides_the_new_job_is_its_owners_and_says_who_asked(
    job: Job, alice: User, operator: User
) -> None:
    """Else an operator's own suppressions would say who is mailed to in Alice's name."""
    new = Job.objects.get(pk=do_again(job, actor=operator.get_username(), door="web"))

    assert new.owner == alice
    acts = JobEvent.objects.values_list("job", "event", "actor")
    assert set(acts) == {(job.id, "again", "olga"), (new.id, "asked_again", "olga")}


def test_what_is_known_about_them_stays_what_it_was(job: Job) -> None:
    new = again(job)

    assert dict(ledger(job.id)) == STATES
    assert detail(job, "bob") == {"decided": "again", "job": str(new)}
    assert detail(job, "ada") is None
    assert JobEvent.objects.get(job=job).event == "again"


def test_left_as_they_are_they_are_asked_about_no_more(job: Job) -> None:
    assert count_undecided(job.id) == 2

    assert leave_as_they_are(job, actor="alice") == 2

    assert count_undecided(job.id) == 0
    assert dict(ledger(job.id)) == STATES
    assert detail(job, "zoe") == {"decided": "left"}


def test_done_again_once_more_they_still_know_the_first_of_all(job: Job) -> None:
    bob = Item.objects.get(job=job, key="bob")
    new = Job.objects.get(pk=again(job))
    Item.objects.filter(job=new).update(state="uncertain")
    Job.objects.filter(pk=new.pk).update(state="succeeded", **moved_to(State.SUCCEEDED))

    newest = again(new)

    assert Item.objects.get(job=newest, key="bob").given == {"n": 1, "again_of": [str(job.id), bob.id]}


@pytest.mark.parametrize("verb", ["again", "left"])
def test_some_of_them_are_decided_about_and_the_others_not(job: Job, verb: str) -> None:
    ids = dict(Item.objects.values_list("key", "id"))
    chosen = [ids["bob"], ids["ada"], -1, 2**70]

    if verb == "again":
        new = do_again(job, actor="alice", door="web", items=chosen)
        assert ledger(new) == [("bob", "pending")]
    else:
        assert leave_as_they_are(job, actor="alice", items=chosen) == 1

    assert detail(job, "bob")["decided"] == verb
    assert detail(job, "ada") is None, "it was known how that one went"
    assert detail(job, "zoe") is None
    assert count_undecided(job.id) == 1


def test_nobody_chosen_is_nobody_decided_about(job: Job) -> None:
    with pytest.raises(NotPossible):
        do_again(job, actor="alice", door="web", items=[])
    with pytest.raises(NotPossible):
        leave_as_they_are(job, actor="alice", items=[])

    assert count_undecided(job.id) == 2


@pytest.mark.parametrize("first", ["again", "left"])
def test_a_decision_is_taken_once(job: Job, first: str) -> None:
    again(job) if first == "again" else leave_as_they_are(job, actor="alice")

    with pytest.raises(NotPossible, match="somebody may have been faster"):
        again(job)
    with pytest.raises(NotPossible, match="somebody may have been faster"):
        leave_as_they_are(job, actor="bob")

    assert Job.objects.count() == (2 if first == "again" else 1), "a refused decision makes no job"


@pytest.mark.parametrize("state", ["queued", "running", "retrying"])
def test_nothing_is_decided_before_the_end(alice: User, state: str) -> None:
    job = make_job(state, kind="test.letters", owner=alice, payload={"to": ["bob"]})
    Item.objects.create(job=job, key="bob", state="uncertain")

    with pytest.raises(NotPossible, match=f"It is {state}"):
        again(job)
    with pytest.raises(NotPossible, match=f"It is {state}"):
        leave_as_they_are(job, actor="alice")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_decide_at_once_the_second_is_told(job: Job, own: OwnDatabase) -> None:
    with own.atomic():
        leave_as_they_are(job, actor="bob", db=own)

    with pytest.raises(NotPossible):
        again(job)

    assert Job.objects.count() == 1
