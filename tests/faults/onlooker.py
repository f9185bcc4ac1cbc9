"""An onlooker: somebody who keeps looking at the pages, and at /readyz, of a real web process meanwhile."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

from core.embedded.ports import LOOPBACK, free_port
from tests.faults.honesty import Look, Spell
from tests.faults.lab import ROOT, Lab

LONGEST_SECONDS = 10.0
"""Longer than anybody should wait: what hangs is to be seen to hang."""
PAUSE_SECONDS = 0.1
WATCHED = 3
"""How many jobs' own pages are looked at: the last that were named."""
LINE = re.compile(r'id="j-([0-9a-f-]{36})".*?<span class="state (\w+)">', re.DOTALL)
HERO = re.compile(r'class="card hero (\w+)"')
OURS = ("Something broke on our side", "Back in a moment")
"""Titles of our own pages about an error."""


class Onlooker:
    """A web process, and a thread that asks it, signed in as the owner of the jobs."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.looks: list[Look] = []
        self.spells: list[Spell] = []
        self._watched: list[UUID] = []
        self._cookie = sign_in(lab)
        self._port = free_port()
        self._process = self._serve()
        self._stopping = threading.Event()
        lab.eventually(lambda: self._look("/livez").status == http.client.OK, what="the web process answers")
        self._thread = threading.Thread(target=self._run, name="onlooker", daemon=True)
        self._thread.start()

    def watch(self, *keys: str) -> None:
        """Look at these jobs' pages from now on; one whose submit left nothing has none."""
        found = self.lab.sql("SELECT id FROM millrace_job WHERE payload ->> 'key' = ANY (%s)", [list(keys)])
        self._watched = [*self._watched, *(row[0] for row in found)][-WATCHED:]

    @contextmanager
    def hears(self, word: str) -> Iterator[None]:
        """Meanwhile `/readyz` says nothing but this; whoever is slow to look is waited for."""
        begun = time.time()
        yield
        self.lab.eventually(lambda: self._has_looked(begun), what="somebody asked /readyz meanwhile")
        self.spells.append(Spell(begun, time.time(), word))

    def _has_looked(self, begun: float) -> bool:
        spell = Spell(begun, time.time(), word="")
        return any(spell.holds(look) for look in self.looks)

    def forget(self) -> None:
        """For the next round."""
        self.looks, self.spells, self._watched = [], [], []

    def said(self) -> str:
        """What there was to see, in short."""
        counts = Counter(look.status for look in self.looks)
        return "pages and /readyz: " + ", ".join(
            f"{count} × {status}" for status, count in sorted(counts.items())
        )

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(LONGEST_SECONDS + 1)
        self._process.kill()
        self._process.wait(10)

    def _serve(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "uvicorn", "core.asgi:application", "--host", LOOPBACK, "--port",
                   str(self._port), "--lifespan", "off", "--log-level", "warning"]  # fmt: skip
        with (self.lab.folder / "web.log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, env={**os.environ}, stdout=log, stderr=log)

    def _run(self) -> None:
        while not self._stopping.is_set():
            looks = self.looks  # of this round: what is seen of it once the next has begun counts for neither
            for path in ("/readyz", "/jobs", *(f"/jobs/{job}" for job in self._watched)):
                looks.append(self._look(path))
            self._stopping.wait(PAUSE_SECONDS)

    def _look(self, path: str) -> Look:
        at, begun = time.time(), time.monotonic()
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=LONGEST_SECONDS)
        try:
            connection.request("GET", path, headers={"Cookie": self._cookie})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return Look(path, at, time.monotonic() - begun, 0)
        finally:
            connection.close()
        return read(Look(path, at, time.monotonic() - begun, answer.status), text)


def read(look: Look, text: str) -> Look:
    """What the answer says."""
    if look.path == "/readyz":
        return replace(look, word=json.loads(text)["status"])
    return replace(
        look,
        states=states(look.path, text),
        is_ours=look.status == http.client.OK or any(each in text for each in OURS),
    )


def states(path: str, text: str) -> Mapping[UUID, str]:
    """Job → what a page says of it; a job's own page says it at its top."""
    if path == "/jobs":
        return {UUID(job): state for job, state in LINE.findall(text)}
    found = HERO.search(text)
    return {UUID(path.removeprefix("/jobs/")): found[1]} if found else {}


def sign_in(lab: Lab) -> str:
    """A session's cookie."""
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(lab.owner)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
