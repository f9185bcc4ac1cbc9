"""What is kept beside a running job: progress and log lines."""

import time
from uuid import uuid4

import pytest
from pytest_django import Settings

from jobs import log_lines, progress
from jobs.conf import conf
from jobs.log_lines import LogRow
from jobs.models import LogLine, Progress
from jobs.progress import ProgressRow
from tests.factories import make_job

pytestmark = pytest.mark.django_db


def test_the_latest_word_of_the_latest_attempt_wins() -> None:
    job = make_job("running").id
    progress.write([ProgressRow(job, 2, 0.2, "again")])

    progress.write([ProgressRow(job, 1, 0.9, "late")])

    kept = Progress.objects.get()
    assert (kept.attempt, kept.fraction, kept.note) == (2, 0.2, "again")


def test_the_newest_lines_are_kept(settings: Settings) -> None:
    settings.MILLRACE = {"log_lines": 3}
    conf.cache_clear()
    job, other = make_job("running").id, make_job("running").id

    for start in (0, 2, 4):
        lines = [LogRow(job, 1, time.monotonic(), "info", f"line {n}") for n in range(start, start + 2)]
        log_lines.write([*lines, LogRow(other, 1, time.monotonic(), "info", f"other {start}")])
    conf.cache_clear()

    texts = LogLine.objects.filter(job_id=job).values_list("text", flat=True)
    assert list(texts) == ["line 3", "line 4", "line 5"]
    assert LogLine.objects.filter(job_id=other).count() == 3


def test_notes_of_a_purged_job_disturb_nobody() -> None:
    job, purged = make_job("running").id, uuid4()

    progress.write([ProgressRow(purged, 1, 0.5, ""), ProgressRow(job, 1, 0.5, "")])
    log_lines.write([LogRow(purged, 1, 0.0, "info", "a"), LogRow(job, 1, 0.0, "info", "b")])

    assert Progress.objects.get().job_id == job
    assert LogLine.objects.get().job_id == job
