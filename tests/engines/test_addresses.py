"""Addresses and header lines: whatever is accepted cannot change the message around it."""

from email import message_from_bytes, policy
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from workers.engines.addresses import Address, HeaderText
from workers.engines.mail import ours
from workers.engines.mail.header import Mailbox
from workers.engines.mail.letter import Form, Message, Recipient

ADDRESS: TypeAdapter[str] = TypeAdapter(Address)
HEADER: TypeAdapter[str] = TypeAdapter(HeaderText)
OURS = {"Subject", "From", "To", "Reply-To", "Date", "Message-ID", "Auto-Submitted"}
HEADERS = OURS | {"Content-Type", "MIME-Version"}


def mail(subject: str = "Hello", to: str = "ada@example.org") -> Message:
    letter = ours.letter("message", subject, {"text": "x"}, reply_to=Mailbox(to))
    return Form(letter).fill(Recipient(mailbox=Mailbox(to), message_id=ours.message_id(uuid4())))


@settings(deadline=None)
@given(st.text(max_size=60))
def test_an_accepted_subject_arrives_as_it_was_and_brings_no_header_along(text: str) -> None:
    try:
        subject = HEADER.validate_python(text)
    except ValidationError:
        return

    sent = message_from_bytes(mail(subject).content, policy=policy.default)

    assert set(sent.keys()) == HEADERS
    assert " ".join(sent["Subject"].split()) == " ".join(subject.split())


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_an_accepted_address_is_one_and_brings_no_header_along(local: str, domain: str) -> None:
    try:
        address = ADDRESS.validate_python(f"{local}@{domain}")
    except ValidationError:
        return

    assert address.rpartition("@")[2].isascii()
    assert address.isprintable()
    message = mail(to=address)
    assert set(message_from_bytes(message.content).keys()) == HEADERS
    assert message.recipients == [address]


@pytest.mark.parametrize(
    "separator", ["\r", "\n", "\r\n", "\x00", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]
)
def test_every_character_that_some_program_takes_for_a_line_break_is_refused(separator: str) -> None:
    for kind, text in ((HEADER, f"a{separator}Bcc: b@example.org"), (ADDRESS, f"a@example.org{separator}b")):
        with pytest.raises(ValidationError, match="control character"):
            kind.validate_python(text)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("dörte@bücher.example", "dörte@xn--bcher-kva.example"),
        ("do\u0308rte@example.org", "dörte@example.org"),
        ("संपर्क@example.org", "संपर्क@example.org"),
        ("用户@例子.example", "用户@xn--fsqu00a.example"),
    ],
    ids=["latin", "decomposed", "devanagari", "chinese"],
)
def test_letters_of_any_script_may_stand_before_the_at(given: str, kept: str) -> None:
    assert ADDRESS.validate_python(given) == kept
