"""A pytest plugin: a real PostgreSQL and a real Redis for the whole run, before Django reads its settings.

Loaded by `addopts = "-p tests.embedded_servers"`, because a conftest comes too late for pytest-django. The
servers die with this process. `MILLRACE_TEST_EXTERNAL=1` with DATABASE_URL, BROKER_URL and REDIS_URL set
uses those servers instead. Under `MILLRACE_SKIPS_FAIL=1` a skipped test fails the run.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from core.embedded import places
from core.embedded.errors import EmbeddedError
from core.embedded.postgres import Postgres
from core.embedded.redis import Redis

# Tests may stop, kill, freeze and restart these; they come back on the same port.
POSTGRES: Postgres | None = None
REDIS: Redis | None = None

ADDRESSES = ("DATABASE_URL", "BROKER_URL", "REDIS_URL")
skipped: dict[str, str] = {}


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """A wrapper runs before every plugin's own work here, pytest-django's included."""
    # An adopter's own apps stay, so that the contract tests hold for their kinds too.
    apps = os.environ.get("EXTRA_APPS", "").split(",")
    os.environ["EXTRA_APPS"] = ",".join(dict.fromkeys(filter(None, [*apps, "tests.fault_app"])))
    os.environ["TASK_QUEUES"] = "default,urgent"
    if not has_external_servers() and not is_controller(early_config):
        start_servers()
        early_config.add_cleanup(stop_servers)
    return (yield)


def is_controller(config: pytest.Config) -> bool:
    """Under `pytest -n`, the process that only hands out tests; every other has servers of its own."""
    many = getattr(config.known_args_namespace, "numprocesses", None)
    return bool(many) and "PYTEST_XDIST_WORKER" not in os.environ


def has_external_servers() -> bool:
    return os.environ.get("MILLRACE_TEST_EXTERNAL") == "1" and all(name in os.environ for name in ADDRESSES)


def start_servers() -> None:
    global POSTGRES, REDIS
    folder = Path(tempfile.mkdtemp(prefix="millrace-tests-"))
    atexit.register(stop_servers)
    try:
        POSTGRES = Postgres(folder / "postgres", is_durable=False)
        POSTGRES.start()
        REDIS = Redis(folder / "redis", is_durable=False)
        REDIS.start()
    except EmbeddedError as error:
        stop_servers()
        raise pytest.UsageError(str(error)) from error
    # A system that runs in this tree meanwhile is none of the tests' business.
    os.environ["VAR_DIR"] = str(folder / "var")
    os.environ["DATABASE_URL"] = POSTGRES.url
    os.environ["BROKER_URL"] = REDIS.database(0)
    os.environ["REDIS_URL"] = REDIS.database(1)


def stop_servers() -> None:
    """Safe to repeat. What the tests left behind is of no use to anybody."""
    if REDIS:
        REDIS.kill()
    if POSTGRES:
        POSTGRES.kill()
        shutil.rmtree(POSTGRES.directory.parent, ignore_errors=True)
        places.discard(POSTGRES.directory)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        skipped[report.nodeid] = reason_of(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        skipped[report.nodeid] = reason_of(report)


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    if skipped and os.environ.get("MILLRACE_SKIPS_FAIL") == "1" and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if skipped and os.environ.get("MILLRACE_SKIPS_FAIL") == "1":
        terminalreporter.section("skipped, which MILLRACE_SKIPS_FAIL=1 forbids", red=True)
        for test, reason in sorted(skipped.items()):
            terminalreporter.line(f"{test}: {reason}")
