"""What is sent: a thin event and its headers, as Standard Webhooks has them.

Every try sends the same body under the same id.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import NoReverseMatch, reverse

from jobs.models import WebhookDelivery
from jobs.webhooks.secrets import key_of

TEST = "webhook.test"
AGENT = "Millrace-Webhooks/1"


def body_of(delivery: WebhookDelivery) -> bytes:
    """The event as JSON; never a payload or a result, which its receiver may ask for."""
    event = {
        "type": delivery.event,
        "timestamp": delivery.at.isoformat().replace("+00:00", "Z"),
        "data": data_of(delivery),
    }
    return json.dumps(event, separators=(",", ":")).encode()


def data_of(delivery: WebhookDelivery) -> dict[str, Any]:
    """What is said of the job."""
    if delivery.job is None:
        return {"webhook": str(delivery.webhook_id), "note": "A test: no job is behind it."}
    return {
        "id": str(delivery.job),
        "kind": delivery.kind,
        "queue": delivery.queue,
        "state": delivery.event.removeprefix("job."),
        "code": delivery.code,
        "attempt": delivery.attempt,
        "version": delivery.version,
        "url": address_of(delivery.job),
    }


def address_of(job: UUID) -> str:
    """Where people look at the job; empty where this installation does not say how it is reached."""
    try:
        path = reverse("job", args=[job])
    except NoReverseMatch:
        return ""
    public = getattr(settings, "PUBLIC_URL", "")
    return f"{public}{path}" if public else ""


def headers_of(delivery: WebhookDelivery, body: bytes, *, at: int, secrets: Sequence[str]) -> dict[str, str]:
    """The headers of one try at this time (seconds since 1970), signed with every secret."""
    name = message_id(delivery.id)
    return {
        "content-type": "application/json",
        "user-agent": AGENT,
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signature(secret, name, at, body) for secret in secrets),
    }


def message_id(delivery: UUID) -> str:
    """The same at every try, so that a receiver can tell a repetition."""
    return f"msg_{delivery.hex}"


def signature(secret: str, name: str, at: int, body: bytes) -> str:
    """One signature, with the version of the scheme."""
    signed = f"{name}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key_of(secret), signed, sha256)).decode()
