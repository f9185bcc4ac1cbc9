"""Reports by HTTP: a token for nothing else, the message as it came, believed about ours alone."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.mail.message_ids import make_message_id
from jobs.mail.suppression import look_up
from jobs.models import Item
from jobs.models.suppression import Suppressed
from tests.api.conftest import BASE, program
from tests.factories import make_job
from tests.mail.letters import bounce, complaint

pytestmark = pytest.mark.django_db
ADA = "ada@example.org"


@pytest.fixture
def gateway(charlie: User) -> Client:
    """A mail server's token."""
    return program(charlie, "bounces")


@pytest.fixture
def message_id(submitter: User) -> str:
    job = make_job("succeeded", owner=submitter)
    return make_message_id(job.id, Item.objects.create(job=job, key=ADA, state="done").pk, "example.org")


def hand_in(client: Client, raw: bytes, media_type: str = "message/rfc822") -> Any:
    return client.post(f"{BASE}/bounces", raw, content_type=media_type)


def test_a_report_is_taken_once(gateway: Client, message_id: str, submitter: User) -> None:
    first, second = (hand_in(gateway, bounce(message_id)) for _ in range(2))

    assert (first.status_code, first.json()) == (200, {"effect": "suppressed", "is_new": True})
    assert (second.status_code, second.json()) == (200, {"effect": "nothing", "is_new": False})
    assert look_up(submitter.pk, [ADA]) == {ADA: Suppressed.BOUNCED}


def test_a_complaint_is_taken_too(gateway: Client, message_id: str, submitter: User) -> None:
    hand_in(gateway, complaint(message_id))

    assert look_up(submitter.pk, [ADA]) == {ADA: Suppressed.COMPLAINED}


@pytest.mark.parametrize(
    "raw",
    [b"hello", bounce("<made@up.example>"), b"\xff" * 100],
    ids=["text", "made-up", "bytes"],
)
def test_what_cannot_be_believed_is_a_problem(gateway: Client, raw: bytes) -> None:
    answer = hand_in(gateway, raw)

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_report")


def test_a_report_may_be_larger_than_a_body_of_json(gateway: Client, message_id: str) -> None:
    large = bounce(message_id).replace(b"We are sorry.", b"We are sorry. " * 300_000)

    assert len(large) > 4_000_000
    assert hand_in(gateway, large).status_code == 200


def test_one_that_is_too_large_is_refused(gateway: Client) -> None:
    answer = hand_in(gateway, b"x" * (10 * 1024 * 1024 + 1))

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_another_media_type_is_told_the_right_one(gateway: Client, message_id: str) -> None:
    answer = hand_in(gateway, bounce(message_id), "text/plain")

    assert (answer.status_code, answer["Accept"]) == (415, "message/rfc822")


def test_the_token_opens_nothing_else(gateway: Client, message_id: str) -> None:
    for path in ("/jobs", "/suppressions", "/webhooks"):
        assert gateway.get(BASE + path).status_code == 403
    assert gateway.post(f"{BASE}/jobs", {}, content_type="application/json").status_code == 403


def test_other_tokens_do_not_open_this(submitter: User, message_id: str) -> None:
    answer = hand_in(program(submitter, "submit", "read", "cancel"), bounce(message_id))

    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert "'bounces'" in answer.json()["detail"]
