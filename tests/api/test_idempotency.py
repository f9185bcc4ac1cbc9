"""The same key is the same asking: one job, one answer."""

import dataclasses
import threading
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from jobs.api.openapi import OPERATIONS
from jobs.database import DJANGO
from jobs.idempotency import Key, Taken, recall
from jobs.lifecycle import submit
from jobs.models import IdempotencyKey, Job
from jobs.registry import KINDS
from tests.api.conftest import BASE, post, program
from tests.factories import make_job

BODY = {"kind": "test.frame", "payload": {"width": 20}}


@pytest.mark.django_db
@pytest.mark.parametrize("again", ["k 1", '"k 1"'])
def test_the_same_request_again_gets_the_same_answer_word_for_word(api, frame, again):
    first = post(api, "/jobs", BODY, Idempotency_Key='"k 1"')
    second = post(api, "/jobs", BODY, Idempotency_Key=again)

    assert second.content == first.content
    assert second.status_code == first.status_code == 202
    assert second["Location"] == first["Location"]
    assert second["Retry-After"] == first["Retry-After"]
    assert (first.get("Idempotent-Replayed"), second["Idempotent-Replayed"]) == (None, "true")
    assert Job.objects.count() == 1


@pytest.mark.django_db
def test_another_request_under_the_same_key_is_refused(api, frame):
    post(api, "/jobs", BODY, Idempotency_Key="k")

    answer = post(api, "/jobs", BODY | {"run_at": "2099-01-01T00:00:00Z"}, Idempotency_Key="k")

    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")
    assert Job.objects.count() == 1


@pytest.mark.django_db
def test_a_key_belongs_to_a_person_and_an_address(api, office, frame, submitter):
    jobs = [make_job("failed", owner=submitter, kind="test.frame", payload={"width": 20}) for _ in range(2)]

    answers = [post(client, "/jobs", BODY, Idempotency_Key="k") for client in (api, office)]
    answers += [post(api, f"/jobs/{job.id}/rerun", {}, Idempotency_Key="k") for job in jobs]

    assert [answer.status_code for answer in answers] == [202] * 4
    assert len({answer.json()["id"] for answer in answers}) == 4


@pytest.mark.django_db
def test_two_tokens_of_one_person_share_their_keys(submitter, frame):
    ids = {post(program(submitter), "/jobs", BODY, Idempotency_Key="k").json()["id"] for _ in range(2)}

    assert len(ids) == 1


@pytest.mark.django_db
def test_what_was_refused_leaves_its_key_free(api, frame):
    refused = post(api, "/jobs", BODY | {"kind": "test.frme"}, Idempotency_Key="k")

    assert refused.status_code == 422
    assert post(api, "/jobs", BODY, Idempotency_Key="k").status_code == 202


@pytest.mark.django_db
def test_a_key_that_expired_is_new(api, frame):
    post(api, "/jobs", BODY, Idempotency_Key="k")
    IdempotencyKey.objects.update(expires_at="2020-01-01T00:00:00Z")

    answer = post(api, "/jobs", BODY | {"run_at": "2099-01-01T00:00:00Z"}, Idempotency_Key="k")

    assert answer.status_code == 202
    assert Job.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", '""', '"open', 'a"b', "x" * 256, "ü", '"a\\n"', '"ok"; p=1'])
def test_a_key_that_is_none_is_refused(api, frame, key):
    answer = post(api, "/jobs", BODY, Idempotency_Key=key)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_key")
    assert not Job.objects.exists()


@contextmanager
def being_answered(client, answers):
    """The first request has an answer, and its transaction no end yet."""
    inside, go_on = threading.Event(), threading.Event()

    def first():
        with transaction.atomic():
            answers.append(post(client, "/jobs", BODY, Idempotency_Key="k"))
            inside.set()
            assert go_on.wait(20)
        connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    try:
        assert inside.wait(20)
        yield
    finally:
        go_on.set()
        thread.join()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("quota", [0, 100], ids=["unlimited", "with a quota"])
@pytest.mark.parametrize("other", [{}, {"kind": "nope"}], ids=["same body", "bad body"])
def test_while_the_first_request_is_answered_the_second_is_told_so_at_once(
    submitter, frame, setting, quota, other
):
    """Race: the rival claims the key between the first one's statement and its commit."""
    setting(waiting_quota=quota)
    answers = []
    client = program(submitter)

    with being_answered(client, answers):
        rival = post(client, "/jobs", BODY | other, Idempotency_Key="k")
    after = post(client, "/jobs", BODY, Idempotency_Key="k")

    assert (rival.status_code, rival.json()["code"]) == (409, "key_in_flight")
    assert int(rival["Retry-After"]) > 0
    assert after.json() == answers[0].json()
    assert after["Idempotent-Replayed"] == "true"
    assert Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_job(submitter, frame):
    """Race: whoever comes second finds the key free in its snapshot, and taken in the index."""
    start = threading.Barrier(6)
    client = program(submitter)
    answers = []

    def ask():
        start.wait(20)
        answers.append(post(client, "/jobs", BODY, Idempotency_Key="k"))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    told = [answer.status_code for answer in answers]
    assert set(told) <= {202, 409}
    assert len({answer.content for answer in answers if answer.status_code == 202}) == 1
    assert [answer.get("Idempotent-Replayed") for answer in answers].count(None) == 1 + told.count(409)
    assert Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_submit_with_a_key_is_one_statement(submitter, frame, django_assert_num_queries):
    client = program(submitter)
    post(client, "/jobs", BODY, Idempotency_Key="before")  # asks who comes with this token

    with django_assert_num_queries(1):
        post(client, "/jobs", BODY, Idempotency_Key="k")


