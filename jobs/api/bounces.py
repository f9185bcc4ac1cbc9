"""Bounces: a mail server hands in what came back. Believed is only what is about mails of ours."""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from jobs.api.answers import answer
from jobs.api.asking import once_a_request
from jobs.api.auth import BOUNCES
from jobs.api.idempotent import idempotent_for
from jobs.api.raw_body import raw_body
from jobs.api.schemas import BounceTaken
from jobs.mail.bounces import take_report
from jobs.mail.report import MOST_BYTES

router = Router(tags=["suppressions"])

MESSAGE = "message/rfc822"
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {MESSAGE: {"schema": {"type": "string", "contentMediaType": MESSAGE}}},
    }
}


def content_of(request: HttpRequest) -> str:
    """What an idempotency key stands for here: the message, which is larger than a body of JSON may be."""
    return hashlib.sha256(message_of(request)).hexdigest()


@router.post("/bounces", auth=BOUNCES, response=BounceTaken, summary="Hand in a report", openapi_extra=BODY)
@idempotent_for(content_of)
def take_bounce(request: HttpRequest) -> HttpResponse:
    """A delivery report (RFC 3464) or a complaint (RFC 5965), as it came. Twice has its effect once."""
    taken = take_report(message_of(request))
    return answer({"effect": taken.effect.value, "is_new": taken.is_new})


@once_a_request
def message_of(request: HttpRequest) -> bytes:
    """The message as it came; raises Refused."""
    return raw_body(request, media_type=MESSAGE, most_bytes=MOST_BYTES, called="message", about="A report")
