"""Real Beat processes: two of them, one killed, and PostgreSQL restarted under the other."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from jobs.models import Beat, IdempotencyKey, Job
from tests import embedded_servers
from tests.waiting import eventually

PROJECT = Path(__file__).resolve().parents[2]
EVERY_SECONDS = 1


@contextmanager
def beat(log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    url = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{connection.settings_dict['NAME']}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "celery_app", "beat", "--pidfile=", "--max-interval=1"],
            cwd=PROJECT,
            env={**os.environ, "DATABASE_URL": url},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def fired(at_least: int) -> Callable[[], bool]:
    def look() -> bool:
        try:
            return Job.objects.filter(door="schedule").count() >= at_least
        except DatabaseError:
            close_old_connections()
            return False

    return look


def test_two_beats_a_killed_one_and_a_restarted_database_make_one_job_for_each_due_time(
    no_schedules: None, tmp_path: Path
) -> None:
    if embedded_servers.POSTGRES is None:
        pytest.skip("needs servers of our own, not MILLRACE_TEST_EXTERNAL")
    every = IntervalSchedule.objects.create(every=EVERY_SECONDS, period="seconds")
    PeriodicTask.objects.create(
        name="look", task="cleanup.run", kwargs='{"dry_run": true}', interval=every,
        last_run_at=timezone.now() - timedelta(minutes=1),
    )  # fmt: skip

    with beat(tmp_path / "first.log") as first, beat(tmp_path / "second.log") as second:
        eventually(fired(3), timeout=30, what=f"three firings; see {tmp_path}")
        first.kill()
        connection.close()
        embedded_servers.POSTGRES.kill()
        embedded_servers.POSTGRES.start()
        before = eventually(lambda: fired(0)() and Job.objects.count())
        eventually(fired(before + 2), timeout=30, what=f"firings after the restart; see {tmp_path}")
        assert second.poll() is None

    keys = IdempotencyKey.objects.filter(scope__startswith="schedule:").values_list("key", flat=True)
    due = sorted(map(datetime.fromisoformat, keys))
    assert len(due) == Job.objects.count() == PeriodicTask.objects.get(name="look").total_run_count
    assert all(later - earlier >= timedelta(seconds=EVERY_SECONDS) for earlier, later in pairwise(due))


def test_a_beat_says_that_it_is_there_and_says_good_bye(no_schedules: None, tmp_path: Path) -> None:
    with beat(tmp_path / "beat.log") as process:
        row = eventually(
            lambda: Beat.objects.filter(tick_seconds__isnull=False).first(),
            timeout=30,
            what=f"it announces itself, and that its scheduler looked; see {tmp_path}",
        )

        assert row.pid == process.pid
        assert abs((row.told_at - row.beat_at).total_seconds()) < 60, "one machine, one clock"

        process.terminate()
        process.wait(30)

    assert not Beat.objects.exists()
