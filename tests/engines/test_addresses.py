"""Addresses and header lines: whatever is accepted cannot change the message around it."""

from email import message_from_bytes, policy
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from workers.engines.addresses import Address, HeaderText
from workers.engines.mail import Mail, message_id

ADDRESS: TypeAdapter[str] = TypeAdapter(Address)
HEADER: TypeAdapter[str] = TypeAdapter(HeaderText)
OURS = {"Subject", "From", "To", "Reply-To", "Date", "Message-ID", "Auto-Submitted"}
HEADERS = OURS | {"Content-Type", "MIME-Version"}


def mail(subject: str = "Hello", to: str = "ada@example.org") -> Mail:
    return Mail(
        subject=subject,
        template="message",
        values={"text": "x"},
        to=[to],
        reply_to=to,
        message_id=message_id(uuid4()),
    )


@settings(deadline=None)
@given(st.text(max_size=60))
def test_an_accepted_subject_arrives_as_it_was_and_brings_no_header_along(text: str) -> None:
    try:
        subject = HEADER.validate_python(text)
    except ValidationError:
        return

    sent = message_from_bytes(
        mail(subject).message_for("ada@example.org").message().as_bytes(), policy=policy.default
    )

    assert set(sent.keys()) == HEADERS
    assert " ".join(sent["Subject"].split()) == " ".join(subject.split())


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_an_accepted_address_is_ascii_and_brings_no_header_along(local: str, domain: str) -> None:
    try:
        address = ADDRESS.validate_python(f"{local}@{domain}")
    except ValidationError:
        return

    assert address.isascii()
    assert address.isprintable()
    message = mail(to=address).message_for(address)
    assert set(message.message().keys()) == HEADERS
    assert message.recipients() == [address]


@pytest.mark.parametrize(
    "separator", ["\r", "\n", "\r\n", "\x00", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]
)
def test_every_character_that_some_program_takes_for_a_line_break_is_refused(separator: str) -> None:
    for kind, text in ((HEADER, f"a{separator}Bcc: b@example.org"), (ADDRESS, f"a@example.org{separator}b")):
        with pytest.raises(ValidationError, match="control character"):
            kind.validate_python(text)
