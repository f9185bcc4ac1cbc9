"""The first day's transcripts, typed as they stand into a shell beside a real web and a real worker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from django.contrib.auth.models import User

from tests.factories import give, make_user
from tests.waiting import eventually
from tests.web_process import WebProcess
from tests.webhooks.conftest import inbox, set_conf
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_on_a_worker import let_in
from tests.worker_process import ROOT
from tests.workers.conftest import StartWorker, empty_broker, start_worker

__all__ = ["empty_broker", "inbox", "set_conf", "start_worker"]

PAGE = ROOT / "docs" / "start.md"
SECTION = PAGE.read_text().partition("## Submit by program\n")[2].partition("\n## ")[0]
ANYTHING = "…"


class Typed(NamedTuple):
    """A command, and what the page says it prints."""

    command: str
    printed: list[str]


def transcript() -> list[Typed]:
    """Every command of the section, in order."""
    found: list[Typed] = []
    for line in SECTION.splitlines():
        if line.startswith("    $ "):
            found.append(Typed(line.removeprefix("    $ "), []))
        elif line.startswith("    ") and found:
            found[-1].printed.append(line.removeprefix("    "))
    return found


def pattern(printed: list[str]) -> str:
    """What was printed, with anything where the page leaves out something."""
    return re.escape("\n".join(printed)).replace(ANYTHING, r"[\s\S]*?")


@pytest.fixture
def olga(transactional_db: None) -> User:
    return give(make_user("operator"), "submit_job", "operate_job")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")
def test_the_transcripts_are_true(
    tmp_path: Path, olga: User, start_worker: StartWorker, inbox: Receiver
) -> None:
    start_worker(**let_in())
    typed = transcript()
    with WebProcess(tmp_path / "web.log", **let_in()) as web:
        heard = type_in(typed, web, inbox, tmp_path)
        eventually(lambda: inbox.requests, timeout=20, what="the webhook arrives")

    for (command, printed), told in zip(typed, heard, strict=True):
        assert re.fullmatch(pattern(printed), told.strip().replace("\r", "")), f"{command}\n{told}"
    verify(inbox, (tmp_path / "secret").read_text().strip())


def type_in(typed: list[Typed], web: WebProcess, inbox: Receiver, folder: Path) -> list[str]:
    """What a shell prints to each command."""
    script = "\n".join(f"{command}\necho; echo '=== next'" for command, _ in typed)
    script += '\necho "$SECRET" > /tmp/secret\n'
    for shown, real in (
        (".venv/bin/python", sys.executable),
        ("http://127.0.0.1:8000", web.url),
        ("https://example.org/hooks", inbox.url),
        ("/tmp/", f"{folder}/"),
    ):
        script = script.replace(shown, real)
    ran = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env={**os.environ, **web.environment}, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split("=== next\n")[:-1]


def verify(inbox: Receiver, secret: str) -> None:
    """The receiver's lines of the page, as they stand."""
    (code,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    request = inbox.requests[0]
    said: list[str] = []
    names = {
        "secret": secret, "body": request.body.decode(), "headers": dict(request.headers),
        "print": lambda *words: said.append(" ".join(words)),
    }  # fmt: skip
    exec(code, names)

    assert said[0].startswith("job.")
