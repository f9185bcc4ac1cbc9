"""System checks: each says what is wrong and how to mend it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.db import connections
from pytest_django import Settings

from celery_app import app
from core import checks as core_checks
from jobs import checks
from jobs.checks import wrong_kind, wrong_redirect, wrong_server, wrong_times, wrong_transport
from jobs.conf import Conf, conf
from tests.running import make_kind


def ids(found: Iterator[CheckMessage] | list[CheckMessage]) -> list[str]:
    messages = list(found)
    assert all(message.hint for message in messages), "every check says how to mend it"
    return [message.id or "" for message in messages]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, []),
        ({"lease_seconds": 44}, ["millrace.E001"]),
        ({"sweep_seconds": 61}, ["millrace.E002"]),
        ({"slice_seconds": 16}, ["millrace.E003"]),
        ({"flush_seconds": 16}, ["millrace.E004"]),
    ],
)
def test_the_times_leave_each_other_room(given: dict[str, Any], expected: list[str]) -> None:
    assert ids(wrong_times(Conf(**given))) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"name": "Resize"}, ["millrace.E005"]),
        ({"name": "resize"}, ["millrace.E005"]),
        ({"queue": "My Queue"}, ["millrace.E006"]),
        ({"timeout": timedelta(0)}, ["millrace.E007"]),
        ({"timeout": timedelta(days=2)}, ["millrace.E007"]),
    ],
)
def test_a_kind_can_be_named_queued_and_ended(fields: dict[str, Any], expected: list[str]) -> None:
    assert ids(wrong_kind(make_kind(**fields))) == expected


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("", []),
        ("sandbox@example.org", ["millrace.W023"]),
        ("everybody", ["millrace.E022"]),
        (" ", ["millrace.E022"]),
    ],
)
def test_mail_that_is_redirected_is_mentioned(to: str, expected: list[str]) -> None:
    assert ids(wrong_redirect(to)) == expected


@pytest.mark.parametrize("to", ["", " "])
def test_a_redirect_that_is_set_but_blank_is_refused(settings: Settings, to: str) -> None:
    settings.MILLRACE = settings.MILLRACE | {"email_redirect_to": to}
    conf.cache_clear()
    try:
        assert ids(checks.check_redirect()) == (["millrace.E022"] if to else [])
    finally:
        conf.cache_clear()


def test_an_old_server_is_refused() -> None:
    assert ids(wrong_server(14)) == ["millrace.E009"]
    assert wrong_server(15) == []


@pytest.mark.django_db
def test_the_servers_version_is_asked_only_where_the_database_is() -> None:
    assert checks.check_server(databases=["default"]) == []
    assert checks.check_server() == []


def test_another_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections["default"], "vendor", "sqlite")

    assert ids(checks.check_engine()) == ["millrace.E008"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://127.0.0.1", "socket_timeout"),
        ("rediss://127.0.0.1", "socket_connect_timeout"),
        ("sentinel://a;sentinel://b", "socket_timeout"),
        ("amqp://127.0.0.1", "read_timeout"),
    ],
)
@pytest.mark.parametrize("value", [None, 0])
def test_a_frozen_broker_hangs_nobody_for_ever(url: str, name: str, value: int | None) -> None:
    options = dict(app.conf.broker_transport_options)
    assert ids(wrong_transport(url, options)) == []

    assert ids(wrong_transport(url, {**options, name: value})) == ["millrace.E018"]
    del options[name]
    assert ids(wrong_transport(url, options)) == ["millrace.E018"]


def test_the_transport_that_is_configured_has_its_limits() -> None:
    assert checks.check_transport() == []


def test_files_need_a_folder_that_can_be_written_to(settings: Settings, tmp_path: Path) -> None:
    assert checks.check_files() == []

    (tmp_path / "a file").touch()
    options = {"location": str(tmp_path / "a file" / "files")}
    settings.STORAGES = settings.STORAGES | {"default": settings.STORAGES["default"] | {"OPTIONS": options}}

    assert ids(checks.check_files()) == ["millrace.E010"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BROKER_URL", "sqs://"),
        ("BROKER_URL", "localhost:6379"),
        ("REDIS_URL", "amqp://localhost"),
        ("EMAIL_URL", "http://localhost"),
        ("PUBLIC_URL", "mill.example.org"),
    ],
)
def test_an_address_nobody_understands_is_named(settings: Settings, name: str, value: str) -> None:
    setattr(settings, name, value)

    [found] = core_checks.check_addresses()

    assert found.id == "millrace.E011"
    assert found.msg.startswith(name)


def test_no_password_is_shown_with_an_address(settings: Settings) -> None:
    settings.BROKER_URL = "mysql://bob:hunter2@localhost"

    [found] = core_checks.check_addresses()

    assert "hunter2" not in str(found)


def test_debug_is_for_this_machine_alone(settings: Settings) -> None:
    settings.DEBUG = True
    assert core_checks.check_debug() == []

    settings.PUBLIC_URL = "https://mill.example.org"
    assert ids(core_checks.check_debug()) == ["millrace.E012"]


def test_flower_needs_a_password(settings: Settings) -> None:
    settings.FLOWER_URL, settings.FLOWER_AUTH = "http://127.0.0.1:5555", ""

    assert ids(core_checks.check_flower()) == ["millrace.W013"]


def test_a_secret_key_that_was_made_up_is_refused_in_production(settings: Settings) -> None:
    settings.SECRET_KEY_IS_MADE_UP = True

    assert ids(core_checks.check_secret()) == ["millrace.E014"]
    assert "millrace.E014" not in {found.id for found in run_checks()}
    assert "millrace.E014" in {found.id for found in run_checks(include_deployment_checks=True)}


def test_metrics_without_a_token_are_mentioned_where_strangers_come(settings: Settings) -> None:
    assert core_checks.check_metrics() == []

    settings.PUBLIC_URL = "https://mill.example.org"
    assert ids(core_checks.check_metrics()) == ["millrace.I015"]
