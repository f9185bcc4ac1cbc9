"""Log lines: one object a line, no secrets, the same from everybody."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.logs import hide_secrets

PROJECT = Path(__file__).resolve().parents[2]
SETUP = "import django, logging, structlog; django.setup(); log = structlog.get_logger('millrace.test')\n"


def lines_of(program: str, **environment: str) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-c", SETUP + program],
        cwd=PROJECT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "core.settings", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return ran.stderr.splitlines()


def test_json_is_one_object_a_line_from_us_and_from_libraries() -> None:
    lines = lines_of(
        "log.info('job_claimed', queue='mail')\nlogging.getLogger('celery.beat').info('%s due', 'nightly')",
        LOG_FORMAT="json",
    )

    ours, theirs = map(json.loads, lines)
    assert (ours["event"], ours["queue"], ours["level"]) == ("job_claimed", "mail", "info")
    assert (theirs["event"], theirs["logger"]) == ("nightly due", "celery.beat")


def test_a_traceback_is_a_field_of_its_line() -> None:
    [line] = lines_of("try: 1/0\nexcept ZeroDivisionError: log.exception('broke')", LOG_FORMAT="json")

    assert "ZeroDivisionError" in json.loads(line)["exception"]


def test_text_is_for_people() -> None:
    [line] = lines_of("log.info('job_claimed', queue='mail')", LOG_FORMAT="text")

    assert "job_claimed" in line
    assert "queue=mail" in line


def test_what_is_below_the_level_is_not_written() -> None:
    assert lines_of("log.info('quiet')\nlogging.getLogger('x').info('quiet')", LOG_LEVEL="WARNING") == []


def test_a_web_server_that_brings_handlers_of_its_own_writes_our_lines() -> None:
    program = "import uvicorn; from core import settings, logs; uvicorn.Config('core.asgi:application')\n"
    program += "logs.configure('json', 'INFO'); logging.getLogger('uvicorn.error').info('started')"

    lines = lines_of(program, LOG_FORMAT="json")

    assert [json.loads(line)["event"] for line in lines] == ["started"]


def test_celery_leaves_logging_alone() -> None:
    program = "from celery_app import app; app.log.setup('ERROR'); log.info('still here')"

    assert len(lines_of(program, LOG_FORMAT="json")) == 1


def test_bells_are_no_news() -> None:
    program = "told = logging.getLogger('celery.app.trace')\n"
    program += "for name in ('millrace.bell', 'shop.count'):\n"
    program += "    for level in (logging.INFO, logging.ERROR):\n"
    program += "        told.log(level, '%(name)s', {'name': name}, extra={'data': {'name': name}})"

    lines = [json.loads(line) for line in lines_of(program, LOG_FORMAT="json")]

    assert [(line["event"], line["level"]) for line in lines] == [
        ("millrace.bell", "error"),
        ("shop.count", "info"),
        ("shop.count", "error"),
    ]


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("password", "hunter2", "***"),
        ("METRICS_TOKEN", "hunter2", "***"),
        ("error", "cannot reach amqp://bob:hunter2@mq:5672/", "cannot reach amqp://bob:***@mq:5672/"),
        ("error", "redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"),
        ("error", "http://127.0.0.1:8000/a@b", "http://127.0.0.1:8000/a@b"),
        ("queue", "mail", "mail"),
    ],
)
def test_no_secret_is_written(field: str, value: str, shown: str) -> None:
    assert hide_secrets(None, "info", {"event": "x", field: value})[field] == shown
