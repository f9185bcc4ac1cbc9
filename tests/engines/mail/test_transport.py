"""Any backend of Django's may send: what it says, or does not say, is told as our own engine's words are."""

import smtplib
from collections.abc import Iterator
from email.message import Message
from json import JSONDecodeError
from typing import Any
from urllib.error import HTTPError

import pytest
from django.core import mail as django_mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import BadHeaderError
from pytest_django import Settings

from tests.engines.mail.foreign import (
    FOREIGN,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
    Foreign,
    RequestsHTTPError,
    Response,
    Speechless,
    answered,
    boto,
)
from tests.engines.mail.reading import read
from workers.engines.mail import ours, transport
from workers.engines.mail.header import Mailbox
from workers.engines.mail.letter import Form, Recipient
from workers.engines.mail.mime import Attachment
from workers.engines.mail.pattern import parse
from workers.engines.mail.posting import Posting
from workers.engines.smtp.connection import Unreachable


@pytest.fixture
def foreign(settings: Settings) -> Iterator[type[Foreign]]:
    settings.EMAIL_BACKEND = FOREIGN
    Foreign.forget()
    yield Foreign
    Foreign.forget()


def posting(address: str = "ada@example.org", **fields: Any) -> Posting:
    subject = parse("Hello {{ name }}", field="subject")
    letter = ours.letter("message", subject, {"text": "Grüße & <b>"}, **fields)
    recipient = Recipient(
        mailbox=Mailbox(address, "Ada Löve"),
        message_id="<1@example.org>",
        values={"name": "Ada"},
        unsubscribe="https://example.org/u",
    )
    return Posting(Form(letter), recipient)


def verdicts(*postings: Posting) -> list[str]:
    with transport.opened() as way:
        return [outcome.verdict.value for outcome in way.send(postings)]


def test_a_backend_of_djangos_gets_the_same_message(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    file = Attachment("b.pdf", b"%PDF", "application/pdf")

    assert verdicts(posting(reply_to=Mailbox("desk@example.org"), attachments=[file])) == ["taken"]

    [message] = django_mail.outbox
    back = read(message.message().as_bytes(linesep="\r\n"))
    assert message.recipients() == ["ada@example.org"]
    assert (back["Subject"], back["Reply-To"], back["Message-ID"]) == (
        "Hello Ada", "desk@example.org", "<1@example.org>",
    )  # fmt: skip
    assert back["To"].addresses[0].addr_spec == "ada@example.org"
    assert back["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert back.get_body(["plain"]).get_content().startswith("Grüße & <b>")  # type: ignore[union-attr]
    assert "Grüße &amp; &lt;b&gt;" in back.get_body(["html"]).get_content()  # type: ignore[union-attr]
    assert [part.get_filename() for part in back.iter_attachments()] == ["b.pdf"]


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (smtplib.SMTPRecipientsRefused({"ada@example.org": (550, b"5.1.1 No")}), "refused"),
        (smtplib.SMTPRecipientsRefused({"ADA@example.org": (450, b"4.2.0 Later")}), "put_off"),
        (smtplib.SMTPRecipientsRefused({}), "undecided"),
        (smtplib.SMTPDataError(554, "Spam"), "refused"),
        (smtplib.SMTPDataError(-1, "no SMTP"), "undecided"),
        (smtplib.SMTPSenderRefused(552, b"5.3.4 Too large", "mill@example.org"), "refused"),
        (smtplib.SMTPSenderRefused(451, b"4.3.0 Later", "mill@example.org"), "put_off"),
        (smtplib.SMTPNotSupportedError("SMTPUTF8"), "refused"),
        (smtplib.SMTPServerDisconnected("gone"), "undecided"),
        (TimeoutError(), "undecided"),
        (OSError("401 Unauthorized"), "undecided"),
        (answered(400), "refused"),
        (answered(422), "refused"),
        (boto(400), "refused"),
        (RequestsHTTPError("no", response=Response(413)), "refused"),
        (HTTPError("https://mail.example", 400, "Bad", Message(), None), "refused"),
        (answered(200, "Invalid JSON"), "undecided"),
        (answered(408), "undecided"),
        (answered(500), "undecided"),
        (answered(502), "undecided"),
        (AnymailRecipientsRefused("refused", response=Response(200)), "refused"),
        (AnymailInvalidAddress("no address"), "refused"),
        (AnymailUnsupportedFeature("no such headers"), "refused"),
        (AnymailSerializationError("a Decimal"), "refused"),
        (BadHeaderError("a newline"), "refused"),
        (JSONDecodeError("an answer", "", 0), "undecided"),
        (ValueError("of sending, or of the answer"), "undecided"),
        (KeyError("id"), "undecided"),
        (Speechless(), "undecided"),
    ],
    ids=repr,
)
def test_what_another_backend_raises_is_told_of_whom_it_was_about(
    foreign: type[Foreign], error: Exception, verdict: str
) -> None:
    foreign.fails = [error]

    assert verdicts(posting(), posting()) == [verdict, "taken"]


def test_an_answer_by_http_is_no_answer_by_smtp(foreign: type[Foreign]) -> None:
    """A 5.1.1 in its words calls nobody dead."""
    foreign.fails = [answered(422, "5.1.1 no such user")]

    with transport.opened() as way:
        [found] = way.send([posting()])

    assert (found.code, found.text) == (0, "HTTP 422: 5.1.1 no such user")


