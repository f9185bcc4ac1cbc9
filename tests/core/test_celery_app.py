"""Our Celery defaults give way to a project's own settings."""

import json
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


def test_a_project_that_sets_one_option_of_the_transport_keeps_our_others() -> None:
    """With the whole dictionary went every limit of time, and a frozen Redis hung the ringer for ever."""
    set_one = "import django.conf as c; c.settings.CELERY_BROKER_TRANSPORT_OPTIONS = "
    set_one += "{'visibility_timeout': 7200, 'health_check_interval': 9}; "
    show = "from celery_app import app; import json; print(json.dumps(app.conf.broker_transport_options))"

    shown = subprocess.run(
        [sys.executable, "-c", set_one + show], capture_output=True, text=True, timeout=60, check=True
    )

    options = json.loads(shown.stdout)
    assert options["visibility_timeout"] == 7200
    assert options["health_check_interval"] == 9, "theirs wins"
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (2, 2)


@pytest.mark.django_db(transaction=True)
def test_a_worker_without_remote_control_answers_nobody(start_worker: StartWorker) -> None:  # noqa: F811
    closed = start_worker(REMOTE_CONTROL="off")
    is_open = start_worker()

    answers = eventually(lambda: app.control.inspect(timeout=2).ping(), timeout=60)

    assert set(answers) == {is_open.name}
    assert closed.is_listening()
    assert closed.main.poll() is None
