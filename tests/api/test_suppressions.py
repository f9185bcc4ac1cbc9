"""Suppressions by program: added, lifted and looked up many at a time, and what is no address named."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.mail.suppression import look_up
from jobs.models import Suppression
from jobs.models.suppression import Suppressed
from tests.api.conftest import BASE, post, program

pytestmark = pytest.mark.django_db
ADA, BOB = "ada@example.org", "bob@example.net"


def add(client: Client, *addresses: str, **fields: Any) -> Any:
    return post(client, "/suppressions", {"addresses": list(addresses)} | fields)


def test_adding_says_how_many_are_new(api: Client, submitter: User) -> None:
    assert add(api, ADA, BOB).json() == {"added": 2, "known": 0}
    assert add(api, "ADA@example.org", "eve@example.org").json() == {"added": 1, "known": 1}
    assert look_up(submitter.pk, [ADA]) == {ADA: Suppressed.BY_HAND}


def test_a_reason_a_note_and_a_time_are_kept(api: Client) -> None:
    add(api, ADA, reason="complained", note="by phone", expires_at="2090-01-01T00:00:00+01:00")

    [shown] = api.get(f"{BASE}/suppressions").json()["suppressions"]
    assert (shown["reason"], shown["note"], shown["source"]) == ("complained", "by phone", "api")
    assert shown["expires_at"].startswith("2089-12-31T23:00:00")
    assert api.get(shown["links"]["self"]).json() == shown


def test_one_bad_address_refuses_all_and_is_pointed_at(api: Client) -> None:
    answer = add(api, ADA, "nobody", "x@")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [wrong["pointer"] for wrong in answer.json()["errors"]] == ["/addresses/1", "/addresses/2"]
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {}, {"addresses": []}, {"addresses": [1]}, {"addresses": [ADA], "reason": "annoying"},
        {"addresses": [ADA] * 10_001},
    ],
    ids=["nothing", "none", "number", "no-reason", "too-many"],
)  # fmt: skip
def test_what_does_not_fit_is_refused(api: Client, body: Any) -> None:
    assert post(api, "/suppressions", body).status_code == 422


def test_looking_up_answers_in_the_words_of_the_question(api: Client, office: Client) -> None:
    add(api, ADA)

    asked = {"addresses": ["Ada@Example.ORG", BOB, "no address"]}
    found = post(api, "/suppressions/look-up", asked).json()
    assert found == {"suppressed": [{"address": "Ada@Example.ORG", "reason": "by_hand"}]}
    assert post(office, "/suppressions/look-up", asked).json() == {"suppressed": []}


def test_lifting_can_spare_stronger_reasons(api: Client) -> None:
    add(api, ADA, reason="unsubscribed")
    add(api, BOB)

    asked = {"addresses": [ADA, BOB, "eve@example.org"]}
    assert post(api, "/suppressions/lift", asked | {"reasons": ["by_hand", "bounced"]}).json() == {
        "lifted": 1
    }
    assert post(api, "/suppressions/lift", asked).json() == {"lifted": 1}
    assert post(api, "/suppressions/lift", asked).json() == {"lifted": 0}


def test_one_is_lifted_by_its_id_once(api: Client) -> None:
    add(api, ADA)
    here = f"{BASE}/suppressions/{Suppression.objects.get().id}"

    assert [api.delete(here).status_code for _ in range(2)] == [204, 404]


def test_operators_see_everybodys_and_narrow_it_to_one(api: Client, office: Client, operator: User) -> None:
    add(api, ADA)
    add(office, BOB)

    def seen(client: Client, **query: str) -> set[str]:
        return {each["address"] for each in client.get(f"{BASE}/suppressions", query).json()["suppressions"]}

    assert (seen(api), seen(office)) == ({ADA}, {ADA, BOB})
    assert seen(office, owner="alice") == {ADA}
    assert seen(program(operator, "read")) == {BOB}
    assert seen(office, text="ADA") == {ADA}
    assert seen(office, reason="bounced") == set()


def test_the_list_goes_on_where_the_page_ended(api: Client) -> None:
    add(api, *[f"person{number}@example.org" for number in range(5)])

    answer = api.get(f"{BASE}/suppressions?limit=2")
    seen = answer.json()["suppressions"]
    assert 'rel="next"' in answer["Link"]
    while cursor := answer.json()["next"]:
        answer = api.get(f"{BASE}/suppressions", {"limit": 2, "cursor": cursor})
        seen += answer.json()["suppressions"]

    assert len({each["address"] for each in seen}) == len(seen) == 5
    other = api.get(f"{BASE}/suppressions", {"text": "person", "cursor": "b2Rk"})
    assert (other.status_code, other.json()["code"]) == (400, "bad_cursor")


def test_the_same_key_adds_once(api: Client) -> None:
    first, second = (post(api, "/suppressions", {"addresses": [ADA]}, Idempotency_Key="k") for _ in range(2))

    assert first.json() == second.json() == {"added": 1, "known": 0}
    assert second["Idempotent-Replayed"] == "true"