@pytest.mark.parametrize(
    "error",
    [
        answered(401),
        answered(402),
        answered(407),
        boto(401),
        answered(429),
        HTTPError("https://mail.example", 401, "Said so", Message(), None),
        ImproperlyConfigured("Said so: no key"),
        smtplib.SMTPAuthenticationError(535, b"5.7.8 Said so"),
        smtplib.SMTPSenderRefused(550, b"5.1.0 Said so", "mill@example.org"),
    ],
    ids=repr,
)
def test_what_is_about_our_account_stops_all_mail_and_nobody_is_refused(
    foreign: type[Foreign], error: Exception
) -> None:
    foreign.fails = [None, error]

    with transport.opened() as way:
        found = list(way.send([posting()] * 4))

    assert [outcome.verdict.value for outcome in found] == ["taken"] + ["unsent"] * 3
    assert isinstance(way.stopped, Unreachable)
    assert "Said so" in str(way.stopped)
    assert way.stopped.told
    assert "Said so" not in way.stopped.told, "its words may name somebody"


def test_that_too_much_was_sent_asks_to_be_left_alone(foreign: type[Foreign]) -> None:
    foreign.fails = [answered(429)]

    with transport.opened() as way:
        list(way.send([posting()]))

    assert way.stopped
    assert way.stopped.again_in


@pytest.mark.parametrize(
    "error",
    [OSError("401 Unauthorized"), ValueError("no"), RuntimeError("no"), answered(500), None],
    ids=repr,
)
def test_after_a_few_that_nobody_can_tell_no_more_are_put_at_risk(
    foreign: type[Foreign], error: Exception | None
) -> None:
    foreign.always, foreign.takes = error, 0 if error is None else 1

    with transport.opened() as way:
        found = list(way.send([posting()] * 5))

    assert [outcome.verdict.value for outcome in found] == ["undecided"] * 3 + ["unsent"] * 2
    assert "does not say whether it took the mail" in str(way.stopped)


def test_some_that_nobody_can_tell_stop_nothing_while_others_are_answered(foreign: type[Foreign]) -> None:
    lost = ValueError("no")
    foreign.fails = [lost, lost, None, lost, lost, AnymailInvalidAddress("no"), lost]

    found = verdicts(*[posting()] * 7)

    assert [verdict for verdict in found if verdict != "undecided"] == ["taken", "refused"]


@pytest.mark.parametrize("error", [answered(403), answered(404), answered(405), boto(403)], ids=repr)
def test_what_may_be_about_one_message_stops_all_mail_and_is_charged_to_it(
    foreign: type[Foreign], error: Exception
) -> None:
    """It would be the first to be tried again otherwise, for ever."""
    foreign.fails = [None, error]

    with transport.opened() as way:
        found = list(way.send([posting()] * 4))

    assert [outcome.verdict.value for outcome in found] == ["taken", "put_off", "unsent", "unsent"]
    assert found[1].is_of_message
    assert "refuses this account" in str(way.stopped)


def test_recipients_that_a_service_refuses_are_refused_whatever_its_status(foreign: type[Foreign]) -> None:
    foreign.fails = [AnymailRecipientsRefused("no", response=Response(403))]

    assert verdicts(posting(), posting()) == ["refused", "taken"]


def test_a_service_that_is_away_twice_in_a_row_is_left_alone(foreign: type[Foreign]) -> None:
    foreign.fails = [None, answered(503), None, answered(503), answered(503)]

    with transport.opened() as way:
        found = [outcome.verdict.value for outcome in way.send([posting()] * 6)]

    assert found == ["taken", "put_off", "taken", "put_off", "put_off", "unsent"]
    assert way.stopped
    assert way.stopped.again_in
    assert "503" in str(way.stopped)


def test_a_service_that_is_away_from_the_start_is_asked_once(foreign: type[Foreign]) -> None:
    foreign.always = answered(503)

    assert verdicts(posting(), posting()) == ["put_off", "unsent"]


def test_an_interruption_is_no_answer(foreign: type[Foreign]) -> None:
    """A worker's limit of time, say."""
    foreign.always = KeyboardInterrupt()  # type: ignore[assignment]

    with pytest.raises(KeyboardInterrupt):
        verdicts(posting())


def test_a_backend_that_says_nothing_of_a_message_leaves_it_undecided(foreign: type[Foreign]) -> None:
    foreign.takes = 0

    assert verdicts(posting()) == ["undecided"]


@pytest.mark.parametrize("kind", [ConnectionRefusedError, ValueError, ImproperlyConfigured])
def test_a_backend_that_cannot_be_opened_sends_nothing_more(
    foreign: type[Foreign], kind: type[Exception]
) -> None:
    foreign.opens = [kind("nobody there")]

    with transport.opened() as way:
        found = list(way.send([posting(), posting()]))

    assert [outcome.verdict.value for outcome in found] == ["unsent"] * 2
    assert str(way.stopped) == "The mail server cannot be used: nobody there"


def test_an_address_that_is_not_ascii_is_not_for_a_backend_of_djangos(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

    with transport.opened() as way:
        [found] = way.send([posting("dörte@example.org")])

    assert (found.verdict.value, found.recipient) == ("refused", "dörte@example.org")
    assert "SMTPUTF8" in found.text
    assert not django_mail.outbox


@pytest.mark.parametrize("name", ["smtp", "locmem"])
def test_what_cannot_be_written_is_refused_whoever_sends(settings: Settings, name: str) -> None:
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{name}.EmailBackend"

    with transport.opened() as way:
        [found] = way.send([posting("ada@example.org\r\nBcc: eve@example.org")])

    assert (found.verdict.value, found.status, found.code) == ("refused", "5.6.0", 0)
    assert "control character" in found.text
