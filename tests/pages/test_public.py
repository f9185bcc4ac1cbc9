"""Forms for everybody: limited, thanked, and silent about everything else."""

import re
from datetime import timedelta

import pytest
from django.core.signing import TimestampSigner
from django.test import Client
from django.utils import timezone
from pydantic import BaseModel, Field

from jobs import conf
from jobs.models import Job, Tombstone
from jobs.pages.public import SALT, make_token
from tests.factories import make_job, make_user

pytestmark = pytest.mark.django_db
URL = "/p/test.form"


class Payload(BaseModel):
    message: str = Field(min_length=3)


@pytest.fixture
def visitor(request) -> Client:
    """A browser without an account, at an address of its own."""
    number = abs(hash(request.node.name)) % 60_000
    return Client(REMOTE_ADDR=f"10.9.{number // 250}.{number % 250 + 1}")


@pytest.fixture
def declared(declare):
    return declare(Payload, public=True, thanks="Thank you, and have a good day.")


@pytest.fixture
def two_an_hour(monkeypatch):
    chosen = conf.Conf(public_per_hour=2)
    monkeypatch.setattr("jobs.pages.public.conf", lambda: chosen)


def test_no_account_is_needed_and_the_thank_you_page_says_how_it_goes(visitor, declared):
    answer = visitor.post(URL, {"message": "Good morning"})

    job = Job.objects.get()
    thanks = visitor.get(answer.headers["Location"])
    text = thanks.content.decode()
    assert (job.owner.username, job.door) == ("millrace.public", "public")
    assert "Thank you, and have a good day." in text and "queued" in text
    assert "Good morning" not in text and str(job.id) not in text


@pytest.mark.parametrize(
    "state", ["queued", "running", "succeeded", "failed", "cancelled", "retrying", "scheduled"]
)
def test_the_thank_you_page_is_honest_about_every_state(visitor, declared, state):
    job = make_job(state, kind="test.form", error="the inner reason", payload={"message": "secret"})

    text = visitor.get(f"/p/thanks/{make_token(job.id)}").content.decode()

    assert f'<span class="state {state}">' in text
    assert ("every 2s" in text) is not job.is_final
    assert "inner reason" not in text and "secret" not in text


@pytest.mark.parametrize(
    ("state", "word", "heading"),
    [
        ("running", "running", "Thank you, and have a good day."),
        ("succeeded", "Done", "Thank you. It is done."),
        ("failed", "Not done", "We are sorry: it could not be done."),
        ("cancelled", "Cancelled", "It was cancelled."),
    ],
)
def test_the_heading_and_the_word_of_an_end_are_a_visitors(visitor, declared, state, word, heading):
    text = visitor.get(f"/p/thanks/{make_token(make_job(state, kind='test.form').id)}").content.decode()

    live = text[text.index('id="live"') :]
    assert f"<h1>{heading}</h1>" in live, "inside the live part, which replaces it when the job ends"
    assert re.search(rf"</svg>\s*{word}</span>", live)


def test_too_many_from_one_address_are_refused_and_nothing_typed_is_lost(visitor, declared, two_an_hour):
    for number in range(2):
        assert visitor.post(URL, {"message": f"message {number}"}).status_code == 302

    answer = visitor.post(URL, {"message": "one too many"})

    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 3601
    assert (
        'value="one too many"' in answer.content.decode()
        or ">one too many<" in answer.content.decode().replace("\n", "")
    )
    assert Job.objects.count() == 2


def test_a_forged_proxy_header_is_no_new_address(visitor, declared, two_an_hour):
    answers = [
        visitor.post(URL, {"message": "hello"}, headers={"X-Forwarded-For": f"1.2.3.{number}"}).status_code
        for number in range(3)
    ]

    assert answers == [302, 302, 429]


def test_a_form_that_is_refused_does_not_count(visitor, declared, two_an_hour):
    for _ in range(5):
        assert visitor.post(URL, {"message": ""}).status_code == 422

    assert visitor.post(URL, {"message": "hello"}).status_code == 302


def test_the_second_click_of_a_visitor_is_the_same_job(visitor, declared):
    key = re.search(r'name="how-key" value="([^"]+)"', visitor.get(URL).content.decode())[1]

    for _ in range(2):
        visitor.post(URL, {"message": "hello", "how-key": key})

    assert Job.objects.count() == 1


def test_a_visitor_chooses_neither_priority_nor_group(visitor, declared):
    visitor.post(URL, {"message": "hello", "how-priority": "100", "how-group": "1"})

    assert (Job.objects.get().priority, Job.objects.get().group) == (0, None)


def test_a_kind_that_is_not_public_has_no_public_form(visitor, declare):
    declare(Payload)

    assert visitor.get(URL).status_code == 404
    assert visitor.post(URL, {"message": "hello"}).status_code == 404
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "forge", [lambda token: token[:-1] + "x", lambda token: "x" + token, lambda token: token.upper()]
)
def test_a_forged_link_leads_nowhere(visitor, declared, forge):
    token = forge(make_token(make_job(kind="test.form").id))

    assert visitor.get(f"/p/thanks/{token}").status_code == 404


def test_a_link_of_another_purpose_is_no_thank_you_link(visitor, declared):
    token = TimestampSigner(salt="millrace.artifact").sign(make_job(kind="test.form").id.hex)

    assert visitor.get(f"/p/thanks/{token}").status_code == 404
    assert SALT != "millrace.artifact"


def test_a_link_that_is_too_old_is_gone(visitor, declared, monkeypatch):
    token = make_token(make_job(kind="test.form").id)
    monkeypatch.setattr("jobs.pages.public.conf", lambda: conf.Conf(link_hours=-1))

    assert visitor.get(f"/p/thanks/{token}").status_code == 410


def test_a_purged_message_is_gone(visitor, declared):
    job = make_job("succeeded", kind="test.form")
    token = make_token(job.id)
    Tombstone.objects.create(id=job.id, owner=make_user(), until=timezone.now() + timedelta(days=1))
    Job.objects.all().delete()

    assert visitor.get(f"/p/thanks/{token}").status_code == 410
