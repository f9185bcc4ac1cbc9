"""The same key is the same asking: one job, one answer."""

import threading

import pytest
from django.db import connection, transaction

from jobs.api import jobs as operations
from jobs.database import DJANGO
from jobs.idempotency import Key, recall
from jobs.models import IdempotencyKey, Job
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


@pytest.mark.django_db(transaction=True)
def test_while_the_first_request_is_answered_the_second_is_told_so_at_once(submitter, frame, monkeypatch):
    """Race: the rival looks for the key between the first one's lock and its commit."""
    inside, go_on = threading.Event(), threading.Event()
    answers = []
    client = program(submitter)
    accept = operations.answer_accepted

    def slow(accepted):
        inside.set()
        assert go_on.wait(20)
        return accept(accepted)

    monkeypatch.setattr(operations, "answer_accepted", slow)

    def first():
        answers.append(post(client, "/jobs", BODY, Idempotency_Key="k"))
        connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    try:
        assert inside.wait(20)
        rival = post(client, "/jobs", BODY, Idempotency_Key="k")
    finally:
        go_on.set()
        thread.join()
    after = post(client, "/jobs", BODY, Idempotency_Key="k")

    assert (rival.status_code, rival.json()["code"]) == (409, "key_in_flight")
    assert int(rival["Retry-After"]) > 0
    assert after.json() == answers[0].json()
    assert after["Idempotent-Replayed"] == "true"
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
