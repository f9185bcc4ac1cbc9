"""What is compared is the same mail, what is counted is what arrived, and whoever is missing is named."""

from __future__ import annotations

import smtplib
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django import Settings

from bench import letters
from bench.app.send_messages import make_writer
from bench.mailings import Sent, campaigns, check_agreement
from bench.measures.mail import check_signature
from bench.measures.mail_memory import KEPT, Point, thinned
from bench.postbox import Postbox
from bench.running import running, wait_until
from bench.sink import RECIPIENTS
from jobs.mail.unsubscribe import unsubscribe_link
from workers.engines.mail.header import Mailbox
from workers.engines.mail.letter import Form, Recipient
from workers.engines.wording import Variant, letter


def test_both_ways_write_the_same_mail(settings: Settings) -> None:
    settings.PUBLIC_URL = letters.PAGE
    known = letters.reader(7)
    variant = Variant(subject=letters.SUBJECT, text=letters.TEXT, html=letters.HTML)
    recipient = Recipient(
        mailbox=Mailbox(known["email"], known["name"]),
        message_id=f"<7@{letters.DOMAIN}>",
        values=variant.values(known),
        unsubscribe=unsubscribe_link(1, uuid4(), known["email"]),
    )

    ours = read(Form(letter(variant)).fill(recipient).content)
    theirs = read(make_writer()(known).message().as_bytes())

    assert texts(ours) == texts(theirs)
    for name in ("Subject", "To", "From", "Auto-Submitted", "List-Unsubscribe-Post", "Content-Type"):
        assert plain(ours[name]) == plain(theirs[name]), name
    assert "7" in ours["Subject"] and "https://" in ours["List-Unsubscribe"] and theirs["List-Unsubscribe"]


def test_the_postbox_counts_mails_and_keeps_the_first(tmp_path: Path) -> None:
    box = Postbox(tmp_path, tmp_path)
    with running(box):
        wait_until(box.is_ready, "it listens")
        with smtplib.SMTP("127.0.0.1", box.port) as client:
            for number in range(3):
                client.sendmail("mill@mill.example", letters.address(number), f"Subject: {number}\r\n\r\nHi")
        assert box.number == 3

    box.check(3)
    assert box.first.startswith(b"Subject: 0\r\n")


@pytest.mark.parametrize(
    ("got", "said"),
    [
        ([0, 1], "1 got no mail and 0 mails were too many: reader2@"),
        ([0, 1, 2, 1], "0 got no mail and 1 mails were too many: reader1@"),
        ([0, 1, 3], "1 got no mail and 1 mails were too many: reader2@d02.example, reader3@"),
    ],
)
def test_who_got_none_or_two_is_named(tmp_path: Path, got: list[int], said: str) -> None:
    box = Postbox(tmp_path, tmp_path)
    (box.place / RECIPIENTS).write_text("".join(f"{letters.address(number)}\n" for number in got))

    with pytest.raises(SystemExit, match=said):
        box.check(3)


@pytest.mark.parametrize(
    ("items", "jobs"),
    [
        ({"done": 2, "uncertain": 1}, {"succeeded": 8}),
        ({"done": 3}, {"succeeded": 7, "retrying": 1}),
        ({}, {}),
    ],
)
def test_a_ledger_that_says_anything_but_done_is_no_figure(
    items: dict[str, int], jobs: dict[str, int]
) -> None:
    check_agreement({"done": 3}, {"succeeded": 8}, 3)

    with pytest.raises(SystemExit, match="The ledger has"):
        check_agreement(items, jobs, 3)


def test_what_is_measured_as_signed_is_signed() -> None:
    signed = campaigns("rsa", share=1, key="rsa")
    check_signature(signed, Sent(1.0, {}, b"DKIM-Signature: v=1; a=rsa-sha256;"))

    for first in (b"From: mill", b"DKIM-Signature: v=1; a=ed25519-sha256;"):
        with pytest.raises(SystemExit, match="not signed as it should be"):
            check_signature(signed, Sent(1.0, {}, first))
    with pytest.raises(SystemExit, match="not signed as it should be"):
        check_signature(campaigns("plain", share=1), Sent(1.0, {}, b"DKIM-Signature: v=1;"))


def test_a_curve_is_thinned_to_what_a_picture_shows_without_losing_its_ends() -> None:
    curve = [Point(number, 80.0, 60.0, 200.0) for number in range(1_777)]

    kept = thinned(curve)

    assert kept[0] == curve[0] and kept[-1] == curve[-1] and len(kept) <= KEPT + 1
    assert thinned(curve[:5]) == curve[:5]


def read(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def texts(message: EmailMessage) -> list[str]:
    """The two bodies; how lines end, and how many blank ones come last, says nothing."""
    found = [message.get_body((kind,)) for kind in ("plain", "html")]
    return [part.get_content().replace("\r\n", "\n").rstrip() for part in found if part is not None]


def plain(value: object) -> str:
    """A header without what each chooses by chance."""
    return str(value).partition("boundary")[0].strip(' ;"')
