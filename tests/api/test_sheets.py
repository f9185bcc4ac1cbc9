"""Suppressions as CSV by program: what goes out comes in again, and every bad line is named."""

import csv
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.mail import listing, sheet
from jobs.mail.suppression import Entry, look_up, suppress
from jobs.models import Suppression
from jobs.models.suppression import Suppressed
from tests.api.conftest import BASE, program
from tests.factories import give

pytestmark = pytest.mark.django_db
ADA, BOB = "ada@example.org", "bob@example.net"


def send(client: Client, content: str | bytes, media_type: str = "text/csv", **headers: str) -> Any:
    return client.post(f"{BASE}/suppressions/import", content, content_type=media_type, headers=headers)


def export(client: Client, **search: str) -> tuple[Any, list[list[str]]]:
    answer = client.get(f"{BASE}/suppressions/export", search)
    return answer, list(csv.reader(StringIO(b"".join(answer.streaming_content).decode())))


def put(owner: User, address: str, reason: str = "by_hand", note: str = "") -> None:
    suppress(owner.pk, [Entry(address=address, reason=Suppressed(reason), source="api", note=note)])


def test_what_goes_out_comes_in_again(api: Client, submitter: User, charlie: User) -> None:
    put(submitter, ADA, "complained", "=1+1")
    put(submitter, BOB)

    answer, lines = export(api)
    other = program(give(charlie, "submit_job"), "read", "submit")
    again = send(other, "\n".join(",".join(line) for line in lines))

    assert answer.streaming
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert [line[:3] for line in lines[1:]] == [[BOB, "by_hand", ""], [ADA, "complained", "'=1+1"]]
    assert again.json() == {"added": 2, "known": 0, "bad": 0, "lines": []}
    assert Suppression.objects.get(owner=charlie, address=ADA).note == "=1+1"


def test_an_export_is_of_what_one_may_see_and_asked_for(
    api: Client, office: Client, submitter: User, charlie: User
) -> None:
    put(submitter, ADA, "complained")
    put(submitter, BOB)
    put(charlie, "eve@example.org")

    assert len(export(api)[1]) == 3
    assert len(export(office)[1]) == 4
    assert [line[0] for line in export(office, owner="charlie")[1][1:]] == ["eve@example.org"]
    assert [line[0] for line in export(api, reason="complained")[1][1:]] == [ADA]
    assert [line[0] for line in export(api, text="BOB@")[1][1:]] == [BOB]


def test_a_long_export_is_read_some_at_a_time(
    api: Client, submitter: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "AT_ONCE", 2)
    for number in range(5):
        put(submitter, f"guest{number}@example.org")

    assert [line[0] for line in export(api)[1][1:]] == [f"guest{n}@example.org" for n in range(4, -1, -1)]


def test_the_good_lines_are_taken_and_the_bad_ones_named(
    api: Client, submitter: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "NAMED", 2)

    answer = send(api, f"address,reason\n{ADA},bounced\nnobody,\n{BOB},annoying\nx@,\n")

    assert (answer.status_code, answer.json()["added"], answer.json()["bad"]) == (200, 1, 3)
    assert [line["line"] for line in answer.json()["lines"]] == [3, 4]
    assert "is not a mail address" in answer.json()["lines"][0]["why"]
    assert look_up(submitter.pk, [ADA, BOB]) == {ADA: Suppressed.BOUNCED}


def test_a_key_makes_a_second_import_the_first(api: Client) -> None:
    first = send(api, ADA, **{"Idempotency-Key": '"once"'})
    second = send(api, ADA, **{"Idempotency-Key": '"once"'})
    other = send(api, BOB, **{"Idempotency-Key": '"once"'})

    assert first.json() == second.json() == {"added": 1, "known": 0, "bad": 0, "lines": []}
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (ADA, "application/json", 415, "unsupported_media_type"),
        (b"\xff\xfe", "text/csv", 422, "bad_sheet"),
        (b"x" * (sheet.MOST_BYTES + 1), "text/csv", 413, "too_large"),
    ],
    ids=["json", "bytes", "too-large"],
)
def test_what_is_no_such_file_is_a_problem(
    api: Client, content: Any, media_type: str, status: int, code: str
) -> None:
    answer = send(api, content, media_type)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Suppression.objects.exists()


def test_who_may_only_read_imports_nothing(submitter: User) -> None:
    answer = send(program(submitter, "read"), ADA)

    assert answer.status_code == 403
    assert not Suppression.objects.exists()
