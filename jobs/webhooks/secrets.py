"""The secrets that messages are signed with: made here, shown once, kept encrypted.

The key that seals them is derived from SECRET_KEY; those in SECRET_KEY_FALLBACKS still open what they sealed.
The cryptography for it is loaded where it is used: most processes never do, and it takes 8 MB.
"""

from __future__ import annotations

import base64
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from jobs.conf import conf
from jobs.errors import Failed
from jobs.models import Webhook, WebhookSecret

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

PREFIX = "whsec_"
BYTES = 32
PURPOSE = b"millrace webhook secrets"


class Unreadable(Failed):
    """A secret was sealed with a SECRET_KEY that this process does not have."""


def new_secret() -> str:
    """A secret as the receiver's library takes it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The bytes to sign with."""
    return base64.b64decode(secret.removeprefix(PREFIX))


@transaction.atomic
def rotate_secret(webhook: Webhook) -> str:
    """A new secret, shown this once; the present one signs beside it for a while, older ones no more."""
    secret = new_secret()
    kept = webhook.secrets.filter(expires_at=None)
    webhook.secrets.exclude(expires_at=None).delete()
    kept.update(expires_at=Now() + timedelta(hours=conf().webhook_overlap_hours))
    WebhookSecret.objects.create(webhook=webhook, sealed=seal(secret))
    return secret


def valid_secrets(webhook: Webhook) -> list[str]:
    """What signs at the moment, the newest first; raises Unreadable if a secret cannot be opened."""
    valid = webhook.secrets.filter(Q(expires_at=None) | Q(expires_at__gt=Now()))
    return [unseal(secret.sealed) for secret in valid.order_by("-id")]


def seal(secret: str) -> str:
    """The text that is kept."""
    return box().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """The secret in it."""
    from cryptography.fernet import InvalidToken

    try:
        return box().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Unreadable(
            "The endpoint's secret cannot be read: SECRET_KEY changed since it was made."
            " Put the old key into SECRET_KEY_FALLBACKS, or rotate the secret."
        ) from None


def box() -> MultiFernet:
    """What seals and opens, with the keys in force."""
    from cryptography.fernet import Fernet, MultiFernet

    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(derived(key)) for key in keys])


def derived(key: str) -> bytes:
    """A key for this purpose alone."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    bits = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(key.encode())
    return base64.urlsafe_b64encode(bits)
