"""The Python client against a real web process, and where it matters a real worker."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from millrace_client import (
    Artifact,
    AsyncClient,
    BadFilter,
    BadPayload,
    BadToken,
    ChangedMeanwhile,
    Client,
    Damaged,
    JobFailed,
    JobState,
    KeyReused,
    NotFound,
    NotPossible,
    StillGoing,
    UnknownKind,
    Unreachable,
)
from millrace_client.retries import Retries
from millrace_client.stream import Lines, Reader
from PIL import Image

from jobs.lifecycle.cancel import cancel_jobs
from jobs.models import Job as Row
from jobs.models import LogLine
from tests.client.conftest import QUICK, Lossy
from tests.factories import make_job
from tests.web_process import WebProcess
from tests.worker_process import WorkerProcess

pytestmark = pytest.mark.django_db(transaction=True)
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.new("RGB", (300, 200), "teal").save(path)
    return path


def width_of(path: Path) -> int:
    with Image.open(path) as picture:
        return picture.width


def test_from_a_file_to_its_result(millrace: Client, picture: Path, tmp_path: Path) -> None:
    with WorkerProcess(tmp_path / "worker.log"):
        photo = millrace.upload(picture)
        job = millrace.submit("images.resize", {"source": photo.id, "sizes": ["64"]})
        result = job.result(timeout=30)

    assert job.state is JobState.SUCCEEDED
    saved = millrace.download(result.artifacts[0], tmp_path / "small")
    assert width_of(saved) == 64
    assert saved.stat().st_size == result.artifacts[0].size


@pytest.mark.parametrize("is_async", [False, True], ids=["client", "async_client"])
def test_half_a_download_is_no_file(
    lossy: Callable[..., Lossy], token: str, millrace: Client, picture: Path, tmp_path: Path, is_async: bool
) -> None:
    photo = millrace.upload(picture)
    target = folder(tmp_path) / "copy"
    target.write_bytes(b"what was there before")
    proxy = lossy(1)

    with pytest.raises(Unreachable):
        download(proxy.url, token, photo, target, is_async=is_async)

    assert target.read_bytes() == b"what was there before"
    assert list(target.parent.iterdir()) == [target]
    download(proxy.url, token, photo, target, is_async=is_async)
    assert target.read_bytes() == picture.read_bytes()


@pytest.mark.parametrize("is_async", [False, True], ids=["client", "async_client"])
def test_other_bytes_than_the_server_named_are_no_file(
    millrace: Client, token: str, picture: Path, tmp_path: Path, is_async: bool
) -> None:
    other, target = replace(millrace.upload(picture), sha256="0" * 64), folder(tmp_path) / "copy"

    with pytest.raises(Damaged, match="ask for it again"):
        download(millrace.url, token, other, target, is_async=is_async)

    assert not list(target.parent.iterdir())


def test_a_download_through_a_link_keeps_the_link(millrace: Client, picture: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "copy")

    assert millrace.download(millrace.upload(picture), link) == link

    assert link.is_symlink()
    assert (tmp_path / "copy").read_bytes() == picture.read_bytes()


def folder(beside: Path) -> Path:
    made = beside / "saved"
    made.mkdir()
    return made


def download(url: str, token: str, file: Artifact, target: Path, *, is_async: bool) -> None:
    async def tell() -> None:
        async with AsyncClient(url, token, retries=QUICK) as millrace:
            await millrace.download(file, target)

    if is_async:
        asyncio.run(tell())
    else:
        with Client(url, token, retries=QUICK) as millrace:
            millrace.download(file, target)


@pytest.mark.parametrize("status", [None, 503, 429])
def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    lossy: Callable[..., Lossy], token: str, status: int | None
) -> None:
    proxy = lossy(2, status)
    with Client(proxy.url, token, retries=QUICK) as millrace:
        job = millrace.submit("test.ok", {})

    assert str(Row.objects.get().id) == job.id
    assert len(proxy.keys) == 3 and len(set(proxy.keys)) == 1


def test_an_upload_is_sent_again_from_its_beginning(lossy: Callable[..., Lossy], token: str) -> None:
    with Client(lossy(1).url, token, retries=QUICK) as millrace:
        kept = millrace.upload(io.BytesIO(b"some words"), name="a.txt")

    assert (kept.name, kept.size) == ("a.txt", 10)


def test_no_answer_at_all_is_an_error_after_all_tries(token: str) -> None:
    with Client(NOBODY, token, retries=QUICK) as millrace, pytest.raises(Unreachable, match="4 times"):
        millrace.submit("test.ok", {})


def test_a_key_of_ones_own_is_one_job_and_stands_for_one_request(millrace: Client) -> None:
    first = millrace.submit("test.ok", {}, key='order "4711"')
    again = millrace.submit("test.ok", {}, key='order "4711"')

    assert first.id == again.id
    with pytest.raises(KeyReused):
        millrace.submit("test.ok", {"key": "another"}, key='order "4711"')


def test_what_is_wrong_has_a_type_a_code_and_a_place(millrace: Client, web: WebProcess) -> None:
    with pytest.raises(BadPayload) as refused:
        millrace.submit("images.resize", {"sizes": "wide"})
    assert refused.value.code == "bad_payload"
    assert any(error["pointer"].startswith("/payload") for error in refused.value.errors)
    assert refused.value.request_id
    with pytest.raises(UnknownKind):
        millrace.submit("nope", {})
    with pytest.raises(NotFound):
        millrace.job("01a203b8-7ce7-76b5-ae55-681e1a85674e")
    with pytest.raises(BadFilter, match="did you mean `state`"):
        next(millrace.jobs("stat:failed"))
    with pytest.raises(BadFilter):
        next(millrace.export("stat:failed"))
    with Client(web.url, "mill_wrong") as stranger, pytest.raises(BadToken):
        stranger.submit("test.ok", {})
    with pytest.raises(ValueError, match="time zone"):
        millrace.submit("test.ok", {}, run_at=datetime(2030, 1, 1))


def test_nobody_is_asked_without_an_address_and_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MILLRACE_URL", raising=False)
    with pytest.raises(ValueError, match="MILLRACE_URL"):
        Client()


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "http://127.0.0.1:8000/api/v1", "ftp://mill"])
def test_an_address_that_leads_nowhere_is_refused_before_it_is_tried(url: str) -> None:
    with pytest.raises(ValueError, match="is no address of Millrace"):
        Client(url, "mill_x")


def test_a_refusal_by_something_else_says_so(web: WebProcess) -> None:
    with (
        Client(web.url + "/elsewhere", "mill_x") as lost,
        pytest.raises(NotFound, match="404: what answered is not Millrace"),
    ):
        lost.job("01a203b8-7ce7-76b5-ae55-681e1a85674e")


def test_waiting_ends_with_the_job_or_the_time(millrace: Client) -> None:
    job = millrace.submit("test.ok", {})
    with pytest.raises(StillGoing, match="it goes on"):
        job.wait(timeout=0)

    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(job.result, 20)
        cancel_jobs([job.id], actor="alice")  # type: ignore[list-item]
        with pytest.raises(JobFailed) as failed:
            waiting.result(15)

    assert (failed.value.state, failed.value.code) == ("cancelled", "cancelled_by")


def test_acts_and_what_is_too_late_for_them(millrace: Client) -> None:
    job = millrace.submit("test.ok", {"key": "a"})

    with pytest.raises(NotPossible):
        job.retry()
    assert job.cancel().state is JobState.CANCELLED
    assert job.retry().state is JobState.QUEUED
    again = job.rerun({"key": "b"})
    assert again.id != job.id
    assert Row.objects.get(id=again.id).payload["key"] == "b"


def test_a_job_that_waits_is_changed_as_it_was_read(millrace: Client) -> None:
    job = millrace.submit("test.ok", {"key": "a"})

    assert job.change({"key": "b"}).told["payload"]["key"] == "b"
    assert job.change(run_at=datetime(2099, 1, 1, tzinfo=UTC)).state is JobState.SCHEDULED

    seen_before = millrace.job(job.id)
    job.change({"key": "c"})
    with pytest.raises(ChangedMeanwhile):
        seen_before.change({"key": "d"})
    assert seen_before.refresh().change({"key": "d"}).told["payload"]["key"] == "d"


def test_a_change_that_says_nothing_or_no_zone_is_not_sent(millrace: Client) -> None:
    job = millrace.submit("test.ok", {})

    with pytest.raises(ValueError, match="say what to change"):
        job.change()
    with pytest.raises(ValueError, match="time zone"):
        job.change(run_at=datetime(2030, 1, 1))


def test_what_has_ended_is_not_changed(millrace: Client) -> None:
    job = millrace.submit("test.ok", {}).cancel()

    with pytest.raises(NotPossible):
        job.change({"key": "b"})


def test_lists_and_exports_go_over_pages_and_hold_odd_lines(millrace: Client, submitter: User) -> None:
    made = [str(make_job("failed", owner=submitter, payload={"text": "a\u2028b\x85c"}).id) for _ in range(5)]
    make_job("queued", owner=submitter)

    assert [job.id for job in millrace.jobs("state:failed", page_size=2)] == made[::-1]
    lines = list(millrace.export("state:failed"))
    assert [line["id"] for line in lines] == made[::-1]
    assert lines[0]["payload"] == {"text": "a\u2028b\x85c"}


def test_an_export_of_several_chunks_is_whole(millrace: Client, submitter: User) -> None:
    for _ in range(230):
        make_job("succeeded", owner=submitter)

    assert len({line["id"] for line in millrace.export()}) == 230


def test_an_export_that_is_cut_goes_on_where_it_was(
    lossy: Callable[..., Lossy], token: str, submitter: User
) -> None:
    made = [str(make_job("failed", owner=submitter).id) for _ in range(20)]
    proxy = lossy(3)

    with Client(proxy.url, token, retries=QUICK) as millrace:
        found = [line["id"] for line in millrace.export("state:failed")]

    assert found == made[::-1]
    assert len(proxy.read) == 4 and "after=" not in proxy.read[0]
    assert all("after=" in path for path in proxy.read[1:])


def test_an_export_that_brings_nothing_more_is_given_up(
    lossy: Callable[..., Lossy], token: str, submitter: User
) -> None:
    make_job("failed", owner=submitter)

    with Client(lossy(9).url, token, retries=QUICK) as millrace, pytest.raises(Unreachable):
        list(millrace.export())


def test_the_asynchronous_export_goes_on_too(
    lossy: Callable[..., Lossy], token: str, submitter: User
) -> None:
    made = [str(make_job("failed", owner=submitter).id) for _ in range(20)]

    async def read() -> list[str]:
        async with AsyncClient(lossy(2).url, token, retries=QUICK) as millrace:
            return [line["id"] async for line in millrace.export()]

    assert asyncio.run(read()) == made[::-1]


def test_log_and_events_tell_the_story_to_its_end(millrace: Client, submitter: User) -> None:
    row = make_job("queued", owner=submitter)
    LogLine.objects.create(job=row, attempt=1, at=row.created_at, level="info", text="one\u2028line")
    job = millrace.job(str(row.id))

    with ThreadPoolExecutor(1) as thread:
        heard = thread.submit(lambda: list(job.events()))
        cancel_jobs([row.id], actor="alice")
        events = heard.result(20)

    assert [line.text for line in job.log()] == ["one\u2028line"]
    assert [event.name for event in events][-1] == "end"
    assert any(event.name == "log" and event.data["text"] == "one\u2028line" for event in events)
    assert list(job.events(last_id=events[-1].id)) == []


def test_the_asynchronous_client_does_the_same(
    web: WebProcess, token: str, submitter: User, tmp_path: Path, picture: Path
) -> None:
    async def tell() -> tuple[list[str], int, int]:
        async with AsyncClient(web.url, token, retries=QUICK) as millrace:
            photo = await millrace.upload(picture)
            job = await millrace.submit("images.resize", {"source": photo.id, "sizes": ["64"]}, key="k")
            again = await millrace.submit("images.resize", {"source": photo.id, "sizes": ["64"]}, key="k")
            assert again.id == job.id
            names = [event.name async for event in job.events()]
            result = await job.result(timeout=30)
            await millrace.download(result.artifacts[0], tmp_path / "small")
            with pytest.raises(NotPossible):
                await job.cancel()
            with pytest.raises(NotPossible):
                await job.change({"source": photo.id})
            listed = [each async for each in millrace.jobs("state:succeeded")]
            exported = [each async for each in millrace.export("state:succeeded")]
            assert all(line.text for line in [line async for line in job.log()])
            other = await job.rerun()
            assert (await other.wait(30)).state is (await other.refresh()).state
            return names, len(listed), len(exported)

    with WorkerProcess(tmp_path / "worker.log"):
        names, listed, exported = asyncio.run(tell())

    assert names[-1] == "end"
    assert (listed, exported) == (1, 1)
    assert width_of(tmp_path / "small") == 64


def test_pauses_grow_and_the_servers_word_wins() -> None:
    retries = Retries(attempts=3, first=1, longest=5)

    assert 0.5 <= (retries.pause(1) or 0) <= 1 <= (retries.pause(2) or 0) <= 2
    assert retries.pause(1, "4") == 4
    assert retries.pause(1, "60") == 5
    assert retries.pause(3, "1") is None


def test_lines_end_only_where_they_do_however_they_are_cut() -> None:
    text = 'event: log\r\nid: 1.2\ndata: {"a": "\u2028"}\n\n: ping\n\n'.encode()
    lines, reader = Lines(), Reader()

    found = [reader.take(line) for n in range(len(text)) for line in lines.take(text[n : n + 1])]

    [event] = [event for event in found if event]
    assert (event.name, event.id, event.data) == ("log", "1.2", {"a": "\u2028"})
    assert reader.last == "1.2"