@pytest.mark.django_db(transaction=True)
def test_what_fails_after_the_key_was_claimed_leaves_it_free(submitter, frame, monkeypatch):
    """The key is claimed before the items of a job are written: both are undone."""
    broken = dataclasses.replace(frame, items=lambda payload: iter([object()]))
    monkeypatch.setattr(KINDS, "_kinds", {**KINDS._kinds, frame.name: broken})
    client = program(submitter)

    assert post(client, "/jobs", BODY, Idempotency_Key="k").status_code == 500

    assert not IdempotencyKey.objects.exists()
    assert not Job.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("now", [{"waiting_quota": 1}, {"submits_per_minute": 1}], ids=["quota", "rate"])
def test_a_first_answer_comes_before_whatever_stands_in_the_way_now(api, frame, setting, now):
    first = post(api, "/jobs", BODY, Idempotency_Key="k")
    setting(**now)

    answers = [post(api, "/jobs", BODY, Idempotency_Key="k") for _ in range(3)]

    assert [answer.content for answer in answers] == [first.content] * 3


@pytest.mark.django_db
def test_a_first_answer_outlives_its_kind(api, frame, monkeypatch):
    first = post(api, "/jobs", BODY, Idempotency_Key="k")
    others = {name: kind for name, kind in KINDS._kinds.items() if kind is not frame}
    monkeypatch.setattr(KINDS, "_kinds", others)

    assert post(api, "/jobs", BODY, Idempotency_Key="k").content == first.content


@pytest.mark.django_db
def test_a_key_whose_first_request_came_to_nothing_meanwhile_is_free(api, frame, monkeypatch):
    """Race: the rival who held the key rolls back before we look for its answer."""
    insert_job = submit.insert_job

    def insert_later(row, promise, *, db):
        if promise:
            raise Taken
        return insert_job(row, promise, db=db)

    monkeypatch.setattr(submit, "insert_job", insert_later)

    answers = [post(api, "/jobs", BODY, Idempotency_Key="k") for _ in range(2)]

    assert answers[0].status_code == 202
    assert answers[1].content == answers[0].content
    assert Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_request_that_died_leaves_its_key_free(db):
    """Death: after the lock, before the commit. The lock was the transaction's own."""
    key = Key("api:user:1:POST /jobs", "k")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        recall(key, print_="a", db=DJANGO)
        raise ZeroDivisionError

    found = []

    def rival():
        with transaction.atomic():
            found.append(recall(key, print_="a", db=DJANGO))
        connection.close()

    thread = threading.Thread(target=rival)
    thread.start()
    thread.join()

    assert found == [None]


@pytest.mark.django_db
def test_cancel_and_retry_are_remembered_too(api, submitter):
    job = make_job("queued", owner=submitter)
    first = post(api, f"/jobs/{job.id}/cancel", Idempotency_Key="k")
    post(api, f"/jobs/{job.id}/retry")

    second = post(api, f"/jobs/{job.id}/cancel", Idempotency_Key="k")

    assert second.json() == first.json()
    assert api.get(f"{BASE}/jobs/{job.id}").json()["state"] == "queued"


def test_every_post_takes_a_key_or_refuses_it_and_nothing_else_does():
    for name, operation in OPERATIONS.items():
        does = [hasattr(operation.view_func, what) for what in ("takes_key", "refuses_key")]
        assert does.count(True) == ("POST" in operation.methods or "PATCH" in operation.methods), name


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tokens", {"name": "t", "scopes": ["read"]}),
        ("/webhooks", {"url": "https://93.184.215.14/"}),
        ("/webhooks/00000000-0000-7000-8000-000000000000/rotate", None),
    ],
    ids=["token", "webhook", "rotate"],
)
def test_what_shows_a_secret_refuses_a_key(api, path, body):
    answer = post(api, path, body, Idempotency_Key="k")

    assert (answer.status_code, answer.json()["code"]) == (400, "no_key_here")
    assert not IdempotencyKey.objects.exists()


@pytest.mark.django_db
def test_a_key_means_nothing_where_repeating_does_nothing(office, frame):
    body = {"name": "nightly", "kind": "test.frame", "payload": {"width": 20}, "every_seconds": 60}
    made = post(office, "/schedules", body).json()
    here = f"{BASE}/schedules/{made['id']}"
    key = {"Idempotency-Key": "k"}

    changed = [
        office.put(here, body | {"every_seconds": each}, content_type="application/json", headers=key)
        for each in (120, 180)
    ]
    removed = [office.delete(here, headers=key).status_code for _ in range(2)]

    assert [each.status_code for each in changed] == [200, 200]
    assert changed[1].content != changed[0].content
    assert removed == [204, 404]
    assert not IdempotencyKey.objects.exists()
