"""A holder's id tells the worker and the process, and no two are the same."""

from uuid import UUID, uuid4

import pytest

from jobs.holder import make_holder, pid_of, whose, workers_of
from jobs.models import Worker
from jobs.models.worker import where

PIDS = [1, 4711, 2**22, 2**32 - 1]


@pytest.mark.parametrize("pid", PIDS)
def test_it_keeps_the_process_and_the_worker(pid: int) -> None:
    worker = uuid4()

    holder = make_holder(worker, pid)

    low, high = workers_of(holder)
    assert pid_of(holder) == pid
    assert low <= worker <= high
    assert (holder.version, holder.variant) == (8, "specified in RFC 4122")
    assert not low <= uuid4() <= high


def test_two_starts_of_one_process_number_are_two_holders() -> None:
    worker = uuid4()

    assert len({make_holder(worker, 4711) for _ in range(1000)}) == 1000


def test_an_id_of_another_make_names_no_process() -> None:
    assert pid_of(uuid4()) is None
    assert whose(uuid4(), "celery@mill") == "celery@mill"


@pytest.mark.django_db
def test_the_worker_is_found_by_its_childs_holder() -> None:
    worker = make_worker("celery@mill")
    make_worker("celery@other")
    holder = make_holder(worker, 4711)

    assert where(holder) == "celery@mill, process 4711"

    Worker.objects.all().delete()
    assert where(holder) == "a worker that is not there any more, process 4711"


def make_worker(name: str) -> UUID:
    return Worker.objects.create(id=uuid4(), name=name, pid=1, version="", queues=[], kinds=[], slots=1).id
