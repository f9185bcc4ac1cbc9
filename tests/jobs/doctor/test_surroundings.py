"""What doctor says of times, Flower, remote control, results, cache, files and settings."""

import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from celery_app import app
from core.embedded.ports import free_port
from jobs import conf as conf_file
from jobs.doctor import files as files_area
from jobs.doctor import rabbitmq
from jobs.doctor.finding import State
from tests.core.test_flower import AUTH, PROJECT, is_listening, real_flower  # noqa: F401
from tests.jobs.doctor.conftest import Look, ids, of
from tests.rabbitmq import MISSING, RabbitMQ, rabbit_script
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def given(settings: Settings) -> Iterator[Callable[..., None]]:
    """Settings of Millrace's own, for one test."""

    def give(**changes: object) -> None:
        settings.MILLRACE = settings.MILLRACE | changes
        conf_file.conf.cache_clear()

    yield give
    conf_file.conf.cache_clear()


def test_a_lease_too_short_for_its_heartbeat_is_a_problem(look: Look, given: Callable[..., None]) -> None:
    given(lease_seconds=20, heartbeat_seconds=15)

    found = of(look("times"), "times.E001")

    assert found.state is State.PROBLEM
    assert "LEASE_SECONDS" in found.remedy


def test_a_time_limit_of_celerys_own_that_ends_jobs_is_a_problem(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.conf, "task_time_limit", 120)

    found = of(look("times"), "times.task_time_limit")

    assert found.state is State.PROBLEM
    assert "cleanup.run" in found.found


def test_the_times_of_an_installation_are_ok(look: Look) -> None:
    assert look("times").state is State.OK


def test_a_flower_with_a_password_is_ok(
    look: Look,
    settings: Settings,
    real_flower: str,  # noqa: F811
) -> None:
    settings.FLOWER_URL, settings.FLOWER_AUTH = real_flower, AUTH

    assert look("flower").state is State.OK


def test_a_flower_that_refuses_our_password_is_a_warning(
    look: Look,
    settings: Settings,
    real_flower: str,  # noqa: F811
) -> None:
    settings.FLOWER_URL, settings.FLOWER_AUTH = real_flower, "millrace:wrong"
    refused = look("flower")
    settings.FLOWER_AUTH = ""
    without = look("flower")

    assert ids(refused) == {"flower.refuses"}
    assert ids(without) == {"flower.no_password"}


@pytest.fixture
def open_flower() -> Iterator[str]:
    """As it starts if nobody thinks of a password."""
    port = free_port()
    command = [sys.executable, "-m", "celery", "-A", "celery_app", "flower", "--address=127.0.0.1"]
    process = subprocess.Popen(
        [*command, f"--port={port}", "--logging=warning"],
        cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        eventually(lambda: is_listening(port), timeout=30, what="Flower listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_an_open_flower_is_a_problem(look: Look, settings: Settings, open_flower: str) -> None:
    settings.FLOWER_URL, settings.FLOWER_AUTH = open_flower, AUTH

    found = of(look("flower"), "flower.open")

    assert found.state is State.PROBLEM
    assert "FLOWER_BASIC_AUTH" in found.remedy


def test_a_flower_that_is_away_is_a_warning_and_none_at_all_is_ok(look: Look, settings: Settings) -> None:
    settings.FLOWER_URL = "http://127.0.0.1:9"
    away = look("flower")
    settings.FLOWER_URL = ""

    assert ids(away) == {"flower.away"}
    assert look("flower").state is State.OK


def test_remote_control_on_an_open_network_is_told_with_how_to_close_it(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look("control").state is State.OK  # this machine only

    monkeypatch.setitem(app.conf, "broker_url", "redis://redis.invalid:6379/0")
    found = of(look("control"), "control.open")
    monkeypatch.setitem(app.conf, "worker_enable_remote_control", False)

    assert "REMOTE_CONTROL=off" in found.remedy
    assert look("control").state is State.OK


def test_results_are_asked_for(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look("results").seen.text == "django-db answers"


def test_a_cache_of_each_process_alone_is_a_warning_and_one_that_is_away_a_problem(
    look: Look, settings: Settings
) -> None:
    assert look("cache").state is State.OK

    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    assert ids(look("cache")) == {"cache.apart"}

    redis = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": redis, "LOCATION": "redis://:s3cret@127.0.0.1:9/0"}}
    found = of(look("cache"), "cache.away")
    assert found.state is State.PROBLEM
    assert "s3cret" not in found.found


def test_a_folder_that_cannot_be_written_is_a_problem(look: Look, files: Path) -> None:
    assert look("files").state is State.OK

    files.parent.mkdir(exist_ok=True)
    files.touch()  # a file where the folder should be
    assert of(look("files"), "files.unwritable").state is State.PROBLEM


@pytest.mark.parametrize(("free", "state"), [(1024**3, State.WARNING), (1024**2, State.PROBLEM)])
def test_a_disk_that_is_nearly_full_is_told(
    look: Look, monkeypatch: pytest.MonkeyPatch, free: int, state: State
) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(files_area.shutil, "disk_usage", lambda path: usage(free))

    assert of(look("files"), "files.space").state is state


def test_what_check_deploy_refuses_is_a_problem(look: Look, given: Callable[..., None]) -> None:
    given(failpoint="ring.before:exit", fault_tests=False)

    found = of(look("configuration"), "configuration.millrace.E016")

    assert found.state is State.PROBLEM
    assert "Unset FAILPOINT" in found.remedy


def test_advice_on_https_is_for_pages_that_others_reach(look: Look, settings: Settings) -> None:
    assert "configuration.warnings" not in ids(look("configuration"))

    settings.PUBLIC_URL = "http://mill.example.org"
    assert "security.W004" in of(look("configuration"), "configuration.warnings").found


@pytest.mark.skipif(rabbit_script() is None, reason=MISSING)
def test_rabbitmq_answers_and_a_job_that_outlasts_its_patience_is_told(
    look: Look, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broker = RabbitMQ(tmp_path / "rabbitmq")
    try:
        broker.start()
        monkeypatch.setitem(app.conf, "broker_url", broker.url)
        area = look("broker")
    finally:
        broker.stop()

    assert area.seen.text.startswith("RabbitMQ 3.")
    assert "cleanup.run may run for 60 min" in of(area, "rabbitmq.patience").found
    assert len(rabbitmq.long_jobs()) == 1


def test_mail_that_reaches_nobody_it_is_for_is_mentioned(look: Look, given: Callable[..., None]) -> None:
    given(email_redirect_to="sandbox@example.org")

    found = of(look("configuration"), "configuration.redirect")

    assert found.state is State.WARNING
    assert "sandbox@example.org" in found.found


@pytest.mark.parametrize("to", ["everybody", " "])
def test_a_redirect_to_what_is_no_address_is_a_problem(
    look: Look, given: Callable[..., None], to: str
) -> None:
    given(email_redirect_to=to)

    area = look("configuration")

    assert of(area, "configuration.millrace.E022").state is State.PROBLEM
    assert "configuration.redirect" not in ids(area), "it goes nowhere"
