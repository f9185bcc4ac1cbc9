"""The page of suppressions: search, add, lift, import and export; each sees their own, operators all."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from jobs.mail.suppression import Entry, look_up, suppress
from jobs.models import Suppression
from jobs.models.suppression import Suppressed
from jobs.pages import suppressions as pages

pytestmark = pytest.mark.django_db
ADA, BOB = "ada@example.org", "bob@example.net"


def put(owner: User, address: str, reason: str = "by_hand", **fields: Any) -> Suppression:
    entry = Entry(address=address, reason=Suppressed(reason), source="api", **fields)
    suppress(owner.pk, [entry])
    return Suppression.objects.get(owner=owner, address=address)


def text_of(answer: Any) -> str:
    parts = answer.streaming_content if answer.streaming else [answer.content]
    return b"".join(parts).decode()


def send_file(page: Client, content: bytes) -> Any:
    return page.post("/suppressions", {"file": SimpleUploadedFile("list.csv", content), "import": "1"})


def test_addresses_are_added_once_and_told(page: Client, submitter: User) -> None:
    given = {"addresses": f"{ADA}\n\n ADA@EXAMPLE.ORG \n{BOB}", "note": "They asked.", "days": "30"}

    answer = page.post("/suppressions", given, follow=True)

    assert "2 addresses are suppressed now, 1 was already." in text_of(answer)
    rows = {row.address: row for row in Suppression.objects.all()}
    assert set(rows) == {ADA, BOB}
    assert (rows[BOB].note, rows[BOB].reason, rows[BOB].source) == ("They asked.", "by_hand", "page")
    assert 29 <= (rows[BOB].expires_at - datetime.now(UTC)).days <= 30


def test_what_is_no_address_is_named_and_nothing_is_added(page: Client) -> None:
    answer = page.post("/suppressions", {"addresses": f"{ADA}\nnobody\n<b>@"})

    assert answer.status_code == 422
    text = text_of(answer)
    assert "“nobody” is not a mail address" in text
    assert "<b>@" not in text
    assert f"{ADA}\nnobody" in text, "what was typed stays"
    assert not Suppression.objects.exists()


def test_lifting_lets_mail_go_there_again(page: Client, submitter: User) -> None:
    row = put(submitter, ADA, "bounced")

    answer = page.post(f"/suppressions/{row.id}/lift", follow=True)

    assert f"Mail may go to {ADA} again." in text_of(answer)
    assert look_up(submitter.pk, [ADA]) == {}


@pytest.mark.parametrize("reason", ["unsubscribed", "complained"])
def test_what_a_person_said_is_not_lifted_by_one_click(page: Client, submitter: User, reason: str) -> None:
    row = put(submitter, ADA, reason)

    asked = page.post(f"/suppressions/{row.id}/lift", follow=True)
    before = look_up(submitter.pk, [ADA])
    page.post(f"/suppressions/{row.id}/lift", {"sure": "1"})

    assert f"Mail {ADA} again?" in text_of(asked)
    assert 'name="sure"' in text_of(asked)
    assert before == {ADA: reason}
    assert look_up(submitter.pk, [ADA]) == {}


def test_lift_leads_to_the_question_only_where_one_is_asked(page: Client, submitter: User) -> None:
    asked, other = put(submitter, ADA, "unsubscribed"), put(submitter, BOB, "bounced")

    shown = text_of(page.get("/suppressions"))

    assert f'href="/suppressions/{asked.id}/lift"' in shown
    assert f'action="/suppressions/{other.id}/lift"' in shown
    assert page.get(f"/suppressions/{other.id}/lift").status_code == 405


def test_nobody_is_asked_about_anothers(page: Client, charlie: User) -> None:
    row = put(charlie, ADA, "complained")

    assert page.get(f"/suppressions/{row.id}/lift").status_code == 404


def test_each_sees_their_own_and_operators_all(
    page: Client, office: Client, submitter: User, operator: User
) -> None:
    put(submitter, ADA)
    theirs = put(operator, BOB)

    assert (ADA in text_of(page.get("/suppressions")), BOB in text_of(page.get("/suppressions"))) == (
        True,
        False,
    )
    assert all(each in text_of(office.get("/suppressions")) for each in (ADA, BOB))
    assert BOB not in text_of(office.get("/suppressions", {"owner": "alice"}))
    assert page.post(f"/suppressions/{theirs.id}/lift").status_code == 404
    assert ADA in text_of(page.get("/suppressions", {"owner": "olga"})), "not theirs to ask"


def test_an_operator_lifts_for_the_owner(office: Client, submitter: User) -> None:
    row = put(submitter, ADA)

    office.post(f"/suppressions/{row.id}/lift")

    assert look_up(submitter.pk, [ADA]) == {}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ({"text": "ADA@"}, {ADA}),
        ({"text": "example.net"}, {BOB}),
        ({"text": "%"}, set()),
        ({"text": "nul\0"}, set()),
        ({"reason": "bounced"}, {BOB}),
        ({"reason": "bounced", "text": "ada"}, set()),
        ({"reason": "nonsense"}, {ADA, BOB}),
    ],
    ids=["case", "domain", "no-wildcard", "nul", "reason", "both", "no-reason"],
)
def test_the_list_is_searched(page: Client, submitter: User, search: dict[str, str], found: set[str]) -> None:
    put(submitter, ADA)
    put(submitter, BOB, "bounced")

    text = text_of(page.get("/suppressions", search)).partition('aria-label="The list"')[2]

    assert {each for each in (ADA, BOB) if f"<strong>{each}" in text} == found
    exported = text_of(page.get("/suppressions/export", search))
    assert {each for each in (ADA, BOB) if each in exported} == found


def test_a_long_note_can_be_read_to_its_end(page: Client, submitter: User) -> None:
    put(submitter, ADA, "bounced", note="550 5.7.26 " + "blocked, " * 30 + "ask the postmaster")
    put(submitter, BOB, "bounced", note="550 no such user")

    text = text_of(page.get("/suppressions"))

    assert "ask the postmaster</p></details>" in text
    assert text.count("<details") == 1


def test_pages_neither_repeat_nor_hide_any(
    page: Client, submitter: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SIZE", 2)
    for number in range(5):
        put(submitter, f"person{number}@example.org")

    first = page.get("/suppressions")
    seen = [row.address for row, *_ in first.context["lines"]]
    shown = first.context["shown"]
    while shown.older:
        answer = page.get("/suppressions", {"page": shown.older})
        seen += [row.address for row, *_ in answer.context["lines"]]
        shown = answer.context["shown"]

    assert seen == [f"person{number}@example.org" for number in (4, 3, 2, 1, 0)]
    back = page.get("/suppressions", {"page": shown.newer})
    assert [row.address for row, *_ in back.context["lines"]] == seen[2:4]
    other = text_of(page.get("/suppressions", {"page": first.context["shown"].older, "text": "person"}))
    assert "That page belongs to another search" in other


def test_an_exported_file_can_be_imported(
    page: Client, office: Client, submitter: User, operator: User
) -> None:
    put(submitter, ADA, "complained", note="=1+1")
    exported = page.get("/suppressions/export")
    assert exported.headers["Content-Disposition"] == 'attachment; filename="suppressions.csv"'

    answer = send_file(office, b"".join(exported.streaming_content))

    assert answer.status_code == 302
    row = Suppression.objects.get(owner=operator)
    assert (row.address, row.reason, row.note, row.source) == (ADA, "complained", "=1+1", "file")


def test_bad_lines_of_a_file_are_named_and_the_good_ones_kept(page: Client, submitter: User) -> None:
    answer = send_file(page, f"address\n{ADA}\n<i>nobody\n{BOB}\n".encode())

    text = text_of(answer)
    assert answer.status_code == 422
    assert "1 line of the file was left out." in text
    assert "<td>3</td>" in text
    assert "<i>nobody" not in text
    assert set(look_up(submitter.pk, [ADA, BOB])) == {ADA, BOB}


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"\xff\xfe", "not UTF-8"), (b"", "empty")],
    ids=["no-text", "empty"],
)
def test_a_file_that_is_no_list_says_so(page: Client, content: bytes, says: str) -> None:
    answer = send_file(page, content)

    assert answer.status_code == 422
    assert says in text_of(answer)


def test_who_may_only_look_is_shown_no_form(client: Client, charlie: User) -> None:
    client.force_login(charlie)
    row = put(charlie, ADA)

    text = text_of(client.get("/suppressions"))
    assert ADA in text
    assert "<textarea" not in text
    assert client.post("/suppressions", {"addresses": BOB}).status_code == 403
    assert client.post(f"/suppressions/{row.id}/lift").status_code == 403


def test_what_has_expired_is_not_shown(page: Client, submitter: User) -> None:
    row = put(submitter, ADA)
    Suppression.objects.update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))

    assert ADA not in text_of(page.get("/suppressions"))
    assert page.post(f"/suppressions/{row.id}/lift").status_code == 404
