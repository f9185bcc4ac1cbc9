"""Our Celery defaults give way to a project's own settings."""

import subprocess
import sys

import pytest

from celery_app import app
from tests.waiting import eventually
from tests.workers.conftest import StartWorker, empty_broker, start_worker  # noqa: F401

SHOW = "from celery_app import app; print(app.conf.task_default_queue, app.conf.worker_prefetch_multiplier)"


def test_a_projects_own_setting_wins_over_ours() -> None:
    set_one = "import django.conf as c; c.settings.CELERY_TASK_DEFAULT_QUEUE = 'theirs'; "

    shown = subprocess.run(
        [sys.executable, "-c", set_one + SHOW], capture_output=True, text=True, timeout=60, check=True
    )

    assert shown.stdout.split() == ["theirs", "1"]


@pytest.mark.django_db(transaction=True)
def test_a_worker_without_remote_control_answers_nobody(start_worker: StartWorker) -> None:  # noqa: F811
    closed = start_worker(REMOTE_CONTROL="off")
    is_open = start_worker()

    answers = eventually(lambda: app.control.inspect(timeout=2).ping(), timeout=60)

    assert set(answers) == {is_open.name}
    assert closed.is_listening()
