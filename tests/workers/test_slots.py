"""A limit under kills: never exceeded, and no slot leaks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from jobs.database import DJANGO, OwnDatabase
from jobs.lifecycle.submit_many import submit_many
from jobs.models import Job
from tests.faults.audit import INSTALL, changes
from tests.waiting import eventually
from tests.worker_process import SHORT_LEASE
from tests.workers.conftest import StartWorker

AT_ONCE = 3
"""As test.limited declares it for an account."""
REMOVE = "DROP TRIGGER fault_audit ON millrace_job; DROP FUNCTION fault_audit; DROP TABLE fault_audit"


@pytest.fixture
def audit(transactional_db: None) -> Iterator[OwnDatabase]:
    """Every change of a job's state is written down in its own transaction."""
    DJANGO.rows(INSTALL)
    own = OwnDatabase("audit")
    yield own
    own.close()
    DJANGO.rows(REMOVE)


def most_at_once(audit: OwnDatabase) -> int:
    """How many jobs ran at the same time, at most."""
    running: set[object] = set()
    most = 0
    for change in changes(audit.connection):
        (running.add if change.after == "running" else running.discard)(change.job)
        most = max(most, len(running))
    return most


def test_a_limit_of_three_is_never_exceeded_under_kills_and_leaks_no_slot(
    audit: OwnDatabase, start_worker: StartWorker, alice: User, tmp_path: Path
) -> None:
    """Every fifth job kills its child at the first attempt, every seventh its main."""
    jobs = [
        {
            "account": "a",
            "do": "kill" if number % 5 == 0 else "kill_main" if number % 7 == 0 else "ok",
            "until_attempt": 2,
        }
        for number in range(40)
    ]
    workers = [start_worker(slots=4, **SHORT_LEASE) for _ in range(2)]

    ids = submit_many("test.limited", jobs, owner=alice)

    def all_ended() -> bool:
        for place, worker in enumerate(workers):
            if worker.main.poll() is not None:
                worker.stop()
                workers[place] = start_worker(slots=4, **SHORT_LEASE)
        return not Job.objects.filter(pk__in=ids).exclude(state="succeeded").exists()

    eventually(all_ended, timeout=180, what="every job succeeded")
    assert most_at_once(audit) == AT_ONCE

    gate = tmp_path / "gate"
    later = submit_many(
        "test.limited", [{"account": "a", "do": "wait", "gate": str(gate)}] * (AT_ONCE + 2), owner=alice
    )
    running = Job.objects.filter(pk__in=later, state="running")
    eventually(lambda: running.count() == AT_ONCE, what="every slot is used again")
    gate.touch()
    eventually(
        lambda: Job.objects.filter(pk__in=later, state="succeeded").count() == AT_ONCE + 2, what="all ended"
    )
    assert most_at_once(audit) == AT_ONCE


def test_a_limited_job_starts_as_soon_as_the_one_before_it_ends(
    audit: OwnDatabase, start_worker: StartWorker, alice: User
) -> None:
    """By the finish of the one before, not by a timer: those come so rarely here that nothing would end."""
    start_worker(slots=2, GATE_SECONDS="3600", SWEEP_SECONDS="3600")

    ids = submit_many("test.limited", [{"host": "h"}] * 20, owner=alice)

    eventually(lambda: Job.objects.filter(pk__in=ids, state="succeeded").count() == 20, what="all ended")
    assert most_at_once(audit) == 1
