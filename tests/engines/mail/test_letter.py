"""Letters: whatever is put into one comes out of another's parser as it was, or is refused."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engines.mail.nasty import BODIES, CARRIED, REFUSED, bodies, texts
from tests.engines.mail.reading import file_name, names, read, shown
from workers.engines.mail.header import Mailbox
from workers.engines.mail.letter import Form, Letter, Message, Recipient
from workers.engines.mail.mime import Attachment
from workers.engines.mail.pattern import Pattern, fixed, parse
from workers.engines.mail.writable import Unwritable

MAILS = int(os.environ.get("MAILS", "2000"))
"""How many are made up here; as many again are asked for where faults are tested."""
ADA = Mailbox("ada@example.org", "Ada")
MILL = Mailbox("mill@example.org", "The mill")


def letter(**fields: Any) -> Letter:
    texts = {"subject": fixed("Hello"), "text": fixed("Hello.")}
    return Letter(**{"sender": MILL, **texts} | fields)


def recipient(**fields: Any) -> Recipient:
    return Recipient(**{"mailbox": ADA, "message_id": "<1.2@example.org>"} | fields)


def write(letter: Letter, **fields: Any) -> Message:
    return Form(letter).fill(recipient(**fields))


def as_read(text: str) -> str:
    """What a text becomes on its way: line ends are CRLF, and one stands at the end."""
    return text.replace("\r\n", "\n").replace("\r", "\n") + "\n"


@settings(deadline=None, max_examples=MAILS, suppress_health_check=list(HealthCheck))
@given(
    subject=texts(), name=texts(), ours=texts(), file=texts(), value=texts(), text=bodies(), html=bodies(),
    content=st.binary(max_size=200),
)  # fmt: skip
def test_made_up_mails_are_read_back_as_they_were(
    subject: str, name: str, ours: str, file: str, value: str, text: str, html: str, content: bytes
) -> None:
    pattern = Pattern((*fixed(subject).pieces, " ", *parse("{{ v }}", field="subject").pieces))
    made = letter(
        sender=Mailbox("mill@example.org", ours), subject=pattern, text=fixed(text), html=fixed(html),
        attachments=[Attachment(file, content, "application/pdf")],
    )  # fmt: skip

    message = write(made, mailbox=Mailbox("ada@example.org", name), values={"v": value})

    back = read(message.content)

    assert back["Subject"] == f"{subject} {value}"
    assert names(message.content) == [("ada@example.org", name)]
    assert names(message.content, "From") == [("mill@example.org", ours)]
    assert (shown(back, "plain"), shown(back, "html")) == (as_read(text), as_read(html))
    [attached] = back.iter_attachments()
    assert (file_name(attached), attached.get_content()) == (file, content)


@pytest.mark.parametrize("text", CARRIED, ids=ascii)
@pytest.mark.parametrize("place", ["subject", "name", "file", "value"])
def test_what_can_be_carried_is_read_back(place: str, text: str) -> None:
    given = {"subject": "s", "name": "n", "file": "f", "value": "v"} | {place: text}
    made = letter(
        subject=fixed(given["subject"]),
        text=parse("Hello {{ v }}!", field="text"),
        attachments=[Attachment(given["file"], b"x", "image/png")],
    )

    content = write(made, mailbox=ADA._replace(name=given["name"]), values={"v": given["value"]}).content

    back = read(content)
    [attached] = back.iter_attachments()
    assert back["Subject"] == given["subject"]
    assert names(content) == [("ada@example.org", given["name"])]
    assert file_name(attached) == given["file"]
    assert shown(back, "plain") == f"Hello {given['value']}!\n"


@pytest.mark.parametrize("text", REFUSED, ids=ascii)
@pytest.mark.parametrize(
    "field", ["subject", "sender", "recipient", "reply_to", "attachment's file name", "value"]
)
def test_no_header_is_written_by_a_value(field: str, text: str) -> None:
    values = {"v": text if field == "value" else "v"}
    subject = text if field == "subject" else "s {{ v }}"
    with pytest.raises(Unwritable) as refused:
        write(
            letter(
                sender=MILL._replace(name=text) if field == "sender" else MILL,
                reply_to=MILL._replace(name=text) if field == "reply_to" else None,
                subject=parse(subject, field="subject"),
                attachments=[Attachment(text, b"", "image/png")] if "file" in field else [],
            ),
            mailbox=ADA._replace(name=text) if field == "recipient" else ADA,
            values=values,
        )

    assert refused.value.field == ("subject" if field == "value" else field)


@settings(deadline=None)
@given(
    field=st.sampled_from(["subject", "sender", "file"]),
    text=st.text(max_size=40),
    body=st.text(max_size=100),
)
def test_anything_at_all_is_carried_or_refused_by_a_typed_error(field: str, text: str, body: str) -> None:
    made = letter(
        subject=fixed(text if field == "subject" else "s"),
        sender=MILL._replace(name=text) if field == "sender" else MILL,
        text=fixed(body),
        attachments=[Attachment(text if field == "file" else "f", b"", "image/png")],
    )
    try:
        content = write(made).content
    except Unwritable as error:
        assert error.field
        return

    read(content)


@pytest.mark.parametrize("address", [
    "ada", "@example.org", "ada@", "ada@example.org\r\nRCPT TO:<bob@example.org>",
    "ada@example.org> SIZE=1", "a b@example.org", "ada@exa mple.org", "<ada@example.org>",
    "ada@example.org,bob@example.org", '"a"@example.org', "ada@ex\x00ample.org", "a" * 65 + "@example.org",
    "ada@bücher.example", ".ada@example.org", "a..b@example.org", "",
], ids=ascii)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(Unwritable):
        write(letter(), mailbox=Mailbox(address))
    with pytest.raises(Unwritable):
        write(letter(sender=Mailbox(address)))


@pytest.mark.parametrize("text", BODIES, ids=ascii)
def test_bodies_are_read_back(text: str) -> None:
    back = read(write(letter(text=fixed(text), html=fixed(text))).content)

    assert (shown(back, "plain"), shown(back, "html")) == (as_read(text), as_read(text))


@pytest.mark.parametrize(
    ("part", "fields"),
    [
        ("message id", {"message_id": "<a@b>\r\nX: y"}),
        ("message id", {"message_id": "a@b"}),
        ("unsubscribe link", {"unsubscribe": "https://example.org/>\r\nX: y"}),
        ("unsubscribe link", {"unsubscribe": "javascript:alert(1)"}),
        ("unsubscribe link", {"unsubscribe": "https://example.org/" + "a" * 1000}),
    ],
    ids=["break", "bare", "breaking-link", "script", "long"],
)
def test_what_programs_give_is_looked_at_too(part: str, fields: dict[str, str]) -> None:
    with pytest.raises(Unwritable, match=part):
        write(letter(), **fields)


@pytest.mark.parametrize("media_type", ["image", "image/png\r\nX: y", "a/b; charset=x", "", "*/*"], ids=ascii)
def test_what_is_no_media_type_is_refused(media_type: str) -> None:
    with pytest.raises(Unwritable, match="media type"):
        write(letter(attachments=[Attachment("a", b"", media_type)]))


def test_parts_nest_as_readers_expect_them() -> None:
    picture, bill = (
        Attachment("logo.png", b"\x89PNG", "image/png", "logo"),
        Attachment("b.pdf", b"%PDF", "application/pdf"),
    )

    back = read(write(letter(html=fixed('<img src="cid:logo">'), attachments=[bill, picture])).content)

    assert [part.get_content_type() for part in back.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html",
        "image/png", "application/pdf",
    ]  # fmt: skip
    shown_inside = next(part for part in back.walk() if part.get_content_type() == "image/png")
    assert (shown_inside["Content-ID"], shown_inside.get_content_disposition()) == ("<logo>", "inline")
    assert shown_inside.get_content() == b"\x89PNG"


@pytest.mark.parametrize(
    ("media_type", "content", "sent"),
    [
        ("text/plain", "Grüße".encode(), "text/plain"),
        ("text/plain", b"\xff", "application/octet-stream"),
        ("message/rfc822", b"Subject: x\r\n\r\n", "application/octet-stream"),
        ("multipart/mixed", b"", "application/octet-stream"),
        ("IMAGE/PNG", b"", "image/png"),
    ],
    ids=["utf-8", "other", "message", "multipart", "capitals"],
)
def test_a_file_arrives_as_its_bytes(media_type: str, content: bytes, sent: str) -> None:
    [attached] = read(
        write(letter(attachments=[Attachment("f", content, media_type)])).content
    ).iter_attachments()

    assert attached.get_content_type() == sent
    assert attached.get_payload(decode=True) == content


def test_headers_say_that_a_machine_wrote_it_and_how_to_leave_the_list() -> None:
    back = read(
        write(letter(reply_to=Mailbox("desk@example.org")), unsubscribe="https://example.org/u/1").content
    )

    assert back["Auto-Submitted"] == "auto-generated"
    assert back["List-Unsubscribe"] == "<https://example.org/u/1>"
    assert back["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert back["Reply-To"] == "desk@example.org"
    assert back["Message-ID"] == "<1.2@example.org>"
    assert back["Date"].datetime.tzinfo


def test_without_https_nobody_is_told_that_one_post_is_enough() -> None:
    back = read(write(letter(), unsubscribe="http://example.org/u/1").content)

    assert back["List-Unsubscribe"]
    assert back["List-Unsubscribe-Post"] is None


@pytest.mark.parametrize("who", ["recipient", "sender", "reply_to", "to"])
def test_an_address_that_is_not_ascii_asks_for_a_server_that_can(who: str) -> None:
    dora = Mailbox("dörte@example.org", "Dörte")
    shared = {who: [dora] if who == "to" else dora} if who != "recipient" else {}

    message = write(letter(**shared), mailbox=dora if who == "recipient" else ADA)

    assert message.is_international
    assert "dörte@example.org".encode() in message.content
    assert not write(letter(sender=MILL._replace(name="Dörte"))).is_international


def test_all_may_see_the_same_line_of_recipients() -> None:
    boxes = [Mailbox(f"someone-{number}@example.org", "Löve, A.") for number in range(10)]

    message = write(letter(to=boxes), mailbox=boxes[3])

    read(message.content)
    assert names(message.content) == boxes
    assert message.recipients == ["someone-3@example.org"]


def test_a_recipient_without_a_value_is_refused_by_name() -> None:
    made = letter(text=parse('{{ name|default:"friend" }} {{ town }}', field="text"))

    assert (made.variables, made.required) == ({"name", "town"}, {"town"})
    assert shown(read(write(made, values={"town": "Ulm"}).content), "plain") == "friend Ulm\n"
    with pytest.raises(Unwritable, match="The town is a variable"):
        write(made, values={"name": "Ada"})
