"""A worker whose broker failed it, or that is deaf, comes back with nobody's help."""

from __future__ import annotations

import os
import re
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis
from django.contrib.auth.models import User
from django.db.models import F
from django.db.models.functions import Now
from redis.exceptions import ResponseError

from core.embedded.ports import free_port
from core.embedded.redis import Redis
from jobs.lifecycle.submit import submit_job
from jobs.models import Job
from tests import embedded_servers
from tests.faults.proxy import Proxy
from tests.waiting import eventually
from tests.worker_process import SHORT_LEASE, WorkerProcess
from tests.workers.conftest import StartWorker
from tests.workers.test_bad_luck import pid_of
from tests.workers.test_work import ended

BACK_SECONDS = 60
"""What FAULTS.md allows after relief."""
IMPATIENT = {"CANARY_SECONDS": "0.3", "DEAF_SECONDS": "1.5"}
SPARE_DESCRIPTORS = 5
SPARE_MEMORY = 1.25


@pytest.fixture
def server() -> Redis:
    if embedded_servers.REDIS is None:
        pytest.skip("needs servers of our own, not MILLRACE_TEST_EXTERNAL")
    return embedded_servers.REDIS


@pytest.fixture
def client(server: Redis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as client:
        yield client


@pytest.fixture
def proxy(server: Redis) -> Iterator[Proxy]:
    proxy = Proxy(server.port)
    yield proxy
    proxy.close()


@pytest.fixture
def readonly(client: redis.Redis) -> Iterator[Callable[[], object]]:
    """What a master becomes by a failover."""
    yield lambda: client.execute_command("REPLICAOF", "127.0.0.1", "1")
    client.execute_command("REPLICAOF", "NO", "ONE")


@pytest.fixture
def misconf(client: redis.Redis) -> Iterator[Callable[[], object]]:
    """A snapshot failed, as on a full disk: Redis refuses writes, and PING."""

    def begin() -> None:
        client.set("something", "to save")
        client.config_set("save", "3600 1")
        client.config_set("rdb-key-save-delay", 10_000_000)
        client.bgsave()
        main = psutil.Process(client.info("server")["process_id"])
        for child in eventually(main.children, what="the snapshot begins"):
            child.kill()
        eventually(lambda: is_refused(client), what="MISCONF")

    yield begin
    client.config_set("rdb-key-save-delay", 0)
    client.config_set("save", "")
    client.delete("something")


@pytest.fixture
def out_of_memory(client: redis.Redis) -> Iterator[Callable[[], object]]:
    yield lambda: client.config_set("maxmemory", 1)
    client.config_set("maxmemory", 0)


def relieve(client: redis.Redis) -> None:
    """Whatever it was: it is over."""
    client.execute_command("REPLICAOF", "NO", "ONE")
    client.config_set("maxmemory", 0)
    client.config_set("rdb-key-save-delay", 0)
    client.config_set("save", "")


def is_refused(client: redis.Redis) -> bool:
    try:
        client.set("something", "else")
    except ResponseError:
        return True
    return False


def runs_a_job(worker: WorkerProcess, owner: User, timeout: float = BACK_SECONDS) -> None:
    """From submit to success, in the same main process."""
    job = submit_job("test.ok", {"key": "a"}, owner=owner).id
    eventually(
        lambda: Job.objects.get(pk=job).state == "succeeded",
        timeout=timeout,
        what=f"a job runs; see {worker.log}",
    )
    assert worker.main.poll() is None


def says(worker: WorkerProcess, word: str) -> int:
    return worker.log.read_text().count(word)


@pytest.mark.parametrize("fault", ["readonly", "misconf", "out_of_memory"])
def test_a_redis_that_refuses_writes_ends_no_worker(
    fault: str,
    request: pytest.FixtureRequest,
    client: redis.Redis,
    start_worker: StartWorker,
    alice: User,
) -> None:
    begin = request.getfixturevalue(fault)
    worker = start_worker("-E", **IMPATIENT)
    runs_a_job(worker, alice)
    seen = says(worker, "bell_lost")

    begin()
    client.client_kill_filter(_type="normal", skipme=True)  # it has to connect again while the fault is on
    waiting = submit_job("test.ok", {"key": "b"}, owner=alice).id
    eventually(lambda: says(worker, "bell_lost") > seen, timeout=40, what="the worker meets the fault")
    relieve(client)

    assert {job.state for job in ended(waiting)} == {"succeeded"}
    runs_a_job(worker, alice)


def test_a_hundred_lost_connections_and_twenty_restarts_leave_nothing_behind(
    server: Redis, client: redis.Redis, start_worker: StartWorker, alice: User
) -> None:
    worker = start_worker("-E")
    main = psutil.Process(worker.pid)
    for _ in range(3):  # what only the first reconnections need is there
        reconnect(client, worker)
    runs_a_job(worker, alice)
    descriptors, memory = main.num_fds(), main.memory_info().rss

    for _ in range(100):
        reconnect(client, worker)
    for _ in range(20):
        server.kill()
        server.start()
        eventually(lambda: is_consuming(client), timeout=BACK_SECONDS, what="the worker consumes again")

    runs_a_job(worker, alice)
    eventually(lambda: main.num_fds() <= descriptors + SPARE_DESCRIPTORS, timeout=30, what="descriptors")
    assert main.memory_info().rss <= SPARE_MEMORY * memory
    short = submit_job("test.short", {"do": "spin"}, owner=alice).id
    assert [job.code for job in ended(short)] == ["timeout"]


def reconnect(client: redis.Redis, worker: WorkerProcess) -> None:
    """Cut every connection, and see the consumer's come back."""
    before = consumers(client)
    client.client_kill_filter(_type="normal", skipme=True)
    client.client_kill_filter(_type="pubsub", skipme=True)
    eventually(
        lambda: consumers(client) - before, timeout=BACK_SECONDS, what=f"a new connection; see {worker.log}"
    )


def consumers(client: redis.Redis) -> set[str]:
    """The connections that wait in BRPOP."""
    return {one["id"] for one in client.client_list() if one["cmd"] == "brpop"}


def is_consuming(client: redis.Redis) -> bool:
    try:
        return bool(consumers(client))
    except redis.ConnectionError:
        return False


def test_a_consumer_whose_path_was_lost_is_given_a_new_connection(
    proxy: Proxy, start_worker: StartWorker, alice: User
) -> None:
    worker = start_worker(BROKER_URL=f"redis://127.0.0.1:{proxy.port}/0", **IMPATIENT)
    runs_a_job(worker, alice)

    proxy.lose()

    eventually(lambda: says(worker, "consumer_reset"), timeout=30, what=f"a reset; see {worker.log}")
    runs_a_job(worker, alice)


def test_a_worker_whose_children_are_frozen_ends_and_asks_for_another_start(
    start_worker: StartWorker, alice: User
) -> None:
    worker = start_worker(slots=1, **SHORT_LEASE, **IMPATIENT)
    runs_a_job(worker, alice)
    (child,) = worker.children

    os.kill(child, signal.SIGSTOP)

    assert worker.wait(60) == os.EX_TEMPFAIL
    assert says(worker, "worker_deaf") == 1
    assert not psutil.pid_exists(child)


def test_a_deaf_worker_drains_no_longer_than_one_that_was_told_to_stop(
    start_worker: StartWorker, alice: User, effects: Path, tmp_path: Path
) -> None:
    """It once waited an hour for the job of an hour that another child ran."""
    given = {"DRAIN_SECONDS": "0.5", "LEASE_SECONDS": "600", "WORKER_HTTP_PORT": str(port := free_port())}
    worker = start_worker(slots=2, **given, **IMPATIENT)
    wait = {"do": "wait", "gate": str(tmp_path / "never"), "log": str(effects)}
    job = submit_job("test.fault", wait, owner=alice).id
    busy = pid_of(effects)

    (idle,) = [child for child in worker.children if child != busy]

    def freeze_while_idle() -> bool:
        """One that is frozen while it looks for work may be busy for a lease."""
        os.kill(idle, signal.SIGSTOP)
        if idle_slots(port) == 1:
            return True
        os.kill(idle, signal.SIGCONT)
        return False

    eventually(freeze_while_idle, timeout=20, what="the other child is frozen while it is idle")

    assert worker.wait(60) == os.EX_TEMPFAIL
    found = Job.objects.get(pk=job)
    assert (found.state, found.failures, found.crashes) == ("queued", 0, 0)


def idle_slots(port: int) -> int:
    """As the worker's own metrics tell."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        found = re.search(rb"^millrace_worker_idle_slots (\d)", answer.read(), re.MULTILINE)
    assert found, "the worker tells"
    return int(found[1])


def test_a_child_that_is_busy_within_its_limits_is_no_reason(
    start_worker: StartWorker, alice: User, tmp_path: Path
) -> None:
    # A child that begins may be busy for a lease: that is over long before the job is.
    worker = start_worker(slots=1, **SHORT_LEASE, **IMPATIENT)
    gate = tmp_path / "gate"
    job = submit_job("test.fault", {"do": "wait", "gate": str(gate)}, owner=alice).id
    eventually(lambda: Job.objects.get(pk=job).state == "running", timeout=20)
    before = says(worker, "consumer_reset")  # a child that was slow to begin may have been the reason for one

    eventually(lambda: run_seconds(job) > 8, timeout=60, what="longer than all patience together")
    gate.touch()

    assert [one.state for one in ended(job)] == ["succeeded"]
    assert says(worker, "consumer_reset") == before


def run_seconds(job: object) -> float:
    """How long the job has run, by the database's clock."""
    age = Job.objects.annotate(age=Now() - F("started_at")).get(pk=job).age
    return float(age.total_seconds())
