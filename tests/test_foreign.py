"""`jobs` and `workers` run inside somebody else's Django project, without `core`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connection

from tests.waiting import eventually
from tests.worker_process import kill_if_there

ROOT = Path(__file__).parent.parent
THEIRS = ROOT / "tests" / "foreign"


@pytest.fixture
def theirs(transactional_db: None, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Their environment, with a database of their own; nothing of ours but the path."""
    name = "their_shop"
    given = connection.settings_dict
    secret = f":{given['PASSWORD']}" if given["PASSWORD"] else ""
    with redis.Redis.from_url(os.environ["BROKER_URL"]) as client:
        client.flushall()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name}")
    yield {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{THEIRS}{os.pathsep}{ROOT}",
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "FOREIGN_DATABASE": f"postgres://{given['USER']}{secret}@{given['HOST']}:{given['PORT']}/{name}",
        "FOREIGN_MEDIA": str(tmp_path / "media"),
        "BROKER_URL": os.environ["BROKER_URL"],
        "REDIS_URL": os.environ["REDIS_URL"],
    }
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def run(theirs: dict[str, str], *command: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, *command], env=theirs, cwd=cwd, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def doctor(theirs: dict[str, str], *, cwd: Path) -> dict[str, Any]:
    """What it says there; the suite's careless server alone makes it no success."""
    command = [sys.executable, "-m", "django", "doctor", "--json", "--seconds", "60"]
    done = subprocess.run(
        command, env=theirs, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_jobs_run_in_a_foreign_project_without_core(theirs: dict[str, str], tmp_path: Path) -> None:
    run(theirs, "-m", "django", "migrate", "-v0", cwd=tmp_path)
    run(theirs, "-m", "django", "makemigrations", "--check", "--dry-run", cwd=tmp_path)
    log = tmp_path / "worker.log"
    command = [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-c", "2", "--loglevel=INFO"]
    with log.open("wb") as output:
        worker = subprocess.Popen(
            command, env=theirs, cwd=tmp_path, stdout=output, stderr=output, start_new_session=True
        )
    try:
        eventually(lambda: " ready." in log.read_text(), timeout=30, what=f"their worker listens; see {log}")
        answer = json.loads(run(theirs, str(THEIRS / "drive.py"), str(tmp_path / "touched"), cwd=tmp_path))
        examined = doctor(theirs, cwd=tmp_path)
    finally:
        kill_if_there(worker.pid)
        worker.wait(10)

    assert (answer["state"], answer["result"]) == ("succeeded", {"confirmed": 7})
    assert answer["touched"], "a plain Celery task of theirs ran on the same worker"
    assert set(answer["pages"].values()) == {200}, answer["pages"]
    assert answer["core"] == []
    states = {area["name"]: area["state"] for area in examined["areas"]}
    assert "unknown" not in states.values(), examined
    assert [states[name] for name in ("tables", "workers", "queues", "times")] == ["ok"] * 4, examined
