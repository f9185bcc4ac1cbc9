"""Files: by a signed link, for those who may see them, and never as something that runs."""

import io

import pytest
from django.test import AsyncClient

from jobs.artifacts import make_link, store_upload
from jobs.models import ArtifactUse
from tests.factories import make_artifact, make_group, make_job
from tests.pages.conftest import at_the_door

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def get(browser, link: str, **more):
    """The whole answer, its bytes in `body`."""
    answer = browser.get(link, **more)
    answer.body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return answer


def test_a_picture_is_shown_under_a_policy_that_lets_nothing_run(page, submitter):
    file = store_upload(io.BytesIO(PNG), name="mill.png", owner=submitter)

    answer = get(page, make_link(file))

    assert answer.body == PNG
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"] == 'inline; filename="mill.png"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Length"] == str(len(PNG))
    assert "private" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<!doctype html><script>alert(1)</script>"),
        ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
        ("program.js", b"alert(1)"),
        ("table.xlsx", b"PK\x03\x04" + bytes(40)),
    ],
)
def test_what_could_run_is_saved_instead(page, submitter, name, content):
    answer = get(page, make_link(store_upload(io.BytesIO(content), name=name, owner=submitter)))

    shown = answer.headers["Content-Type"]
    assert shown.startswith("text/plain") or answer.headers["Content-Disposition"].startswith("attachment")
    assert "html" not in shown and "svg" not in shown and "script" not in shown
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_type_that_lies_in_the_row_is_still_only_saved(page, submitter):
    file = make_artifact(owner=submitter, media_type="text/html", size=0)

    answer = page.head(make_link(file))

    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_save_always_saves(page, submitter):
    file = store_upload(io.BytesIO(PNG), name="mill.png", owner=submitter)

    assert get(page, make_link(file) + "?save").headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("name", ['a"b.txt', "ä ö.txt", "a\r\nX-Evil: 1.txt", "…" * 200 + ".txt"])
def test_odd_names_make_whole_headers(page, submitter, name):
    file = store_upload(io.BytesIO(b"words"), name=name, owner=submitter)

    answer = page.head(make_link(file) + "?save")

    assert answer.status_code == 200 and "X-Evil" not in answer.headers


def test_the_link_alone_is_not_enough(client, charlie, submitter):
    link = make_link(store_upload(io.BytesIO(PNG), name="mill.png", owner=submitter))

    assert get(client, link).status_code == 302
    assert get(at_the_door(charlie), link).status_code == 404


def test_who_sees_the_job_sees_its_files(bob, office, submitter):
    job = make_job("succeeded", owner=submitter, group=make_group())
    result = store_upload(io.BytesIO(PNG), name="out.png", owner=submitter)
    type(result).objects.filter(id=result.id).update(job=job)
    upload = store_upload(io.BytesIO(PNG), name="in.png", owner=submitter)
    ArtifactUse.objects.create(job=job, artifact=upload)

    for browser in (at_the_door(bob), office):
        assert [get(browser, make_link(file)).status_code for file in (result, upload)] == [200, 200]


def test_a_forged_link_leads_nowhere(page, submitter):
    link = make_link(store_upload(io.BytesIO(PNG), name="mill.png", owner=submitter))

    assert get(page, link[:-2] + "xx").status_code == 404
    assert get(page, "/files/nonsense").status_code == 404


def test_a_file_that_vanished_is_gone(page, submitter):
    assert get(page, make_link(make_artifact(owner=submitter))).status_code == 410


def test_a_browser_that_has_it_is_not_sent_it_again(page, submitter):
    link = make_link(store_upload(io.BytesIO(PNG), name="mill.png", owner=submitter))
    first = get(page, link)

    again = get(page, link, headers={"If-None-Match": first.headers["ETag"]})

    assert again.status_code == 304
    assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "private, max-age=3600"


@pytest.mark.django_db(transaction=True)
def test_an_asynchronous_server_streams_it_too(submitter):
    """A synchronous iterator would be read into memory whole, with a warning."""
    from asgiref.sync import async_to_sync

    content = PNG + bytes(200_000)
    link = make_link(store_upload(io.BytesIO(content), name="mill.png", owner=submitter))

    async def fetch() -> list[bytes]:
        client = AsyncClient()
        await client.aforce_login(submitter)
        answer = await client.get(link)
        assert answer.is_async
        return [chunk async for chunk in answer.streaming_content]

    chunks = async_to_sync(fetch)()

    assert b"".join(chunks) == content and len(chunks) > 2
