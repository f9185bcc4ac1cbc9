"""Real workers beside the test, on the test's own database."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.worker_process import WorkerProcess

StartWorker = Callable[..., WorkerProcess]


@pytest.fixture
def empty_broker() -> None:
    """No bell of an earlier test is left."""
    with redis.Redis.from_url(os.environ["BROKER_URL"]) as client:
        client.flushall()


@pytest.fixture
def start_worker(transactional_db: None, empty_broker: None, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers; whatever the test did to them, none is left over."""
    started: list[WorkerProcess] = []

    def start(*options: str, slots: int = 2, **environment: str) -> WorkerProcess:
        media = {"MEDIA_DIR": str(tmp_path / "files")}
        worker = WorkerProcess(
            tmp_path / f"worker{len(started)}.log", *options, slots=slots, **media, **environment
        )
        started.append(worker)
        return worker.start()

    yield start
    for worker in started:
        worker.stop()


@pytest.fixture
def effects(tmp_path: Path) -> Path:
    """A log of effects, outside the system under test."""
    log = tmp_path / "effects"
    log.touch()
    return log
