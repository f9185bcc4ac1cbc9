"""Limits of mail across workers, by what a mail server sees of them."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.lifecycle.submit import submit_job
from jobs.models import Item, Job
from tests.counting_smtp import CountingServer, counting, most_too_many
from tests.waiting import eventually
from tests.worker_process import SHORT_LEASE, kill_if_there
from tests.workers.conftest import StartWorker

pytestmark = pytest.mark.django_db(transaction=True)

SLOTS = 2


@pytest.fixture
def mill() -> Iterator[CountingServer]:
    with counting() as server:
        yield server


def campaign(owner: User, **domains: int) -> Job:
    """So many at each domain, in turn; `slow` is slow.example."""
    listed = [
        {"to": f"{number:03}.{owner.username}@{name}.example"}
        for number in range(max(domains.values()))
        for name, count in domains.items()
        if number < count
    ]
    payload = {"recipients": listed, "subject": "Hi", "text": "Hi"}
    return Job.objects.get(pk=submit_job("email.campaign", payload, owner=owner).id)


def has_ended(*jobs: Job) -> bool:
    found = set(Job.objects.filter(pk__in=[job.pk for job in jobs]).values_list("state", flat=True))
    assert not found & {"failed", "cancelled"}, list(Job.objects.values_list("state", "error"))
    return found == {"succeeded"}


def workers(start: StartWorker, mill: CountingServer, count: int = 2, **environment: str) -> list[Any]:
    url = f"smtp://127.0.0.1:{mill.port}"
    return [start("-Q", "email", slots=SLOTS, EMAIL_URL=url, **environment) for _ in range(count)]


def everybody_once(mill: CountingServer) -> None:
    assert sorted(mill.recipients) == sorted(Item.objects.values_list("key", flat=True))


def test_a_domains_rate_holds_across_workers_and_no_other_waits_for_it(
    start_worker: StartWorker, mill: CountingServer, alice: User, bob: User
) -> None:
    """What was let through and not yet sent is at most a burst for each job."""
    jobs = [campaign(alice, slow=25, fast=60), campaign(bob, slow=25, quick=60)]
    workers(start_worker, mill, EMAIL_DOMAIN_LIMITS="slow.example=10/s")

    eventually(lambda: has_ended(*jobs), timeout=60, what="both campaigns end")

    assert Item.objects.filter(state="done").count() == 170
    slow = mill.arrivals["slow.example"]
    assert most_too_many(slow, per_second=10, together=10 + 10 * len(jobs)) <= 0
    assert max(mill.arrivals["fast.example"] + mill.arrivals["quick.example"]) < max(slow)
    assert Job.objects.filter(failures=0, crashes=0).count() == 2


def test_no_more_go_to_a_domain_at_once_than_it_takes(
    start_worker: StartWorker, mill: CountingServer, alice: User, bob: User
) -> None:
    mill.seconds = 0.02
    jobs = [campaign(owner, slow=30, fast=30) for owner in (alice, bob, alice, bob)]
    workers(start_worker, mill, EMAIL_DOMAIN_LIMITS="slow.example=,1")

    eventually(lambda: has_ended(*jobs), timeout=60, what="all campaigns end")

    assert Item.objects.filter(state="done").count() == 240
    assert mill.most_at_once["slow.example"] == 1
    assert mill.most_at_once[""] > 1, "others go on meanwhile"


def test_no_more_connections_are_open_than_the_account_allows(
    start_worker: StartWorker, mill: CountingServer, alice: User, bob: User
) -> None:
    mill.seconds = 0.01
    jobs = [campaign(owner, slow=30) for owner in (alice, bob, alice, bob)]
    workers(start_worker, mill, EMAIL_ACCOUNT_LIMIT=",2")

    eventually(lambda: has_ended(*jobs), timeout=60, what="all campaigns end")

    assert Item.objects.filter(state="done").count() == 120
    assert mill.most_connections == 2


def test_a_killed_worker_keeps_nobody_elses_place(
    start_worker: StartWorker, mill: CountingServer, alice: User, bob: User
) -> None:
    """Died: in the middle of a chunk, while it had the only place."""
    one_at_once = {"EMAIL_DOMAIN_LIMITS": "slow.example=,1", **SHORT_LEASE}
    first, *_ = workers(start_worker, mill, 1, **one_at_once)
    killed: list[str] = []

    def kill() -> None:
        for pid in [first.pid, *first.children]:
            kill_if_there(pid)
        killed.append("now")

    mill.on_taken[5] = kill
    jobs = [campaign(alice, slow=30)]
    eventually(lambda: killed, timeout=30, what="the worker is killed")
    jobs.append(campaign(bob, slow=30))

    workers(start_worker, mill, 1, **one_at_once)
    eventually(lambda: has_ended(*jobs), timeout=60, what="both campaigns end")

    assert mill.most_at_once["slow.example"] == 1
    ends = set(Item.objects.values_list("state", flat=True))
    assert ends == {"done", "uncertain"}
    assert Item.objects.filter(state="uncertain").count() <= 20
    assert len(set(mill.recipients)) == len(mill.recipients), "nobody twice"
    assert Item.objects.filter(job=jobs[1], state="done").count() == 30


def test_after_a_421_everybody_gets_it_later_and_once(
    start_worker: StartWorker, mill: CountingServer, alice: User, bob: User
) -> None:
    jobs = [campaign(alice, slow=50), campaign(bob, fast=50)]
    mill.script["MAIL"] = ["250 OK"] * 25 + ["421 4.7.0 Later"] * 4 + ["250 OK"]

    workers(start_worker, mill, EMAIL_PAUSE_SECONDS="1")
    eventually(lambda: has_ended(*jobs), timeout=180, what="both campaigns end")

    everybody_once(mill)
    assert Item.objects.filter(state="done").count() == 100
    assert Job.objects.filter(attempt__gt=1).exists(), "it was away meanwhile"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_worker_that_stops_in_the_middle_of_a_chunk_keeps_what_it_heard(
    start_worker: StartWorker, mill: CountingServer, alice: User, number: signal.Signals
) -> None:
    """Stopped: after the fifth of forty; the sixth takes its time, so that QUIT comes in its middle."""
    [first] = workers(start_worker, mill, 1, GRACE_SECONDS="5")

    def stop() -> None:
        mill.seconds = 1.0
        first.signal(number)

    mill.on_taken[5] = stop
    job = campaign(alice, slow=40)
    first.wait()

    job.refresh_from_db()
    counts = Counter(Item.objects.values_list("state", flat=True))
    assert (job.state, job.ready, job.failures, job.crashes) == ("queued", True, 0, 0)
    assert counts["done"] >= 5
    assert counts["uncertain"] <= (number == signal.SIGQUIT)
    assert sum(counts.values()) == counts["done"] + counts["uncertain"] + counts["pending"] == 40

    mill.seconds = 0.0
    workers(start_worker, mill, 1)
    eventually(lambda: has_ended(job), timeout=60, what="the campaign ends")

    assert Item.objects.filter(state="pending").count() == 0
    assert len(set(mill.recipients)) == len(mill.recipients) == 40, "everybody once"
