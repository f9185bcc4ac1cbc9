"""The lab: one case's whole system. Servers of its own, doors, workers, beats, proxies, and the books.

Made once per process, before Django is set up: it starts PostgreSQL and Redis, says in the environment where
they are, migrates, and installs the audit. Whatever a case did to it, `close` leaves nothing running.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from uuid import uuid4

import psycopg
import redis

from core.embedded.postgres import Postgres
from core.embedded.redis import Redis
from tests.faults.account import Account, Answer
from tests.faults.effects import EffectLog
from tests.faults.proxy import Proxy
from tests.faults.times import TIMES
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.faults.audit import Change
    from tests.faults.door import Door
    from tests.faults.judge import Budgets, JobRow, Verdict
    from tests.faults.onlooker import Onlooker
    from tests.worker_process import WorkerProcess

T = TypeVar("T")
ROOT = Path(__file__).parent.parent.parent
DRAIN_SECONDS = 120.0
"""How long the judge waits for the last job; `--drain` asks for less."""
MIX = ("test.ok", "test.ok", "test.tiny", "test.tiny", "test.once", "test.items")
"""Repeat-safe one by one, repeat-safe in batches, guarded effects, and a ledger of items."""


class Lab:
    """A system to break. `with Lab() as lab: …; verdict = lab.judge()`."""

    def __init__(self, *, is_durable: bool = False, **environment: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="millrace-faults-"))
        self.postgres = Postgres(self.folder / "postgres", is_durable=is_durable)
        self.redis = Redis(self.folder / "redis", is_durable=False)
        self.account = Account()
        self.effects = EffectLog(self.folder / "effects")
        self.once = self.folder / "once"
        self.once.mkdir()
        self.faults: list[float] = []
        """When a fault struck or, for one that lasts, was over (seconds since 1970)."""
        self._environment = environment
        self._closing: list[Callable[[], object]] = []
        self.owner: Any = None
        self._workers = 0
        self._onlookers: list[Onlooker] = []

    # -- Beginning and end ---------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.postgres.start()
        self._closing.append(self.postgres.kill)
        self.redis.start()
        self._closing.append(self.redis.kill)
        os.environ.update(
            TIMES
            | {
                "DATABASE_URL": self.postgres.url,
                "BROKER_URL": self.redis.database(0),
                "REDIS_URL": self.redis.database(1),
                "VAR_DIR": str(self.folder / "var"),
                "MEDIA_DIR": str(self.folder / "files"),
                "EXTRA_APPS": "tests.fault_app",
                "FAULT_TESTS": "on",
                "DJANGO_SETTINGS_MODULE": "core.settings",
                "LOG_LEVEL": "WARNING",
                "SECRET_KEY": "every process of the lab reads the sessions of the others",
            }
            | self._environment
        )
        self._set_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._closing:
            self._closing.pop()()
        if error is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print(f"What is left of it: {self.folder}", file=sys.stderr)

    def closing(self, call: Callable[[], object]) -> None:
        """Do this at the end, before what was started earlier."""
        self._closing.append(call)

    def _set_up(self) -> None:
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        from tests.factories import make_user
        from tests.faults import audit

        self.owner = make_user("alice")
        with self.connection() as connection:
            audit.install(connection)

    # -- The parts -----------------------------------------------------------------------------------

    def connection(self) -> psycopg.Connection:
        """A connection of the case's own to PostgreSQL, past every proxy; each statement commits."""
        return psycopg.connect(self.postgres.url, autocommit=True)

    def sql(self, statement: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """One statement; its rows."""
        with self.connection() as connection:
            cursor = connection.execute(statement, params)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def kill_postgres(self) -> None:
        """As a power failure does; Django's connection of this process goes with it."""
        from django.db import connection

        self.postgres.kill()
        connection.close()

    def end_connections(self) -> None:
        """Nobody is connected to PostgreSQL any more; Django's connection of this process went first."""
        from django.db import connection

        connection.close()
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )

    def fail_over(self, postgres: Postgres) -> None:
        """From now on this is the database, for the case and for what the case asks Django."""
        from django.db import connection

        self.postgres = postgres
        os.environ["DATABASE_URL"] = postgres.url
        connection.close()
        connection.settings_dict["PORT"] = postgres.port

    def broker(self) -> redis.Redis:
        """A client of the case's own."""
        return redis.Redis(port=self.redis.port, socket_timeout=5)

    def proxy(self, target: int) -> Proxy:
        """A proxy before one of the servers' ports; see `postgres_at` and `redis_at`."""
        proxy = Proxy(target)
        self.closing(proxy.close)
        return proxy

    def postgres_at(self, proxy: Proxy) -> dict[str, str]:
        """The environment of a process that reaches PostgreSQL by way of a proxy."""
        return {"DATABASE_URL": self.postgres.url.replace(str(self.postgres.port), str(proxy.port))}

    def redis_at(self, proxy: Proxy) -> dict[str, str]:
        """The same for the broker."""
        return {"BROKER_URL": self.redis.database(0).replace(str(self.redis.port), str(proxy.port))}

    def worker(
        self, *options: str, slots: int = 2, is_started: bool = True, **environment: str
    ) -> WorkerProcess:
        """A worker, listening. Failpoints act once in the whole lab, unless told otherwise."""
        from tests.worker_process import WorkerProcess

        self._workers += 1
        given = (
            TIMES | {"FAULT_TESTS": "on", "FAILPOINT_ONCE": str(self.once)} | self._environment | environment
        )
        worker = WorkerProcess(self.folder / f"worker{self._workers}.log", *options, slots=slots, **given)
        self.closing(worker.stop)
        return worker.start() if is_started else worker

    def beat(self, **environment: str) -> subprocess.Popen[bytes]:
        """A Beat of our own schedules."""
        log = (self.folder / f"beat{uuid4().hex[:6]}.log").open("ab")
        beat = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "celery_app", "beat", "--pidfile="],
            cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "FAILPOINT_ONCE": str(self.once), **self._environment, **environment},
        )  # fmt: skip
        self.closing(lambda: stop(beat))
        return beat

    def door(self, **environment: str) -> Door:
        """A front process that submits, and can be killed in the middle of it."""
        from tests.faults.door import Door

        door = Door(self, {"FAILPOINT_ONCE": str(self.once), **environment})
        self.closing(door.stop)
        return door

    def onlooker(self) -> Onlooker:
        """Somebody who looks at pages and probes from now on; the judge asks what they were told (I10)."""
        from tests.faults.onlooker import Onlooker

        self._onlookers.append(onlooker := Onlooker(self))
        self.closing(onlooker.stop)
        return onlooker

    # -- The load ------------------------------------------------------------------------------------

    def key(self) -> str:
        """A name for an effect that no other has."""
        return uuid4().hex[:16]

    def payload(self, key: str, **more: Any) -> dict[str, Any]:
        """What a kind of the fault app needs to leave its effect."""
        return {"key": key, "log": str(self.effects.path), **more}

    def submit(self, kind: str = "test.ok", *, queue: str | None = None, **more: Any) -> str:
        """One job, at once, from this process; its key. `more` goes into the payload."""
        from jobs.lifecycle.submit import submit_job

        key, begun = self.key(), time.monotonic()
        submit_job(kind, self.payload(key, **more), owner=self.owner, queue=queue)
        self.account.note(key, Answer.OK, time.monotonic() - begun)
        return key

    def submit_many(self, kind: str, count: int, *, priority: int = 0, **more: Any) -> list[str]:
        """Many jobs of one kind in one transaction; their keys."""
        from jobs.lifecycle.submit_many import submit_many

        keys, begun = [self.key() for _ in range(count)], time.monotonic()
        payloads = [self.payload(key, **more) for key in keys]
        submit_many(kind, payloads, owner=self.owner, priority=priority)
        self.account.note_many(keys, Answer.OK, time.monotonic() - begun)
        return keys

    def submit_mix(self, count: int) -> list[str]:
        """A load of mixed jobs, about `count` of them; their keys."""
        share = -(-count // len(MIX))
        return [key for kind in MIX for key in self.submit_many(kind, share)]

    # -- Facts to wait for ---------------------------------------------------------------------------

    def eventually(self, check: Callable[[], T], timeout: float = 60, what: str = "") -> T:
        """The first truthy answer."""
        return eventually(check, timeout=timeout, what=what)

    def reached(self, point: str, timeout: float = 60) -> int:
        """Wait until a failpoint acted; the process that it acted in. The fault struck then."""
        file = self.once / point
        pid = int(self.eventually(lambda: file.exists() and file.read_text(), timeout, f"{point} is reached"))
        self.struck(file.stat().st_mtime)
        return pid

    def struck(self, at: float | None = None) -> None:
        """A fault strikes, or one that lasted is over: from now on the time to recover counts."""
        self.faults.append(at or time.time())

    @contextmanager
    def lasting(self) -> Iterator[None]:
        """A fault that lasts: what recovers is timed from its end."""
        yield
        self.struck()

    def state(self, key: str) -> str:
        """The state of a job, or ''."""
        rows = self.sql("SELECT state FROM millrace_job WHERE payload ->> 'key' = %s", [key])
        return rows[0][0] if rows else ""

    def running(self, count: int = 1, timeout: float = 60) -> None:
        """Wait until that many jobs run."""
        self.eventually(lambda: self.count("running") >= count, timeout, f"{count} jobs run")

    def count(self, *states: str) -> int:
        """How many jobs are in these states."""
        return int(self.sql("SELECT count(*) FROM millrace_job WHERE state = ANY (%s)", [list(states)])[0][0])

    def drain(self, timeout: float | None = None, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Wait until every job has ended; a system that stands still is the judge's to name."""

        def is_drained() -> bool:
            meanwhile()
            return not self.count("scheduled", "queued", "running", "retrying")

        try:
            self.eventually(is_drained, timeout or DRAIN_SECONDS, "the system drains")
        except AssertionError as error:
            print(error, file=sys.stderr)

    # -- The verdict ---------------------------------------------------------------------------------

    def changes(self) -> list[Change]:
        """What the audit wrote down."""
        from tests.faults import audit

        with self.connection() as connection:
            return audit.changes(connection)

    def jobs(self) -> list[JobRow]:
        """Every job with a key, as it stands."""
        from tests.faults.judge import JobRow

        items: dict[Any, dict[str, str]] = {}
        for job, key, state in self.sql("SELECT job_id, key, state FROM millrace_item"):
            items.setdefault(job, {})[key] = state
        events: dict[Any, Counter[str]] = {}
        for job, event in self.sql("SELECT job_id, event FROM millrace_job_event"):
            events.setdefault(job, Counter())[event] += 1
        rows = self.sql(
            "SELECT id, payload ->> 'key', kind, state, attempt, failures, crashes FROM millrace_job"
            " WHERE payload ? 'key'"
        )
        return [JobRow(*row, events=events.get(row[0], {}), items=items.get(row[0], {})) for row in rows]

    def charged(self) -> int:
        """Attempts that cost a job something: failures and worker deaths, over all jobs."""
        return int(self.sql("SELECT coalesce(sum(failures + crashes), 0) FROM millrace_job")[0][0])

    def recovery(self, faults: list[float] | None = None) -> float | None:
        """The longest time from a fault until what it interrupted runs again; if that is nothing, until the
        first job starts that waited."""
        from tests.faults.recovery import longest

        accepted = dict(self.sql("SELECT id, extract(epoch FROM created_at)::float8 FROM millrace_job"))
        return longest(self.faults if faults is None else faults, self.changes(), accepted)

    def judge(self, budgets: Budgets | None = None) -> Verdict:
        """Drain, and judge."""
        from tests.faults.honesty import judge_looks
        from tests.faults.judge import judge

        self.drain()
        changes = self.changes()
        verdict = judge(
            self.account, self.jobs(), self.effects.effects(), changes,
            budgets=budgets, recovery=self.recovery(), faults=len(self.faults),
        )  # fmt: skip
        for onlooker in self._onlookers:
            judge_looks(verdict, list(onlooker.looks), onlooker.spells, changes)
        return verdict

    def next_round(self) -> None:
        """Forget what was, for another variant on the same servers. Stop its workers first."""
        self.sql("TRUNCATE millrace_job, fault_audit CASCADE")
        with self.broker() as broker:
            broker.flushall()
        self.account = Account()
        self.faults.clear()
        for onlooker in self._onlookers:
            onlooker.forget()
        self.effects.path.write_text("")
        for file in self.once.iterdir():
            file.unlink()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Whatever became of it, it is gone afterwards."""
    if process.poll() is None:
        process.kill()
    process.wait(10)
