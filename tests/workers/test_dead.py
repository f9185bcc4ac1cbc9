"""A dead child is replaced at once, also where nobody told the pool."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
from django.contrib.auth.models import User

from jobs.lifecycle.submit import submit_job
from tests.waiting import eventually
from tests.worker_process import WorkerProcess
from tests.workers.conftest import StartWorker
from tests.workers.test_bad_luck import pid_of
from tests.workers.test_work import ended as ended_jobs
from workers.dead import DeadChildren, any_dead


def ended() -> subprocess.Popen[bytes]:
    """A child that has ended and that nobody collected."""
    child = subprocess.Popen(["true"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read()
    return child


def test_a_child_that_ended_is_seen_and_not_collected() -> None:
    with ended() as child:
        while not any_dead([child.pid]):
            pass  # its last pipe closes a moment before it ends
        assert any_dead([child.pid]), "still there for the pool"
    assert not any_dead([child.pid]), "collected by its owner"


def test_a_living_child_is_not_dead() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        assert not any_dead([child.pid])


def test_one_that_is_about_to_be_born_is_not_dead() -> None:
    """The pool lists it before it forks; the look once failed each time it met one."""
    assert not any_dead([None])


def test_the_pool_is_asked_to_look_in_its_own_loop() -> None:
    asked: list[object] = []
    with ended() as child:
        pool = pool_of(child)
        dead = DeadChildren(pool, SimpleNamespace(call_soon=asked.append))
        while not asked:
            dead.look()
    assert asked[0] == pool.maintain_pool


def test_a_fork_that_fails_is_tried_again_and_ends_nobody(
    start_worker: StartWorker, alice: User, effects: Path, tmp_path: Path
) -> None:
    """The first failure once took away the connection to the broker, the next the whole worker."""
    is_full = tmp_path / "is_full"
    (tmp_path / "sitecustomize.py").write_text(FORK_FAILS.format(file=str(is_full)))
    worker = start_worker(slots=2, PYTHONPATH=str(tmp_path))

    assert_replaced_later(worker, alice, effects, begin=is_full.touch, end=is_full.unlink)


def test_a_main_without_descriptors_replaces_a_child_later(
    start_worker: StartWorker, alice: User, effects: Path
) -> None:
    """It once ended, and the children that were well with it."""
    worker = start_worker(slots=2)
    main = psutil.Process(worker.pid)
    limits = main.rlimit(psutil.RLIMIT_NOFILE)

    assert_replaced_later(
        worker,
        alice,
        effects,
        begin=lambda: main.rlimit(psutil.RLIMIT_NOFILE, (5, limits[1])),
        end=lambda: main.rlimit(psutil.RLIMIT_NOFILE, limits),
    )


FORK_FAILS = """
import os
from pathlib import Path

fork = os.fork

def fork_or_fail():
    if Path({file!r}).exists():
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return fork()

os.fork = fork_or_fail
"""


def assert_replaced_later(
    worker: WorkerProcess,
    owner: User,
    effects: Path,
    *,
    begin: Callable[[], object],
    end: Callable[[], object],
) -> None:
    """One child dies in bad times, the other works through them."""
    gate = effects.with_name("gate")
    job = submit_job("test.fault", {"do": "wait", "gate": str(gate), "log": str(effects)}, owner=owner).id
    busy = pid_of(effects)

    begin()
    (idle,) = [child for child in worker.children if child != busy]
    os.kill(idle, signal.SIGKILL)
    eventually(lambda: "child_not_replaced" in worker.log.read_text(), 20, f"see {worker.log}")
    end()

    eventually(lambda: len(worker.children) == 2, 20, "it is replaced")
    gate.touch()
    (found,) = ended_jobs(job)
    assert (found.state, found.attempt) == ("succeeded", 1)
    assert "Connection to broker lost" not in worker.log.read_text()


def pool_of(*children: object) -> SimpleNamespace:
    """billiard's pool, as far as it matters here."""
    return SimpleNamespace(
        _pool=list(children), maintain_pool=lambda: None, _create_worker_process=lambda slot: None
    )
