"""Signed links: a way to one file that cannot be guessed or changed, and that expires.

All links to one file made within the same hour are the same link, so that a page drawn anew every second does
not make a browser fetch its pictures anew. A link works for at least `link_hours`, and at most a step longer.
"""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

from django.core.signing import BadSignature, SignatureExpired, TimestampSigner, b62_encode
from django.urls import reverse

from jobs.conf import conf
from jobs.errors import Gone, NotFound
from jobs.models import Artifact

SALT = "millrace.artifact"
HOUR = 3600
STEPS = 24
"""A short life has shorter steps: no link outlives `link_hours` by more than this part of it."""


class CoarseSigner(TimestampSigner):
    """Signs with the beginning of the current step instead of the second."""

    def timestamp(self) -> str:
        """The beginning of the step, as Django writes times."""
        return b62_encode(int(time.time()) // step_seconds() * step_seconds())


def step_seconds() -> int:
    """How long links stay the same: an hour, or less where links do not live for a day."""
    return max(1, int(min(HOUR, conf().link_hours * HOUR / STEPS)))


def make_link(artifact: Artifact | UUID) -> str:
    """The path of a page that hands out the file for the next `link_hours`."""
    return reverse("artifact", args=[make_token(artifact)])


def make_token(artifact: Artifact | UUID) -> str:
    """The signed part of the path."""
    return CoarseSigner(salt=SALT).sign((artifact.id if isinstance(artifact, Artifact) else artifact).hex)


def open_link(token: str) -> Artifact:
    """The file a link leads to; raises Gone once it has expired, NotFound if it was never ours."""
    longest = timedelta(hours=conf().link_hours, seconds=step_seconds())
    try:
        signed = CoarseSigner(salt=SALT).unsign(token, max_age=longest)
    except SignatureExpired:
        raise Gone("This link has expired. Open the job's page for a new one.") from None
    except BadSignature:
        raise NotFound("This link is not one of ours, or it was cut off. Copy the whole of it.") from None
    artifact = Artifact.objects.filter(pk=UUID(hex=signed)).first()
    if artifact is None:
        raise Gone("The file was deleted since this link was made.")
    return artifact
