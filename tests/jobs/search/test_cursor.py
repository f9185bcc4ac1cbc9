"""Cursors: every job once, and none that somebody made up."""

from base64 import urlsafe_b64encode

import pytest
from pytest_django import Settings
from uuid_utils.compat import uuid7

from jobs.errors import BadCursor
from jobs.models import Job
from jobs.search import page_of
from jobs.search.cursor import NEWER, OLDER, decode, encode
from tests.factories import make_job

pytestmark = pytest.mark.django_db


def test_paging_there_and_back_shows_every_job_once() -> None:
    made = [make_job().id for _ in range(5)][::-1]

    first = page_of(Job.objects.all(), size=2)
    second = page_of(Job.objects.all(), first.older, size=2)
    third = page_of(Job.objects.all(), second.older, size=2)
    back = page_of(Job.objects.all(), second.newer, size=2)

    assert [job.id for page in (first, second, third) for job in page.rows] == made
    assert (first.newer, third.older) == ("", "")
    assert (back.rows, back.newer) == (first.rows, "")


def test_a_cursor_holds_for_its_filter_alone() -> None:
    cursor = encode(OLDER, uuid7(), "state:failed")

    assert decode(cursor, "state:failed")[1] is not None
    with pytest.raises(BadCursor, match="another filter"):
        decode(cursor, "state:queued")


def test_another_direction_or_place_needs_another_seal() -> None:
    cursor = encode(OLDER, uuid7(), "")

    for forged in (
        "A" + cursor[1:],
        cursor[:8] + ("A" if cursor[8] != "A" else "B") + cursor[9:],
        cursor[:-1],
    ):
        with pytest.raises(BadCursor):
            decode(forged, "")


@pytest.mark.parametrize(
    "cursor", ["x", "\0", "b28", "!!!!", "A" * 400, "ä", urlsafe_b64encode(b"o" + b"1" * 16).decode()]
)
def test_what_nobody_made_here_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor) as refused:
        page_of(Job.objects.all(), cursor)

    assert refused.value.code == "bad_cursor"


def test_a_new_secret_key_still_knows_the_cursors_of_the_old(settings: Settings) -> None:
    cursor = encode(NEWER, uuid7(), "")

    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another one"
    assert decode(cursor, "")[0] == NEWER

    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(BadCursor):
        decode(cursor, "")
