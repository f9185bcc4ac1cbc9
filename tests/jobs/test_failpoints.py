"""Faults can be injected exactly where they hurt, and nowhere by accident."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from structlog.testing import capture_logs

from jobs import failpoints
from jobs.failpoints import POINTS, Injected, arm, reach

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm("")


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_every_point_stands_in_the_product_where_it_belongs() -> None:
    found: list[str] = []
    for folder in ("jobs", "workers"):
        for file in (ROOT / folder).rglob("*.py"):
            found += re.findall(r'reach\("([a-z_.]+)"\)', file.read_text())

    # A submit of one and of many have a commit each, items one by one and in chunks an effect each; what was
    # held is begun in a third way.
    again = ["submit.before_commit", "effect.before", "effect.before", "effect.after", "settle.after"]
    assert sorted(found) == sorted([*POINTS, *again])


def test_a_process_that_will_fail_on_purpose_says_so() -> None:
    with capture_logs() as logs:
        arm("claim.before:raise:2")

    assert logs == [{"event": "failpoints_armed", "log_level": "error", "points": ["claim.before"]}]


def test_only_the_passage_that_was_named_acts() -> None:
    arm("claim.before:raise:2")

    reach("claim.before")
    reach("claim.after_commit")
    with pytest.raises(Injected):
        reach("claim.before")
    reach("claim.before")


def test_of_processes_that_share_a_folder_one_acts_and_says_so(tmp_path: Path) -> None:
    arm("claim.before:raise", once=str(tmp_path))
    with pytest.raises(Injected):
        reach("claim.before")
    arm("claim.before:raise", once=str(tmp_path))

    reach("claim.before")

    assert (tmp_path / "claim.before").read_text() == str(os.getpid())


@pytest.mark.parametrize(
    "text", ["nowhere:kill", "claim.before", "claim.before:burn", "claim.before:kill:x", "claim.before:sleep"]
)
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="FAILPOINT"):
        arm(text)


def test_a_variable_that_strayed_into_production_does_nothing_and_is_refused() -> None:
    armed = "import django; django.setup(); from jobs.failpoints import ARMED; print(len(ARMED))"
    environment = {"DJANGO_SETTINGS_MODULE": "core.settings", "FAILPOINT": "claim.before:kill"}

    assert run("-c", armed, **environment).stdout.split() == ["0"]
    assert run("-c", armed, **environment, FAULT_TESTS="on").stdout.split() == ["1"]
    checked = run("manage.py", "check", **environment)
    assert checked.returncode != 0
    assert "millrace.E016" in checked.stderr
    assert "millrace.E017" in run("manage.py", "check", "--deploy", FAULT_TESTS="on").stderr


ELSEWHERE = {
    "DATABASE_URL": "postgres://millrace:secret@db.example.org:5432/millrace",
    "BROKER_URL": "redis://:secret@broker.example.org:6379/0",
    "PUBLIC_URL": "https://mill.example.org",
    "PGHOST": "db.example.org",
    "PGSERVICE": "production",
}


@pytest.mark.parametrize("variable", ELSEWHERE)
def test_no_process_starts_with_faults_beside_a_server_elsewhere(variable: str) -> None:
    """The web, and every command; a worker and Beat start in the same way."""
    environment = {"DJANGO_SETTINGS_MODULE": "core.settings", "FAULT_TESTS": "on"}

    ran = run("-c", "import django; django.setup()", **environment, **{variable: ELSEWHERE[variable]})

    assert ran.returncode != 0
    assert "FAULT_TESTS" in ran.stderr
    assert variable in ran.stderr
    assert "secret" not in ran.stderr


@pytest.mark.parametrize("command", [("celery", "worker"), ("celery", "beat"), ("manage",)])
def test_worker_beat_and_commands_refuse_alike(command: tuple[str, ...]) -> None:
    module = {"celery": ["-m", "celery", "-A", "celery_app"], "manage": ["manage.py", "check"]}

    ran = run(*module[command[0]], *command[1:], FAULT_TESTS="on", PUBLIC_URL="https://mill.example.org")

    assert ran.returncode != 0
    assert "Unset FAULT_TESTS" in ran.stderr


def test_a_point_that_is_off_only_looks_at_an_empty_dictionary(monkeypatch: pytest.MonkeyPatch) -> None:
    class Untouchable(dict[str, failpoints.Failpoint]):
        def get(self, *key: object) -> None:  # type: ignore[override]
            raise AssertionError("looked up")

    monkeypatch.setattr(failpoints, "ARMED", Untouchable())

    reach("claim.before")
