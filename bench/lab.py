"""The lab: servers of its own with everything a fresh install has on, and the processes that are measured.

PostgreSQL keeps fsync on, Redis its append-only file. The peers have a database of their own beside
Millrace's. Everything ends with the process that made it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import redis

from bench.peers.environment import interpreter
from bench.peers.peer import Peer
from bench.peers.worker import PeerWorker
from core.embedded.child import Child
from core.embedded.environment import PROJECT
from core.embedded.ports import free_port
from core.embedded.postgres import Postgres
from core.embedded.redis import Redis
from core.supervisor.programs import Flower, Web, Worker, make_flower, make_web, make_worker

PEERS_DATABASE = "peers"
SETTLE = ("VACUUM ANALYZE millrace_job", "CHECKPOINT")
SOMEBODY_HOLDS = "SELECT 1 FROM millrace_job WHERE lease IS NOT NULL LIMIT 1"


class Lab:
    """The servers, and whatever runs on them."""

    def __init__(self, postgres: Postgres, redis_server: Redis, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "log"
        self.postgres = postgres
        self.redis_server = redis_server
        self.redis = redis.Redis.from_url(redis_server.database(1))
        self.variables = {
            "VAR_DIR": str(folder / "var"),
            "DATABASE_URL": postgres.url,
            "BROKER_URL": redis_server.database(0),
            "REDIS_URL": redis_server.database(1),
            "EXTRA_APPS": "bench.app",
            "DJANGO_SETTINGS_MODULE": "core.settings",
            "SECRET_KEY": "a benchmark signs nothing, whatever else it does",
        }
        self.peer_variables = {
            **{name: self.variables[name] for name in ("BROKER_URL", "REDIS_URL")},
            "PEERS_DATABASE_URL": url_of(postgres, PEERS_DATABASE),
            "DJANGO_SETTINGS_MODULE": "bench.peers.apps.settings",
            "PYTHONPATH": str(PROJECT),
        }
        self._has_peers = False

    def prepare(self) -> None:
        """Tables for Millrace."""
        os.environ |= self.variables
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=PROJECT, check=True)
        import django

        django.setup()

    def prepare_peers(self) -> None:
        """The peers' environment, database and tables; once, and only if somebody wants them."""
        if self._has_peers:
            return
        interpreter()
        self.sql(f"CREATE DATABASE {PEERS_DATABASE}")
        self.run_peer("-m", "django", "migrate", "-v0")
        self._has_peers = True

    def sql(self, *statements: str, url: str | None = None) -> None:
        """Each on its own, outside any transaction."""
        with psycopg.connect(url or self.postgres.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def empty(self) -> None:
        """As if nothing had ever happened, and nothing left to write behind the next measure's back."""
        self.redis.flushall()
        self.forget_jobs()
        self.sql("TRUNCATE millrace_tally", *SETTLE)

    def forget_jobs(self) -> None:
        """All of them, at once."""
        self.sql("TRUNCATE millrace_job CASCADE")

    def settle(self) -> None:
        """After rows were put in by the thousand."""
        self.sql(*SETTLE)

    def is_settled(self) -> bool:
        """Whether nobody holds a job: every outcome is recorded."""
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            return connection.execute(SOMEBODY_HOLDS).fetchone() is None

    def done(self) -> int:
        """How many tiny jobs were done."""
        return int(self.redis.get("done") or 0)  # type: ignore[arg-type]

    def worker(self, *, has_events: bool = True, queue: str = "", **variables: str) -> Worker:
        """A worker with two processes, as `make up` starts it; if asked, without events or for one queue."""
        worker = make_worker(self.logs, {**self.variables, **variables}, 1)
        left_out = set() if has_events else {"-E"}
        arguments = [part for part in worker.python_arguments if part not in left_out]
        worker.python_arguments = (*arguments, *(["-Q", queue] if queue else []))
        return worker

    def flower(self) -> Flower:
        """As `make up` starts it."""
        variables = {**self.variables, "FLOWER_AUTH": "bench:nobody else is on this machine's loopback"}
        return make_flower(self.logs, variables, free_port())

    @property
    def servers(self) -> dict[str, list[Child]]:
        """By the names under which their costs are listed."""
        return {"postgresql": [self.postgres], "redis": [self.redis_server]}

    def peer_workers(self, peer: Peer) -> list[PeerWorker]:
        """The peer's two processes, however it starts them."""
        return [PeerWorker(peer, self.logs, self.peer_variables, number) for number in range(peer.copies)]

    def run_peer(self, *arguments: str) -> str:
        """Python of the peers' environment, to its end; what it printed."""
        return run([str(interpreter()), *arguments], self.peer_variables)

    def web(self) -> Web:
        """The web process as `make up` starts it, with a bare view beside its doors."""
        web = make_web(self.logs, self.variables, free_port())
        web.python_arguments = tuple(
            "bench.app.asgi:application" if part == "core.asgi:application" else part
            for part in web.python_arguments
        )
        return web

    def run_own(self, *arguments: str, given: str = "", **variables: str) -> str:
        """Python of Millrace's environment, to its end; what it printed."""
        return run([sys.executable, *arguments], {**self.variables, **variables}, given)


@contextmanager
def opened() -> Iterator[Lab]:
    """A lab, from its first server to its last."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="millrace-bench-")))
        postgres = stack.enter_context(Postgres(folder / "postgres"))
        redis_server = stack.enter_context(Redis(folder / "redis"))
        lab = Lab(postgres, redis_server, folder)
        lab.prepare()
        yield lab


def run(command: list[str], variables: dict[str, str], given: str = "") -> str:
    """To its end, in the project, with that to read; a failure ends the benchmark with its last words."""
    done = subprocess.run(
        command, cwd=PROJECT, env={**os.environ, **variables}, input=given, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{' '.join(command[1:4])} failed: {done.stderr.strip()[-1000:]}")
    return done.stdout


def url_of(postgres: Postgres, database: str) -> str:
    """Another database of the same server."""
    return postgres.url.rpartition("/")[0] + f"/{database}"
