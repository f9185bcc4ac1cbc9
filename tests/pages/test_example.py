"""The command a kind's page shows can be copied and works."""

import html
import re
import shlex
from typing import Annotated
from uuid import UUID

import pytest
from django.core.management import ManagementUtility
from django.db import connections
from pydantic import BaseModel

from jobs.artifacts import ArtifactField
from jobs.models import Artifact, Job
from jobs.pages.example import command_of
from jobs.registry import KINDS
from jobs.text import MANAGE

pytestmark = pytest.mark.django_db


class Payload(BaseModel):
    source: Annotated[UUID, ArtifactField()]
    more: Annotated[list[UUID], ArtifactField()]
    words: str
    option: dict[str, int]


@pytest.fixture(autouse=True)
def one_transaction(monkeypatch):
    """A command closes the connections it leaves; here they are the test's own."""
    monkeypatch.setattr(connections, "close_all", lambda: None)


def submit(shown: str) -> None:
    """What a shell would make of it."""
    arguments = shlex.split(shown.replace("\\\n", " "))
    assert arguments[:2] == MANAGE.split()
    ManagementUtility(arguments[1:]).execute()


def test_the_command_on_the_page_submits_the_example(page, declare, tmp_path, monkeypatch, alice):
    monkeypatch.chdir(tmp_path)
    for name in ("a file.txt", "b=c.txt", "d.txt"):
        (tmp_path / name).write_text(name)
    words = 'it\'s\n<b>"one"</b> — $HOME'
    example = {"source": "a file.txt", "more": ["b=c.txt", "d.txt"], "words": words, "option": {"n": 1}}
    declare(Payload, example=example)

    shown = re.search(
        r"<pre[^>]*><code>(.*?)</code></pre>", page.get("/kinds/test.form").content.decode(), re.S
    )
    submit(html.unescape(shown[1]))

    job = Job.objects.get()
    assert job.owner == alice, "it is the job of who reads the page"
    names = [Artifact.objects.get(id=id).name for id in (job.payload["source"], *job.payload["more"])]
    assert names == ["a file.txt", "b=c.txt", "d.txt"]
    assert (job.payload["words"], job.payload["option"]) == (words, {"n": 1})


def test_every_listed_kinds_command_works(monkeypatch, alice):
    for kind in KINDS.listed():
        if kind.examples.is_dir():
            monkeypatch.chdir(kind.examples)
        submit(command_of(kind, alice.get_username()))
        assert Job.objects.filter(kind=kind.name, owner=alice).exists(), kind.name
