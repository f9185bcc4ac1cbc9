"""A body that is a file as it came, and may be larger than one of JSON."""

from __future__ import annotations

from django.http import HttpRequest

from jobs.api.problems import Refused

MEGABYTE = 1024 * 1024


def raw_body(request: HttpRequest, *, media_type: str, most_bytes: int, called: str, about: str) -> bytes:
    """The body; raises Refused, in words for what it is `called` and `about`, or if it is too large."""
    if request.content_type != media_type:
        raise Refused(
            "unsupported_media_type",
            f"Send the {called} as it is, as {media_type}, not as {request.content_type or 'nothing'}.",
            headers={"Accept": media_type},
        )
    # Not `request.body`: that is as large as a body of JSON may be.
    raw = request.read(most_bytes + 1)
    if len(raw) > most_bytes:
        raise Refused("too_large", f"{about} may have {most_bytes // MEGABYTE} MB.")
    return raw
