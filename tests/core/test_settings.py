"""A bad setting stops the process with one sentence: the variable, the value, what is allowed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from core import settings

PROJECT = Path(__file__).resolve().parents[2]


def test_a_bad_value_is_one_sentence_without_a_traceback() -> None:
    ran = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=PROJECT,
        env={**os.environ, "LEASE_SECONDS": "soon"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 1
    assert ran.stderr == "LEASE_SECONDS='soon' is not a number; the default is 60.\n"


@pytest.mark.parametrize("name", ["gristmil", "jobs.nowhere", "jobs.nowhere.apps.Config", "1+1"])
def test_an_app_that_is_not_there_is_named_with_where_it_was_looked_for(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("X", f"jobs,{name},workers")

    with pytest.raises(ImproperlyConfigured) as error:
        settings.apps("X")
    assert f"X names {name!r}, and there is no module" in str(error.value)
    assert str(PROJECT) in str(error.value) and "site-packages" in str(error.value)
    assert "PYTHONPATH" in str(error.value)


def test_apps_are_modules_or_the_names_of_their_configurations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "tests.fault_app, django.contrib.admin.apps.AdminConfig")

    assert settings.apps("X") == ["tests.fault_app", "django.contrib.admin.apps.AdminConfig"]


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "1,5"])
def test_a_number_is_a_number(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("X", value)

    with pytest.raises(ImproperlyConfigured, match=r"X='.*' is not a number; the default is 60\."):
        settings.number("X", 60)


def test_a_number_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "70000")

    with pytest.raises(ImproperlyConfigured, match="X='70000' is too large; it must be at most 65535"):
        settings.number("X", 0, at_most=65_535)
    with pytest.raises(ImproperlyConfigured, match="X='70000' is too small; it must be at least 80000"):
        settings.number("X", 0, at_least=80_000)


@pytest.mark.parametrize(
    ("value", "is_on"), [("on", True), ("TRUE", True), ("1", True), ("off", False), ("", False)]
)
def test_a_switch_is_on_or_off(monkeypatch: pytest.MonkeyPatch, value: str, is_on: bool) -> None:
    monkeypatch.setenv("X", value)

    assert settings.switch("X", default=not is_on) is is_on


def test_what_is_neither_on_nor_off_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "onn")

    with pytest.raises(ImproperlyConfigured, match="X='onn' is neither on nor off"):
        settings.switch("X", default=False)


@pytest.mark.parametrize("value", ["sqs://queue", "localhost:6379", "redis://", "redis:6379"])
def test_an_address_has_a_known_scheme_and_a_host(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("X", value)

    with pytest.raises(ImproperlyConfigured, match="is no address with a host and one of: redis://, amqp://"):
        settings.address("X", "redis://h", "redis", "amqp")


def test_the_password_of_a_bad_address_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "mysql://bob:hunter2@db/x")

    with pytest.raises(ImproperlyConfigured) as caught:
        settings.address("X", "postgres://h", "postgres")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", ["postgres:///millrace", "postgres://%2Frun%2Fpg/millrace", ""])
def test_a_database_may_be_on_a_socket(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("X", value)

    assert settings.address("X", "postgres://h", "postgres") == value or "postgres://h"


def test_a_word_is_one_of_those_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "loud")

    with pytest.raises(ImproperlyConfigured, match="X='loud' is none of: text, json"):
        settings.choice("X", "text", ("text", "json"))


@pytest.mark.parametrize(
    ("program", "has_pages"),
    [("bin/celery", False), ("celery/__main__.py", False), ("celery/manage.py", True), ("bin/uvicorn", True)],
)
def test_only_who_serves_the_admin_has_its_pages_in_memory(program: str, has_pages: bool) -> None:
    code = (
        f"import sys; sys.argv[0] = '/there/{program}'; import django; django.setup();"
        " from django.contrib import admin; print(bool(admin.site._registry))"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.split() == [str(has_pages)]


def test_a_program_that_seals_and_signs_nothing_does_without_the_cryptography_for_it() -> None:
    """8 MB in each of the programs that stand idle."""
    code = "import sys, django; django.setup(); print('cryptography.hazmat.bindings' in sys.modules)"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.split() == ["False"]
