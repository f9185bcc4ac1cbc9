"""Every page says that mail is redirected, to who is signed in."""

import pytest
from django.test import Client
from pytest_django import Settings

from jobs.conf import conf
from tests.factories import make_job

pytestmark = pytest.mark.django_db
SAYS = "all mail goes to <strong>sandbox@example.org</strong>"


def test_forms_and_jobs_say_where_mail_goes(page: Client, submitter: object, sandbox: None) -> None:
    job = make_job("succeeded", kind="email.campaign", owner=submitter)

    for path in ("/", "/kinds/email.campaign", "/kinds/email.send", f"/jobs/{job.id}"):
        assert SAYS in page.get(path, follow=True).content.decode()


def test_strangers_are_not_told_whose_mailbox_it_is(sandbox: None) -> None:
    answer = Client().get("/p/contact.message", follow=True).content.decode()

    assert "Write to us" in answer
    assert "sandbox@example.org" not in answer


def test_nothing_is_said_where_mail_is_let_out(page: Client) -> None:
    assert "all mail goes to" not in page.get("/kinds/email.campaign").content.decode()


@pytest.mark.parametrize("value", [" ", "everybody"])
def test_a_redirect_to_what_is_no_address_is_not_said_to_get_mail(
    page: Client, settings: Settings, value: str
) -> None:
    settings.MILLRACE = settings.MILLRACE | {"email_redirect_to": value}
    conf.cache_clear()
    shown = page.get("/kinds/email.campaign").content.decode()
    conf.cache_clear()

    assert "no mail is sent, for EMAIL_REDIRECT_TO is no mail address" in shown
    assert "all mail goes to" not in shown
