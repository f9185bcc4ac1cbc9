"""A supervisor over tiny programs, run as a process of its own: `python -m tests.core.tiny_system FOLDER`.

Real processes, real signals and real locks, without the seconds that Django and Celery take to start.
"""

import sys
from pathlib import Path

from core.embedded.ports import free_port
from core.embedded.redis import Redis
from core.supervisor.__main__ import run
from core.supervisor.lock import hold_lock
from core.supervisor.programs import Flower, Listening, Program, Web, Worker
from core.supervisor.screen import in_one_sentence
from core.supervisor.supervise import Supervisor
from core.supervisor.system import System

SERVE = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
WORK = """
import signal, sys, time
def end(number, frame):
    time.sleep(0.2)
    print("drained", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("tiny ready.", flush=True)
while True:
    signal.pause()
"""
# A worker whose job takes for ever, and is handed back when it is told to.
BUSY = """
import signal, sys
def hand_back(number, frame):
    print("handed back", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGQUIT, hand_back)
print("tiny ready.", flush=True)
while True:
    signal.pause()
"""
# A worker whose child does not end as long as the database is away.
STUBBORN = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGQUIT, signal.SIG_IGN)
os.fork()
print("tiny ready.", flush=True)
while True:
    signal.pause()
"""
WORKS = {(): WORK, ("--busy",): BUSY, ("--stubborn",): STUBBORN}


def make_system(folder: Path) -> System:
    logs = folder / "log"
    logs.mkdir(parents=True, exist_ok=True)
    variables = {"FLOWER_AUTH": "a:b", "PUBLIC_URL": "http://127.0.0.1"}
    web, flower, mail = free_port(), free_port(), free_port()
    return System(
        folder=folder,
        variables=variables,
        servers=[Redis(folder / "redis", log=logs / "redis.log")],
        preparation=Program("prepare", logs, variables, "-c", "print('prepared')"),
        web=Web("web", logs, variables, "-c", SERVE, str(web), port=web),
        workers=[Worker("worker1", logs, variables, "-c", WORKS[tuple(sys.argv[2:])])],
        beat=Program("beat", logs, variables, "-c", WORK),
        flower=Flower("flower", logs, variables, "-c", SERVE, str(flower), port=flower),
        mail=Listening("mail", logs, variables, "-c", SERVE, str(mail), port=mail),
        operator_password="secret",
        admin_password="another",
    )


def main(folder: Path) -> int:
    with hold_lock(folder):
        return run(Supervisor(make_system(folder)))


if __name__ == "__main__":
    sys.exit(in_one_sentence(lambda: main(Path(sys.argv[1]))))
