"""`If-Match`: a change is for the job as its caller saw it, and for no other.

What is compared is the version in the tag. The mark behind it moves by itself, with the reason for which a
job waits, and nobody's change is lost by that.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.http import HttpRequest
from django.utils.http import parse_etags

from jobs.api.problems import Refused
from jobs.errors import ChangedMeanwhile

TAG = re.compile(r'"(?P<version>[0-9]{1,9})-[0-9a-f]{1,8}"')
ANY = "*"
NO_TAG = (
    "`If-Match` names no state of a job: send the ETag as it came,"
    ' in its quotes and without `W/`, like "3-1f".'
)


def seen_versions(request: HttpRequest) -> set[int] | None:
    """The versions that `If-Match` names, None for `*`; raises Refused without one.

    By strong comparison: a weak tag is nobody's, and neither is one that this door does not write.
    """
    given = request.headers.get("If-Match")
    if given is None:
        raise Refused(
            "no_if_match", "Send If-Match with the ETag of the job as you saw it; GET it if you have none."
        )
    tags = parse_etags(given)
    if ANY in tags:
        return None
    return {int(found["version"]) for tag in tags if (found := TAG.fullmatch(tag))}


@contextmanager
def told_of_tags(versions: Collection[int] | None) -> Iterator[None]:
    """Who sent no tag of ours is told so: to look again and send the same once more would help nobody."""
    try:
        yield
    except ChangedMeanwhile:
        if versions:
            raise
        raise Refused("changed_meanwhile", NO_TAG) from None
