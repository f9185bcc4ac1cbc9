"""`manage.py prepare`: everything ready, as often as one likes."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.core.management import CommandError
from django.db import OperationalError, connection

from core.management.commands.prepare import make_person, wait_for_database
from jobs.owners import ADMIN, OPERATOR
from tests.commands.conftest import Run

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def empty_database() -> Iterator[str]:
    url = os.environ["DATABASE_URL"]
    name = f"prepare_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
        yield url.rpartition("/")[0] + f"/{name}"
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[call-overload]


def start(url: str, tmp_path: Path) -> "subprocess.Popen[str]":
    environment = {
        "DATABASE_URL": url,
        "OPERATOR_NAME": "olga",
        "OPERATOR_PASSWORD": "",
        "ADMIN_NAME": "anna",
        "ADMIN_PASSWORD": "",
        "MEDIA_DIR": str(tmp_path / "m"),
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", "prepare"],
        cwd=PROJECT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_at_once_make_an_empty_database_ready(empty_database: str, tmp_path: Path) -> None:
    both = [start(empty_database, tmp_path) for _ in range(2)]
    told = [process.communicate(timeout=120) for process in both]

    assert [process.returncode for process in both] == [0, 0], told
    for name in ("olga", "anna"):
        assert sum(f"Sign in as {name} with" in out for out, _ in told) == 1
    with psycopg.connect(empty_database) as connection:
        rows = connection.execute("SELECT is_staff FROM auth_user WHERE username = 'olga'").fetchall()
        assert connection.execute("SELECT count(*) FROM millrace_job").fetchone() == (0,)
    assert rows == [(True,)]


@pytest.mark.django_db
def test_an_operator_gets_the_given_password_once_and_keeps_their_own() -> None:
    assert make_person("olga", "first-password", role=OPERATOR) == ""
    assert make_person("olga", "second-password", role=ADMIN) == ""

    olga = User.objects.get(username="olga")
    assert olga.check_password("first-password")
    assert [group.name for group in olga.groups.all()] == [OPERATOR]
    assert olga.has_perm("millrace_jobs.operate_job")
    assert not olga.has_perm("auth.change_user") and not olga.is_superuser
    assert olga.is_staff


@pytest.mark.django_db
def test_an_admin_is_another_person_with_all_that_and_the_people() -> None:
    make_person("root", "a-password", role=ADMIN)

    root = User.objects.get(username="root")
    assert [group.name for group in root.groups.all()] == [ADMIN]
    assert root.has_perms(["millrace_jobs.operate_job", "auth.change_user"])


@pytest.mark.django_db
def test_a_password_is_made_up_where_none_was_given() -> None:
    made_up = make_person("olga", "", role=OPERATOR)

    assert len(made_up) >= 12
    assert User.objects.get(username="olga").check_password(made_up)


@pytest.mark.django_db(transaction=True)
def test_it_is_safe_to_run_again_and_makes_the_folder(run: Run, files: Path) -> None:
    assert not files.exists()

    ran = run("prepare", "--operator", "", "--admin", "")

    assert (ran.code, ran.out) == (0, "Ready.\n")
    assert files.is_dir()
    assert storages["default"].location == str(files)  # type: ignore[attr-defined]


def test_a_database_that_does_not_exist_is_told_at_once() -> None:
    process = subprocess.run(
        [sys.executable, "manage.py", "prepare"],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": os.environ["DATABASE_URL"].rpartition("/")[0] + "/nowhere"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert process.returncode == 4
    assert 'database "nowhere" does not exist. Is DATABASE_URL right?' in process.stderr
    assert "Traceback" not in process.stderr


def test_the_wait_for_a_database_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "ensure_connection", refuse)

    with pytest.raises(CommandError, match="connection refused"):
        wait_for_database(0)
