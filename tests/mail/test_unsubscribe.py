"""Unsubscribing (RFC 8058): the link is the right to do it, one POST does it, and looking changes nothing."""

import re
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import NoReverseMatch
from pytest_django import Settings

from jobs.mail import unsubscribe as verbs
from jobs.mail.suppression import Entry, lift, look_up, suppress
from jobs.mail.unsubscribe import unsubscribe_headers, unsubscribe_link
from jobs.models import Suppression
from jobs.models.suppression import Suppressed
from tests.webhooks.conftest import SetConf

pytestmark = pytest.mark.django_db
ADA = "Ada+news@example.org"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def link(alice: User) -> str:
    return urlsplit(unsubscribe_link(alice.pk, uuid4(), ADA)).path


@pytest.fixture
def mail_program() -> Client:
    """It has no cookie, and would be refused where a form token is wanted."""
    return Client(enforce_csrf_checks=True)


def test_one_post_without_cookie_or_form_token_unsubscribes(
    mail_program: Client, link: str, alice: User
) -> None:
    answer = mail_program.post(link, ONE_CLICK)

    assert answer.status_code == 200
    assert "You are unsubscribed" in answer.content.decode()
    assert look_up(alice.pk, [ADA]) == {ADA: Suppressed.UNSUBSCRIBED}
    row = Suppression.objects.get()
    assert (row.source, row.address, row.expires_at) == ("link", ADA, None)


def test_the_same_in_the_form_that_rfc_8058_also_allows(mail_program: Client, link: str, alice: User) -> None:
    body = "List-Unsubscribe=One-Click"
    mail_program.post(link, body, content_type="application/x-www-form-urlencoded")

    assert ADA in look_up(alice.pk, [ADA])


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_changes_nothing(mail_program: Client, link: str, method: str) -> None:
    answer = getattr(mail_program, method)(link)

    assert answer.status_code == 200
    assert not Suppression.objects.exists()
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["X-Robots-Tag"] == "noindex"


def test_a_person_finds_a_button_that_posts_the_same(mail_program: Client, link: str, alice: User) -> None:
    text = mail_program.get(link).content.decode()

    [(name, value)] = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]+)">', text)
    assert ADA in text
    mail_program.post(link, {name: value})
    assert ADA in look_up(alice.pk, [ADA])
    assert "You are unsubscribed" in mail_program.get(link).content.decode()


@pytest.mark.parametrize(
    "body", [{}, {"List-Unsubscribe": "yes"}, {"list-unsubscribe": "One-Click"}], ids=str
)
def test_a_post_that_does_not_say_so_changes_nothing(
    mail_program: Client, link: str, body: dict[str, str]
) -> None:
    answer = mail_program.post(link, body)

    assert answer.status_code == 422
    assert "Nothing has changed yet" in answer.content.decode()
    assert not Suppression.objects.exists()


def test_repeating_it_is_safe(mail_program: Client, link: str) -> None:
    answers = [mail_program.post(link, ONE_CLICK) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert Suppression.objects.count() == 1


def test_it_is_done_for_that_owner_alone(mail_program: Client, link: str, bob: User) -> None:
    mail_program.post(link, ONE_CLICK)

    assert look_up(bob.pk, [ADA]) == {}


def test_a_bounced_address_can_still_say_no(mail_program: Client, link: str, alice: User) -> None:
    suppress(alice.pk, [Entry(address=ADA, reason=Suppressed.BOUNCED, source="smtp")])
    assert "Unsubscribe?" in mail_program.get(link).content.decode()

    mail_program.post(link, ONE_CLICK)

    lift(alice.pk, [ADA], reasons=[Suppressed.BOUNCED])
    assert look_up(alice.pk, [ADA]) == {ADA: Suppressed.UNSUBSCRIBED}


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("forge", ["cut", "changed", "another"])
def test_a_forged_link_gets_a_page_that_says_so(
    mail_program: Client, link: str, alice: User, method: str, forge: str
) -> None:
    from jobs.pages.public import make_token

    forged = {
        "cut": link[:-3],
        "changed": link.replace("unsubscribe/", "unsubscribe/x"),
        "another": f"/unsubscribe/{make_token(uuid4())}",
    }[forge]

    answer = getattr(mail_program, method)(forged, ONE_CLICK)

    assert answer.status_code == 404
    assert "not one of ours, or it was cut off" in answer.content.decode()
    assert not Suppression.objects.exists()


def test_an_expired_link_gets_a_page_that_says_so(mail_program: Client, link: str, set_conf: SetConf) -> None:
    set_conf(unsubscribe_days=-1)

    answer = mail_program.post(link, ONE_CLICK)

    assert answer.status_code == 410
    assert "This link to unsubscribe has expired" in answer.content.decode()
    assert not Suppression.objects.exists()


def test_the_mails_of_somebody_who_is_gone_have_ended_anyway(
    mail_program: Client, link: str, alice: User
) -> None:
    alice.delete()

    assert mail_program.post(link, ONE_CLICK).status_code == 200
    assert not Suppression.objects.exists()


def test_the_headers_are_those_of_rfc_8058(settings: Settings, alice: User) -> None:
    settings.PUBLIC_URL = "https://mill.example.org"

    headers = unsubscribe_headers(unsubscribe_link(alice.pk, uuid4(), ADA))

    assert set(headers) == {"List-Unsubscribe", "List-Unsubscribe-Post"}
    assert re.fullmatch(r"<https://mill\.example\.org/unsubscribe/[\w:-]+>", headers["List-Unsubscribe"])
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_one_click_is_promised_over_https_alone(settings: Settings, alice: User) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    assert set(unsubscribe_headers(unsubscribe_link(alice.pk, uuid4(), ADA))) == {"List-Unsubscribe"}

    del settings.PUBLIC_URL
    assert unsubscribe_headers(unsubscribe_link(alice.pk, uuid4(), ADA)) == {}


def test_a_project_without_our_pages_has_no_link(monkeypatch: pytest.MonkeyPatch, alice: User) -> None:
    def reverse(*args: object, **kwargs: object) -> str:
        raise NoReverseMatch

    monkeypatch.setattr(verbs, "reverse", reverse)

    assert unsubscribe_link(alice.pk, uuid4(), ADA) == ""
