"""Accepted means kept: the row is the job, and its transaction is the caller's."""

import json
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

import pydantic
import pytest
from django.contrib.auth.models import User
from django.db import transaction

from jobs import registry
from jobs.database import OwnDatabase
from jobs.errors import BadPayload, KeyReused, Refusal, UnknownKind
from jobs.idempotency import Key
from jobs.lifecycle.submit import dump, submit_job
from jobs.lifecycle.submit_many import submit_many
from jobs.models import Item, Job


def test_a_submitted_job_waits_in_line(alice: User) -> None:
    job = Job.objects.get(pk=submit_job("test.ok", {"key": "a"}, owner=alice).id)

    assert (job.state, job.ready, job.attempt, job.version) == ("queued", True, 0, 1)
    assert job.payload == {"key": "a", "log": ""}
    assert job.owner == alice


def test_a_rolled_back_submit_leaves_no_job(alice: User) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        submit_job("test.ok", {}, owner=alice)
        raise ZeroDivisionError

    assert not Job.objects.exists()


def test_nothing_is_rung_before_the_commit(
    alice: User, rung: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        submit_job("test.ok", {}, owner=alice)
        assert rung == []

    assert rung == ["default"]


def test_an_unknown_kind_is_refused_with_the_nearest_name(alice: User) -> None:
    with pytest.raises(UnknownKind, match=r"'test\.okk'\. Did you mean 'test\.ok'\?"):
        submit_job("test.okk", {}, owner=alice)


def test_a_name_that_a_batch_repeats_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def look(name: str, known: Any, n: int) -> list[str]:
        looked.append(name)
        return []

    monkeypatch.setattr(registry, "get_close_matches", look)
    for _ in range(3):
        with pytest.raises(UnknownKind, match="Known are: "):
            registry.KINDS.find("test.repeated-in-a-batch")

    assert looked == ["test.repeated-in-a-batch"]


def test_a_bad_payload_is_refused_with_every_problem_and_its_place(alice: User) -> None:
    with pytest.raises(BadPayload) as refusal:
        submit_job("test.fault", {"do": "dance", "colour": "red"}, owner=alice)

    assert {problem.where for problem in refusal.value.problems} == {("do",), ("colour",)}
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"queue": "Bad Queue"}, "not a name"),
        ({"priority": 101}, "out of range"),
        ({"run_at": datetime(2030, 1, 1)}, "time zone"),
    ],
)
def test_a_place_that_no_line_knows_is_refused(alice: User, options: dict[str, Any], says: str) -> None:
    with pytest.raises(Refusal, match=says):
        submit_job("test.ok", {}, owner=alice, **options)


def test_a_job_for_later_is_scheduled_and_not_in_line(alice: User) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)

    job = Job.objects.get(pk=submit_job("test.ok", {}, owner=alice, run_at=later).id)

    assert (job.state, job.ready) == ("scheduled", False)


def test_a_time_that_has_passed_is_now(alice: User) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)

    assert Job.objects.get(pk=submit_job("test.ok", {}, owner=alice, run_at=past).id).state == "queued"


def test_the_same_key_and_payload_is_the_same_job(alice: User) -> None:
    key = Key("web:alice", "once")
    first = submit_job("test.ok", {"key": "a"}, owner=alice, key=key)

    second = submit_job("test.ok", {"key": "a"}, owner=alice, key=key)

    assert second == (first.id, True)
    assert Job.objects.count() == 1


def test_the_same_key_with_another_payload_is_refused(alice: User) -> None:
    key = Key("web:alice", "once")
    submit_job("test.ok", {"key": "a"}, owner=alice, key=key)

    with pytest.raises(KeyReused, match="another payload"):
        submit_job("test.ok", {"key": "b"}, owner=alice, key=key)


def test_the_same_key_of_another_person_is_another_key(alice: User, bob: User) -> None:
    submit_job("test.ok", {}, owner=alice, key=Key("web:alice", "once"))

    assert not submit_job("test.ok", {}, owner=bob, key=Key("web:bob", "once")).replayed


@pytest.mark.parametrize("key", ["a\0b", "\ud800", "x" * 256], ids=["NUL", "surrogate", "long"])
def test_a_key_that_cannot_be_kept_is_refused(alice: User, key: str) -> None:
    with pytest.raises(Refusal, match=r"idempotency key .* cannot be kept"):
        submit_job("test.ok", {}, owner=alice, key=Key("web:alice", key))


def test_half_a_surrogate_pair_where_any_text_may_be_is_refused() -> None:
    class Loose(pydantic.BaseModel):
        anything: Any

    with pytest.raises(BadPayload, match="cannot be written as JSON"):
        dump(Loose(anything={"a": "\ud800"}))


@pytest.mark.parametrize("number", ["inf", "-inf", "nan", "1e999"])
def test_a_number_without_end_is_refused_where_it_stands(number: str) -> None:
    class Weights(pydantic.BaseModel):
        note: str | None = None
        weight: float = 1.0
        more: dict[str, deque[Any]] = {}

    with pytest.raises(BadPayload, match=r"weight: is not a finite .*more\.a\.1: is not a finite "):
        dump(Weights(weight=float(number), more={"a": deque([1.0, float(number)])}))
    assert json.loads(dump(Weights()))["note"] is None


def test_a_model_that_writes_it_as_no_json_is_refused_as_well() -> None:
    class Constants(pydantic.BaseModel, ser_json_inf_nan="constants"):
        weight: float

    with pytest.raises(BadPayload, match="weight: is not a finite"):
        dump(Constants(weight=float("nan")))


def test_a_model_that_has_words_for_it_is_accepted() -> None:
    class Words(pydantic.BaseModel, ser_json_inf_nan="strings"):
        note: str | None = None
        weight: float

    assert json.loads(dump(Words(weight=float("inf")))) == {"note": None, "weight": "Infinity"}


def test_an_expired_key_is_free_again(alice: User) -> None:
    from jobs.models import IdempotencyKey

    key = Key("web:alice", "once")
    submit_job("test.ok", {"key": "a"}, owner=alice, key=key)
    IdempotencyKey.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))

    assert not submit_job("test.ok", {"key": "b"}, owner=alice, key=key).replayed


def test_many_are_accepted_in_their_order(alice: User) -> None:
    ids = submit_many("test.ok", ({"key": str(n)} for n in range(250)), owner=alice)

    in_line = Job.objects.order_by("seq")
    assert [job.id for job in in_line] == ids
    assert [job.payload["key"] for job in in_line] == [str(n) for n in range(250)]


def test_one_bad_payload_refuses_them_all(alice: User) -> None:
    with pytest.raises(BadPayload):
        submit_many("test.ok", [{"key": "a"}, {"colour": "red"}], owner=alice)

    assert not Job.objects.exists()


def test_items_are_written_with_their_jobs(alice: User) -> None:
    ids = submit_many("test.items", [{"items": 2}, {"items": 3}], owner=alice)

    assert [Item.objects.filter(job=job, state="pending").count() for job in ids] == [2, 3]


def test_a_worker_can_submit_through_its_own_connection(own: OwnDatabase, alice: User) -> None:
    with own.atomic():
        job = submit_job("test.ok", {}, owner=alice, db=own).id
        assert not Job.objects.filter(pk=job).exists(), "not before its transaction commits"

    assert Job.objects.get(pk=job).state == "queued"
