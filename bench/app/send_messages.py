"""The ordinary way with Django: `python -m bench.app.send_messages COUNT`.

Templates compiled once and rendered for each, EmailMultiAlternatives, and one connection that stays open.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import django

from bench.letters import HTML, SUBJECT, TEXT, reader

if TYPE_CHECKING:
    from django.core.mail import EmailMultiAlternatives

CHUNK = 100
OWNER = 1
Write = Callable[[Mapping[str, str]], "EmailMultiAlternatives"]


def main(count: str) -> None:
    """To the first so many readers."""
    django.setup()
    from django.core.mail import get_connection

    write = make_writer()
    with get_connection() as connection:
        for first in range(0, int(count), CHUNK):
            numbers = range(first, min(first + CHUNK, int(count)))
            connection.send_messages([write(reader(number)) for number in numbers])


def make_writer() -> Write:
    """Writes the mail of one reader, with the headers that a campaign's has."""
    from django.core.mail import EmailMultiAlternatives
    from django.template import Context, Template
    from uuid_utils.compat import uuid7

    from jobs.mail.unsubscribe import page_to_unsubscribe, unsubscribe_headers, unsubscribe_link

    # What is no HTML is not to be escaped.
    subject, text = (
        Template(f"{{% autoescape off %}}{source}{{% endautoescape %}}") for source in (SUBJECT, TEXT)
    )
    html = Template(HTML)
    campaign, page = uuid7(), page_to_unsubscribe()

    def write(known: Mapping[str, str]) -> EmailMultiAlternatives:
        context = Context(dict(known))
        link = unsubscribe_link(OWNER, campaign, known["email"], page=page)
        made = EmailMultiAlternatives(
            subject=subject.render(context),
            body=text.render(context),
            to=[f"{known['name']} <{known['email']}>"],
            headers={"Auto-Submitted": "auto-generated", **unsubscribe_headers(link)},
        )
        made.attach_alternative(html.render(context), "text/html")
        return made

    return write


if __name__ == "__main__":
    main(*sys.argv[1:])
