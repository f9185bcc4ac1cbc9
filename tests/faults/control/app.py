"""Plain Celery as its documentation advises for work that matters: late acknowledgement, rejected when the
worker is lost, one message at a time.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from celery import Celery

app = Celery("control", broker=os.environ.get("CONTROL_BROKER", "redis://127.0.0.1:6379/0"))
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    accept_content=["json"],
    broker_transport_options=json.loads(os.environ.get("CONTROL_TRANSPORT", "{}")),
)
if "CONTROL_BEAT" in os.environ:
    app.conf.beat_schedule = json.loads(os.environ["CONTROL_BEAT"])


@app.task(name=os.environ.get("CONTROL_TASK", "control.work"))
def work(key: str, log: str, do: str = "", gate: str = "", seconds: float = 0, once: str = "") -> None:
    """Leave an effect, then say that it is done.

    `do` names a fault and its place: `kill@before`, `kill@after`, `kill_main@before`, `stop@before`, …; with
    a folder `once`, it happens once for all workers.
    """
    act(do, "before", once)
    wait(gate, seconds)
    leave(log, key, "effect")
    act(do, "after", once)
    leave(log, key, "done")


def leave(log: str, key: str, word: str) -> None:
    """O_APPEND writes of a line are whole."""
    with Path(log).open("a") as file:
        file.write(f"{key} {word} {os.getpid()}\n")


def wait(gate: str, seconds: float) -> None:
    """Until the file is there, and for so long."""
    while gate and not Path(gate).exists():
        time.sleep(0.02)
    time.sleep(seconds)


def act(do: str, place: str, once: str) -> None:
    """The fault, if this is its place and nobody had it before."""
    what, _, where = do.partition("@")
    if where != place or (once and not is_first(Path(once) / what)):
        return
    match what:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "kill_main":
            os.kill(os.getppid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case _:
            raise ValueError(do)


def is_first(file: Path) -> bool:
    try:
        file.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
