"""The guides about mail: their examples are accepted as they stand, their table says what is kept back."""

import json
import re
import shlex
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import ManagementUtility
from django.db import connections
from django.test import Client

from jobs.mail.mailing import TO_MANY, TO_ONE
from jobs.models import Job
from jobs.models.suppression import Suppressed
from jobs.tokens import Scope, make_token

pytestmark = pytest.mark.django_db
GUIDES = Path(__file__).parents[2] / "docs" / "howto"
LIST, SEND, BACK = (GUIDES / name for name in ("email-a-list.md", "send-mail.md", "mail-that-comes-back.md"))
GUESTS = "email,name,sacks\nada@example.org,Ada,3\nbob@example.org,Bob,12\n"
API = "http://testserver/api/v1"
guides = pytest.mark.parametrize("guide", [LIST, SEND], ids=["list", "send"])


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, submitter: User, rung: list[str]) -> User:
    """Ada, who has her guests beside her."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(connections, "close_all", lambda: None)
    (tmp_path / "guests.csv").write_text(GUESTS)
    User.objects.filter(pk=submitter.pk).update(username="ada")
    return submitter


def blocks(guide: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", guide.read_text(), re.MULTILINE | re.DOTALL)


def commands(guide: Path, program: str) -> list[str]:
    text = "".join(blocks(guide, "sh"))
    found = re.findall(r"^(?:FILE=\$\()?((?:curl|python) (?:.*\\\n|.*'\{[^}]*\n)*.*)$", text, re.MULTILINE)
    return [each for each in found if each.startswith(program)]


def accepted(owner: User) -> list[str]:
    return list(Job.objects.filter(owner=owner).order_by("seq").values_list("kind", flat=True))


@guides
def test_the_python_of_a_guide_submits(guide: Path, here: User) -> None:
    [source] = blocks(guide, "python")

    exec(compile(source, str(guide), "exec"), {})

    assert accepted(here) == ["email.campaign"]


@guides
def test_the_commands_of_a_guide_submit_for_their_owner(guide: Path, here: User) -> None:
    for command in commands(guide, "python"):
        _, *arguments = shlex.split(command.replace("\\\n", " "))
        ManagementUtility(arguments).execute()

    assert accepted(here) == ["email.campaign" if guide == LIST else "email.send"]


@guides
def test_the_requests_of_a_guide_are_accepted(guide: Path, here: User) -> None:
    client = Client(
        headers={"Authorization": f"Bearer {make_token(here, name='t', scopes=list(Scope)).secret}"}
    )
    file = ""
    for command in commands(guide, "curl"):
        _, _, url, *rest = shlex.split(
            command.partition(" | ")[0].replace("$API", API).replace("$FILE", file)
        )
        given = dict(zip(rest[::2], rest[1::2], strict=True))
        assert given["-H"] == "Authorization: Bearer $TOKEN"
        if "-F" in given:
            name, path = given["-F"].split("=@")
            with Path(path).open("rb") as content:
                file = client.post(url, {name: content}).json()["id"]
        else:
            answer = client.post(url, json.loads(given["--json"]), content_type="application/json")
            assert answer.status_code == 202, answer.content

    assert accepted(here) == ["email.campaign" if guide == LIST else "email.send"]


def test_the_table_says_which_reason_keeps_back_which_mail() -> None:
    told = re.findall(r"^\| `(\w+)` \| .* \| (\S[^|]*) \| (\S[^|]*) \|$", BACK.read_text(), re.MULTILINE)

    def word(reason: Suppressed, kept_back: frozenset[Suppressed]) -> str:
        return "left out" if reason in kept_back else "sent"

    assert sorted(told) == sorted(
        (each.value, word(each, TO_MANY), word(each, TO_ONE)) for each in Suppressed
    )
