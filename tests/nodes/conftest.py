"""pytest-celery's nodes over this project's own app: local processes, or containers where there is Docker.

The fixtures are pytest-celery's, overridden by the names that its documentation gives. Two workers, one
Redis, no result backend: outcomes are in PostgreSQL. Where Docker answers, the broker is pytest-celery's own
container and the workers stay processes of this machine; that way has not been run by us yet.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_celery import (
    CELERY_REDIS_BROKER,
    CeleryBrokerCluster,
    CeleryTestWorker,
    CeleryWorkerCluster,
    CeleryWorkerContainer,
    RedisContainer,
    RedisTestBroker,
)

from celery_app import app
from core.embedded.ports import free_port
from core.embedded.redis import find_server
from tests.broker_at import broker_at
from tests.nodes.process import LocalProcess, celery
from tests.worker_process import SHORT_TIMES, database_url

WORKERS = 2
SLOTS = 2


class LocalRedis(RedisContainer):
    """A Redis from the project's wheel, on a port of its own."""

    port = 0
    hostname = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    host_url = url


class LocalWorker(CeleryWorkerContainer):
    """A worker of this project's app."""

    def ready(self) -> bool:
        return self.status == "running" and "ready." in self.logs()


def has_docker() -> bool:
    """Whether an engine answers."""
    return (
        bool(shutil.which("docker"))
        and not subprocess.run(["docker", "info"], capture_output=True).returncode
    )


@pytest.fixture(autouse=True)
def our_app_stays_current() -> Iterator[None]:
    """pytest-celery makes an app of its own the current one; shared tasks of later tests would go to it."""
    yield
    app.set_current()


@pytest.fixture(params=[CELERY_REDIS_BROKER])
def celery_broker(request: pytest.FixtureRequest) -> Iterator[RedisTestBroker]:
    """Only Redis: RabbitMQ has its own tests."""
    broker: RedisTestBroker = request.getfixturevalue(request.param)
    yield broker
    broker.teardown()


@pytest.fixture
def celery_backend_cluster() -> None:
    """None: no outcome goes through Celery."""


@pytest.fixture
def celery_worker_cluster(make_worker: Callable[..., CeleryTestWorker]) -> Iterator[CeleryWorkerCluster]:
    """Two workers that share the line."""
    cluster = CeleryWorkerCluster(*[make_worker() for _ in range(WORKERS)])
    yield cluster
    cluster.teardown()


@pytest.fixture
def make_worker(
    transactional_db: None, celery_broker_cluster: CeleryBrokerCluster, tmp_path: Path
) -> Iterator[Callable[..., CeleryTestWorker]]:
    """Starts one more node, with settings of its own if need be."""
    started: list[LocalProcess] = []

    def make(**environment: str) -> CeleryTestWorker:
        name = f"node{len(started)}"
        process = LocalProcess(
            name,
            celery("worker", "-n", "celery_test_worker@{hostname}", "-c", str(SLOTS), "--loglevel=INFO"),
            tmp_path / f"{name}.log",
            {
                **os.environ, **SHORT_TIMES,
                "LEASE_SECONDS": "5",  # of a node that is killed it has to run out
                "DATABASE_URL": database_url(), "IN_WORKER": "1",
                "BROKER_URL": celery_broker_cluster[0].config()["url"], "MEDIA_DIR": str(tmp_path / "files"),
                **environment,
            },
        )  # fmt: skip
        started.append(process)
        worker = CeleryTestWorker(LocalWorker(process), app)
        worker.wait_for_log("ready.", timeout=30)
        return worker

    yield make
    for process in started:
        process.remove()


@pytest.fixture
def rings_the_node(celery_broker_cluster: CeleryBrokerCluster) -> Iterator[None]:
    """This process, where jobs are handed in, rings at the broker node too."""
    with broker_at(celery_broker_cluster[0].config()["host_url"]):
        yield


if not has_docker():

    @pytest.fixture
    def default_redis_broker(tmp_path: Path) -> Iterator[RedisContainer]:
        """The broker node."""
        port = free_port()
        command = [
            str(find_server()),
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(tmp_path),
        ]
        process = LocalProcess("redis", command, tmp_path / "redis.log", dict(os.environ))
        container = LocalRedis(process)
        container.port = port
        container._wait_ready()
        yield container
        process.remove()
