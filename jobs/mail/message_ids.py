"""Message-IDs that say, to us alone, which item of which job a mail was: what comes back is believed by them.

`<job.item.seal@domain>`: whoever reports about a mail returns its Message-ID. Without the secret key nobody
can make the seal for another recipient's item, so a made-up report can speak only of a mail its maker got.

A mail that EMAIL_REDIRECT_TO sent to another mailbox has another seal: whatever comes back about it, and
whenever, is about that mailbox, and not about who was meant.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32encode
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils.encoding import force_bytes

WHOLE_JOB = 0
"""In place of an item, for a mail that several recipients get under one Message-ID."""
SALT = "millrace.message-id"
SEAL_CHARACTERS = 16
OURS = re.compile(r"<([0-9a-f]{32})\.(\d{1,19})\.([a-z2-7]{16})@[^<>@\s]+>", re.ASCII)


class Sent(NamedTuple):
    """The item of a job that a mail was."""

    job: UUID
    item: int
    is_redirected: bool = False
    """Whether another mailbox got it than who was meant."""


def make_message_id(job: UUID, item: int, domain: str, *, is_redirected: bool = False) -> str:
    """The same for every attempt, so that a mail server or reader can tell a repetition."""
    seal = _seal(Sent(job, item, is_redirected), settings.SECRET_KEY)
    return f"<{job.hex}.{item}.{seal}@{domain}>"


def open_message_id(text: str) -> Sent | None:
    """What the mail was that a text with its Message-ID is about; None if we did not write it."""
    found = OURS.search(text)
    if found is None:
        return None
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    for is_redirected in (False, True):
        sent = Sent(UUID(hex=found[1]), int(found[2]), is_redirected)
        if any(hmac.compare_digest(found[3], _seal(sent, key)) for key in keys):
            return sent
    return None


def _seal(sent: Sent, key: str | bytes) -> str:
    text = f"{sent.job.hex}.{sent.item}" + (".redirected" if sent.is_redirected else "")
    digest = hmac.digest(_salted(key), text.encode(), "sha256")
    return b32encode(digest)[:SEAL_CHARACTERS].decode().lower()


@lru_cache(maxsize=8)
def _salted(key: str | bytes) -> bytes:
    """What Django's salted_hmac makes of a secret key, anew for every text."""
    return hashlib.sha256(SALT.encode() + force_bytes(key)).digest()
