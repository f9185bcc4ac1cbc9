"""What a kind gets to do its work with."""

import logging
from collections.abc import Iterator
from threading import Thread

import pytest
import structlog

from jobs.errors import Cancelled
from tests.running import make_context
from workers.context import Context

pytestmark = pytest.mark.django_db


@pytest.fixture
def context() -> Iterator[Context]:
    context = make_context()
    yield context
    context.close()


def texts(context: Context) -> list[tuple[str, str]]:
    return [(line.level, line.text) for line in context.take_notes().lines]


def test_lines_are_kept_once_whoever_writes_them(context: Context) -> None:
    context.log.info("decoded", width=3)
    logging.getLogger("a.library").warning("slow %s", "disk")
    structlog.get_logger("other").warning("odd", colour="green")

    assert texts(context) == [
        ("info", "decoded width=3"),
        ("warning", "slow disk"),
        ("warning", "odd colour=green"),
    ]
    assert texts(context) == []


def test_lines_of_other_threads_and_of_no_job_are_not_kept(context: Context) -> None:
    thread = Thread(target=logging.getLogger("heartbeat").warning, args=["beat"])
    thread.start()
    thread.join()
    context.close()
    logging.getLogger("runner").warning("after the job")

    assert texts(context) == []


def test_quiet_lines_of_the_kind_are_kept_where_the_process_is_quiet(context: Context) -> None:
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        context.log.info("still here")
    finally:
        root.setLevel(level)

    assert texts(context) == [("info", "still here")]


def test_an_exception_is_kept_with_its_trace(context: Context) -> None:
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        context.log.exception("step_failed")

    [(level, text)] = texts(context)
    assert level == "error"
    assert text.startswith("step_failed\nTraceback")
    assert text.endswith("RuntimeError: broken")


def test_lines_that_did_not_fit_are_counted(context: Context) -> None:
    for n in range(510):
        context.log.info("line", n=n)

    lines = texts(context)
    assert lines[0] == ("warning", "10 earlier lines were not kept")
    assert lines[1] == ("info", "line n=10")


def test_progress_is_handed_out_once_and_stays_between_none_and_all(context: Context) -> None:
    context.progress(0.2, "first")
    context.progress(7, "then\x00")

    progress = context.take_notes().progress
    assert progress is not None
    assert (progress.fraction, progress.note) == (1.0, "then␀")
    assert context.take_notes().progress is None


def test_a_check_stops_a_cancelled_job() -> None:
    asked = [False]
    context = make_context(is_cancelled=lambda: asked[0])
    context.check()

    asked[0] = True

    assert context.is_cancelled
    with pytest.raises(Cancelled):
        context.check()
    context.close()


def test_the_scratch_folder_is_gone_afterwards(context: Context) -> None:
    folder = context.scratch
    (folder / "half.bin").write_bytes(b"x")

    context.close()

    assert not folder.exists()


def test_a_kind_can_see_how_long_it_still_has(context: Context) -> None:
    limit = context.kind.timeout.total_seconds()

    first, second = context.seconds_left, context.seconds_left

    assert limit - 60 < second <= first <= limit
