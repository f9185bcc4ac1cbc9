"""Flower behind our login, with a real Flower behind it."""

import http.client
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings

from core.embedded.ports import free_port
from core.flower import b64
from tests.waiting import eventually

AUTH = "millrace:s3cret"
PROJECT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.django_db


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def real_flower() -> Iterator[str]:
    """Flower as the supervisor starts it."""
    port = free_port()
    command = [sys.executable, "-m", "celery", "-A", "celery_app", "flower", "--address=127.0.0.1"]
    command += [f"--port={port}", "--url-prefix=flower", "--read-only", "--logging=warning"]
    environment = {**os.environ, "FLOWER_BASIC_AUTH": AUTH}
    process = subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        eventually(lambda: is_listening(port), timeout=30, what="Flower listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def operator(db: None) -> User:
    user = User.objects.create_user("olga")
    user.user_permissions.add(Permission.objects.get(codename="operate_job"))
    return user


@pytest.fixture
def as_operator(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


@pytest.fixture
def flower_on(settings: Settings, real_flower: str) -> None:
    settings.FLOWER_URL, settings.FLOWER_AUTH = real_flower, AUTH


def test_a_stranger_is_asked_to_sign_in_and_a_submitter_sees_nothing(client: Client, alice: User) -> None:
    assert client.get("/flower/tasks")["Location"].startswith("/sign-in")

    client.force_login(alice)

    assert client.get("/flower/tasks").status_code == 404
    assert client.post("/flower/tasks/datatable").status_code == 404


@pytest.mark.parametrize("path", ["", "workers", "tasks", "broker", "static/js/flower.js", "workers?json=1"])
def test_an_operator_sees_flowers_pages(as_operator: Client, flower_on: None, path: str) -> None:
    answer = as_operator.get(f"/flower/{path}")

    assert answer.status_code == 200
    assert "_xsrf" not in answer.cookies


def test_the_task_table_is_read_by_post(operator: User, flower_on: None) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(operator)
    asked = {"draw": 1, "start": 0, "length": 15, "order[0][column]": 0, "columns[0][data]": "name"}

    answer = browser.post("/flower/tasks/datatable", asked)

    assert answer.json()["draw"] == 1


def test_flowers_pages_may_style_themselves_and_run_the_one_script_we_know(
    as_operator: Client, flower_on: None
) -> None:
    answer = as_operator.get("/flower/workers")

    policy = answer.headers["Content-Security-Policy"]
    [script] = re.findall(rb"<script(?! src)[^>]*>(.*?)</script>", answer.content, re.DOTALL)
    assert f"'sha256-{b64(sha256(script).digest())}'" in policy
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert re.search(r"script-src 'self'( 'sha256-[^']+'){2}(;|$)", policy)


@pytest.mark.parametrize(
    "path",
    [
        "api/worker/shutdown/celery@a", "api/task/revoke/1", "api/task/async-apply/x", "api/tasks", "metrics",
        "healthcheck", "login", "static/../api/tasks", "worker/a/../../metrics",
    ],
)  # fmt: skip
def test_what_acts_or_tells_more_is_not_passed_on(as_operator: Client, flower_on: None, path: str) -> None:
    assert as_operator.get(f"/flower/{path}").status_code == 404
    assert as_operator.post(f"/flower/{path}").status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_only_reading_is_passed_on(as_operator: Client, flower_on: None, method: str) -> None:
    assert getattr(as_operator, method)("/flower/workers").status_code == 405


def test_flower_itself_refuses_whoever_has_no_password(real_flower: str) -> None:
    connection = http.client.HTTPConnection(real_flower.removeprefix("http://"), timeout=5)
    connection.request("GET", "/flower/tasks")

    assert connection.getresponse().status == 401
    connection.close()


@pytest.mark.parametrize(
    ("url", "auth", "title"),
    [
        ("", "", "Flower is off"),
        ("http://127.0.0.1:9", AUTH, "Flower does not answer"),
        (None, "millrace:wrong", "Flower refuses our password"),
    ],
)
def test_what_is_wrong_with_flower_is_said_on_a_page_of_ours(
    as_operator: Client, settings: Settings, real_flower: str, url: str | None, auth: str, title: str
) -> None:
    settings.FLOWER_URL, settings.FLOWER_AUTH = real_flower if url is None else url, auth

    answer = as_operator.get("/flower/tasks")

    assert answer.status_code == 503
    assert title in answer.content.decode()


def test_a_flower_that_never_answers_is_given_up(
    as_operator: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.flower.ANSWER_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        settings.FLOWER_URL = f"http://127.0.0.1:{silent.getsockname()[1]}"

        assert as_operator.get("/flower/tasks").status_code == 503
