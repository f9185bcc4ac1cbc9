"""EMAIL_REDIRECT_TO: all mail goes to one mailbox, whichever kind sends it and by whatever way."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dkim
import pytest
from django.core import mail as django_mail
from django.core.mail import EmailMultiAlternatives, mail_admins, send_mail
from pytest_django import Settings

from jobs.conf import conf
from jobs.errors import Failed, Rejected
from jobs.mail.bounces import Effect, take_report
from jobs.models import Item, Suppression
from jobs.registry import KINDS
from tests.engines.mail.keys import DOMAIN, ask_dns, rsa_signer
from tests.mail.letters import bounce, complaint, recipient
from tests.mail_settings import point_at
from tests.running import accept, lose, run
from tests.smtp import Server
from tests.smtp_script import ScriptedServer, scripted
from workers.engines.mail.transport import SMTP_BACKENDS
from workers.engines.smtp import kept

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
SANDBOX = "sandbox@bücher.example"
SANDBOX_ASCII = "sandbox@xn--bcher-kva.example"
ASKED: dict[str, dict[str, Any]] = {
    "email.send": {"to": ["ada@example.org", "bob@example.org"], "subject": "Hi", "text": "Hi"},
    "email.campaign": {
        "recipients": [{"to": "ada@example.org"}, {"to": "bob@example.org"}],
        "subject": "Hi {{ email }}",
        "text": "Hi",
    },
    "contact.message": {"name": "Ada", "email": "ada@example.org", "message": "Hi"},
}
WAYS = [*sorted(SMTP_BACKENDS), "django.core.mail.backends.locmem.EmailBackend"]


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[Settings]:
    settings.MILLRACE = settings.MILLRACE | {"email_redirect_to": SANDBOX}
    conf.cache_clear()
    yield settings
    conf.cache_clear()


@pytest.fixture
def mill(settings: Settings) -> Iterator[ScriptedServer]:
    with scripted() as server:
        point_at(server.port, settings)
        yield server
        kept.close_all()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.split(".")[-2])
@pytest.mark.parametrize("name", ASKED)
def test_nothing_leaves_to_anybody_else(
    name: str, way: str, sandbox: Settings, mill: ScriptedServer, alice: Any
) -> None:
    sandbox.EMAIL_BACKEND = way
    kind = KINDS.find(name)
    job = accept(kind, ASKED[name])

    result = run(kind, job)

    sent = 2
    if way in SMTP_BACKENDS:
        assert mill.recipients == [SANDBOX_ASCII] * sent
        assert not django_mail.outbox
    else:
        assert [message.recipients() for message in django_mail.outbox] == [[SANDBOX_ASCII]] * sent
        assert not mill.sessions
    assert (result.values["done"], result.values["redirected_to"]) == (sent, SANDBOX_ASCII)
    keys = set(Item.objects.filter(job=job).values_list("key", flat=True))
    assert SANDBOX_ASCII not in keys, "the ledger names whom it was for"
    assert "ada@example.org" in keys or name == "contact.message"


def test_every_way_to_a_mail_server_is_one_that_redirects() -> None:
    """A new one is to be added to the test above."""
    sends = re.compile(r"smtplib|django\.core\.mail|get_connection\(|transport\.opened|Mailer\(")
    found = {
        str(path.relative_to(ROOT))
        for room in ("core", "jobs", "workers")
        for path in (ROOT / room).rglob("*.py")
        if sends.search(path.read_text())
    }

    engines = {
        f"workers/engines/mail/{name}.py"
        for name in ("by_django", "letter", "raised", "redirect", "transport")
    }
    smtp = {f"workers/engines/smtp/{name}.py" for name in ("kept", "server")}
    kinds = {f"workers/kinds/{name}.py" for name in ("campaign", "contact", "email")}
    assert found == engines | smtp | kinds


def test_the_mail_is_what_it_was_with_its_reader_on_top(sandbox: Settings, post: Server) -> None:
    sandbox.DEFAULT_FROM_EMAIL = f"mill@{DOMAIN}"
    signer = rsa_signer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.engines.mail.ours.signers_for", lambda domain: [signer])
        with scripted() as mill:
            sandbox.EMAIL_PORT = mill.port
            kind = KINDS.find("email.campaign")
            run(kind, accept(kind, ASKED["email.campaign"]))
            kept.close_all()
            raw = mill.taken[0].content

    assert raw.startswith(b"X-Original-To: ada@example.org\r\n")
    assert b"\r\nTo: ada@example.org\r\n" in raw
    assert b"\r\nSubject: Hi ada@example.org\r\n" in raw
    assert dkim.verify(raw, dnsfunc=ask_dns)


def test_what_the_sandbox_refuses_says_nothing_about_who_was_meant(sandbox: Settings, post: Server) -> None:
    post.replies[SANDBOX_ASCII] = "550 5.1.1 No such mailbox"
    kind = KINDS.find("email.campaign")
    job = accept(kind, ASKED["email.campaign"])

    with pytest.raises(Rejected, match=r"ada@example\.org was refused .* No such mailbox \(redirected\)"):
        run(kind, job)

    assert not Suppression.objects.exists()
    assert Item.objects.filter(job=job, state="failed").count() == 2


def test_a_bounce_of_the_sandbox_suppresses_nobody(sandbox: Settings, post: Server) -> None:
    kind = KINDS.find("email.campaign")
    job = accept(kind, ASKED["email.campaign"])
    run(kind, job)
    message_id = str(post.taken[0][1]["Message-ID"])

    taken = take_report(bounce(message_id, recipient(SANDBOX_ASCII)))

    assert taken.effect is Effect.NOTED
    assert not Suppression.objects.exists()


def goes_to(settings: Settings, mailbox: str) -> None:
    settings.MILLRACE = settings.MILLRACE | {"email_redirect_to": mailbox}
    conf.cache_clear()


@pytest.mark.parametrize("name", ASKED)
def test_a_late_report_of_the_sandbox_suppresses_nobody_when_mail_is_let_out(
    name: str, sandbox: Settings, post: Server
) -> None:
    kind = KINDS.find(name)
    run(kind, accept(kind, ASKED[name]))
    message_id = str(post.taken[-1][1]["Message-ID"])
    goes_to(sandbox, "")

    taken = take_report(bounce(message_id, recipient("ada@example.org")))

    assert taken.effect is Effect.NOTED
    assert not Suppression.objects.exists()


def test_a_complaint_about_a_mail_that_went_out_suppresses_while_the_sandbox_is_on(
    sandbox: Settings, post: Server
) -> None:
    goes_to(sandbox, "")
    kind = KINDS.find("email.campaign")
    run(kind, accept(kind, ASKED["email.campaign"]))
    message_id = str(post.taken[0][1]["Message-ID"])
    goes_to(sandbox, SANDBOX)

    take_report(complaint(message_id))

    assert Suppression.objects.get().address == "ada@example.org"


def test_a_result_calls_redirected_only_what_was(sandbox: Settings, post: Server) -> None:
    goes_to(sandbox, "")
    kind = KINDS.find("email.campaign")
    job = accept(kind, ASKED["email.campaign"])
    run(kind, job)
    goes_to(sandbox, SANDBOX)

    result = run(kind, lose(job))  # it died after the last mail, before it was finished

    assert result.values["done"] == 2
    assert "redirected_to" not in result.values


@pytest.mark.parametrize("value", ["not an address", " "])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.split(".")[-2])
def test_a_sandbox_that_is_no_address_lets_nothing_out(
    way: str, value: str, sandbox: Settings, mill: ScriptedServer
) -> None:
    sandbox.EMAIL_BACKEND = way
    goes_to(sandbox, value)
    kind = KINDS.find("email.campaign")
    job = accept(kind, ASKED["email.campaign"])

    with pytest.raises(Failed, match=f"EMAIL_REDIRECT_TO='{value}' is not a mail address"):
        run(kind, job)

    assert not mill.sessions
    assert not django_mail.outbox
    assert Item.objects.filter(job=job, state="pending").count() == 2, "they are sent to once it is mended"


def test_mail_that_djangos_own_functions_send_is_redirected_too(sandbox: Settings, post: Server) -> None:
    sandbox.EMAIL_BACKEND = "workers.engines.mail.redirect.RedirectingBackend"
    sandbox.ADMINS = [("Root", "root@example.org")]

    send_mail("Hi", "Hi", None, ["ada@example.org", "Bob <bob@example.org>"])
    mail_admins("Broken", "It broke")
    EmailMultiAlternatives(
        "Hi", "Hi", to=["a@example.org"], cc=["c@example.org"], bcc=["b@example.org"]
    ).send()

    assert post.recipients == [SANDBOX_ASCII] * 3
    (_, first), _, (_, third) = post.taken
    assert first["To"] == first["X-Original-To"] == "ada@example.org, Bob <bob@example.org>"
    assert (third["To"], third["Cc"]) == ("a@example.org", "c@example.org")
    assert third["X-Original-To"] == "a@example.org, c@example.org, b@example.org"


def test_a_message_of_djangos_can_be_sent_again(sandbox: Settings, post: Server) -> None:
    """By whoever made it: a retry of theirs, say. It is theirs, and we change nothing about it."""
    sandbox.EMAIL_BACKEND = "workers.engines.mail.redirect.RedirectingBackend"
    message = EmailMultiAlternatives(
        "Hi", "Hi", to=["a@example.org"], cc=["c@example.org"], bcc=["b@example.org"], headers={"X-One": "1"}
    )

    message.send()
    message.send()

    assert post.recipients == [SANDBOX_ASCII] * 2
    meant = "a@example.org, c@example.org, b@example.org"
    assert [sent["X-Original-To"] for _, sent in post.taken] == [meant, meant]
    assert message.recipients() == meant.split(", ")
    assert message.extra_headers == {"X-One": "1"}


@pytest.mark.parametrize(("given", "kept"), [(SANDBOX, SANDBOX), (f" {SANDBOX}\t", SANDBOX), (" ", " ")])
def test_the_installation_sends_by_the_backend_that_redirects(
    monkeypatch: pytest.MonkeyPatch, given: str, kept: str
) -> None:
    """Also where the value is blank: then it sends nothing."""
    monkeypatch.setenv("EMAIL_REDIRECT_TO", given)

    found = runpy.run_path(str(ROOT / "core" / "settings.py"))

    assert found["EMAIL_BACKEND"] == "workers.engines.mail.redirect.RedirectingBackend"
    assert found["EMAIL_REDIRECT_TO"] == found["MILLRACE"]["email_redirect_to"] == kept
