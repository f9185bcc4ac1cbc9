"""What is this installation's own in a mail: its sender, its ids, its layout."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parseaddr
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.template.loader import render_to_string

from jobs.conf import conf
from jobs.mail.address import ascii_domain
from jobs.mail.message_ids import WHOLE_JOB, make_message_id
from workers.engines.mail.header import Mailbox
from workers.engines.mail.letter import Letter
from workers.engines.mail.pattern import Marks, Pattern, fixed
from workers.engines.mail.signing import signers_for

TEMPLATES = "millrace/email"


def sender() -> Mailbox:
    """Whom mails come from that name nobody: FROM_EMAIL."""
    return _mailbox(settings.DEFAULT_FROM_EMAIL)


@lru_cache(maxsize=4)
def _mailbox(text: str) -> Mailbox:
    """Every Message-ID asks for its domain."""
    name, address = parseaddr(text)
    local, _, domain = address.rpartition("@")
    return Mailbox(f"{local}@{ascii_domain(domain) or 'localhost'}", name)


def message_id(job: UUID, item: int = WHOLE_JOB) -> str:
    """The same for every attempt, so that a mail server or reader can tell a repetition.

    It says whether the mail is redirected, which it is for the one that goes out by this setting.
    `item` has this mail to itself; by none all items share it. What comes back about it can be believed
    (jobs/mail/message_ids.py).
    """
    return make_message_id(job, item, sender().domain, is_redirected=bool(conf().email_redirect_to))


def letter(
    template: str, subject: Pattern | str, values: Mapping[str, Pattern | Any], **fields: Any
) -> Letter:
    """A letter in the installation's layout: text and HTML from one template, with the holes of its values.

    `fields` are the letter's other ones. A string is taken as it is, whatever braces stand in it.
    """
    marks = Marks()
    title = fixed(subject) if isinstance(subject, str) else subject
    marked = {
        name: marks.mark(value) if isinstance(value, Pattern) else value
        for name, value in {"subject": title, **values}.items()
    }
    text = render_to_string(f"{TEMPLATES}/{template}.txt", marked).strip()
    html = render_to_string(f"{TEMPLATES}/{template}.html", marked).strip()
    return letter_of(title, marks.text(text), marks.html(html), **fields)


def letter_of(subject: Pattern, text: Pattern, html: Pattern | None, **fields: Any) -> Letter:
    """A letter of these texts as they are, from this installation's sender, signed as its mail is."""
    us = sender()
    shared = {"sender": us, "signers": signers_for(us.domain)} | fields
    return Letter(**shared, subject=subject, text=text, html=html)
