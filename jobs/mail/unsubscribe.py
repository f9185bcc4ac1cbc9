"""Unsubscribing: a signed link in a mail by which its reader, and nobody else, ends the mails of its sender.

The link is the right to do it: no account, no cookie, no form token. Mail programs post to it (RFC 8058);
whoever merely looks at it (people, scanners of links) changes nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import signing
from django.urls import NoReverseMatch, reverse

from jobs.conf import conf
from jobs.errors import Gone, NotFound
from jobs.mail.suppression import Entry, look_up, suppress
from jobs.models.suppression import Suppressed

SALT = "millrace.unsubscribe"
FIELD, ONE_CLICK = "List-Unsubscribe", "One-Click"
"""What a POST has to say (RFC 8058)."""
VARIABLE = "unsubscribe_url"
"""What a text calls its reader's link. It is ours alone: no list has a column of that name."""


class Link(NamedTuple):
    """What a link says: whose mails, which of them, and who got it."""

    owner: int
    job: UUID
    address: str


def unsubscribe_link(owner: int, job: UUID, address: str, *, page: str | None = None) -> str:
    """Where this recipient leaves the owner's list; empty where PUBLIC_URL or the page is missing.

    Who makes many gives the `page` that `page_to_unsubscribe` found once.
    """
    page = page_to_unsubscribe() if page is None else page
    return page + signing.dumps([owner, job.hex, address], salt=SALT) if page else ""


def page_to_unsubscribe() -> str:
    """What every link begins with; empty where there is none."""
    base = getattr(settings, "PUBLIC_URL", "")
    try:
        return f"{base}{reverse('unsubscribe', args=['x'])[:-1]}" if base else ""
    except NoReverseMatch:  # a project that does not show our pages
        return ""


def unsubscribe_headers(link: str) -> dict[str, str]:
    """The headers of a mail to many: none without a link, one click only over https (RFC 8058)."""
    if not link:
        return {}
    headers = {"List-Unsubscribe": f"<{link}>"}
    if link.startswith("https://"):
        headers["List-Unsubscribe-Post"] = f"{FIELD}={ONE_CLICK}"
    return headers


def open_link(token: str) -> Link:
    """What a link says; raises Gone once it has expired, NotFound if it was never ours."""
    longest = timedelta(days=conf().unsubscribe_days)
    try:
        owner, job, address = signing.loads(token, salt=SALT, max_age=longest)
    except signing.SignatureExpired:
        raise Gone(
            "This link to unsubscribe has expired. Use the one in the newest mail that you got."
        ) from None
    except (signing.BadSignature, ValueError):
        raise NotFound(
            "This link to unsubscribe is not one of ours, or it was cut off. Copy the whole of it."
        ) from None
    return Link(owner, UUID(hex=job), address)


def unsubscribe(link: Link) -> None:
    """End this owner's mails to the address. Doing it twice changes nothing, nor does a sender who left."""
    entry = Entry(address=link.address, reason=Suppressed.UNSUBSCRIBED, source="link", job=link.job)
    if get_user_model().objects.filter(pk=link.owner).exists():
        suppress(link.owner, [entry])


def is_unsubscribed(link: Link) -> bool:
    """Whether this owner's mails do not go there any more, because its reader said so."""
    reason = look_up(link.owner, [link.address]).get(link.address)
    return reason in {Suppressed.UNSUBSCRIBED, Suppressed.COMPLAINED}
