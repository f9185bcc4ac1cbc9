"""The items that a file of the payload names: streamed into the ledger with the job, or there is no job."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from io import BytesIO
from typing import IO, Annotated, Any
from uuid import UUID

import pydantic
import pytest
from django.contrib.auth.models import User

from jobs.artifacts import ArtifactField, delete_files, store_upload
from jobs.errors import BadPayload, Problem, Refusal
from jobs.lifecycle.change import Change, change_job
from jobs.lifecycle.submit import submit_job
from jobs.lifecycle.submit_many import submit_many
from jobs.models import Artifact, Item, Job
from jobs.registry import KINDS, Declared, Kind
from jobs.review import OpenFile
from tests.factories import make_job
from tests.running import make_context, make_kind


class Listed(pydantic.BaseModel, extra="forbid"):
    """A file with a word to a line."""

    list: Annotated[UUID, ArtifactField()]


def words(payload: Listed, open_file: OpenFile) -> Iterator[Declared]:
    opened: AbstractContextManager[IO[bytes]] = open_file(payload.list)
    with opened as file:
        for number, line in enumerate(file, start=1):
            word = line.decode().strip()
            if word == "bad":
                raise BadPayload("test.words", [Problem(("list",), f"line {number}: is bad")])
            yield Declared(word, {"line": number, "sign": "\\\t✓"} if word != "bare" else None)


@pytest.fixture(autouse=True)
def kind(monkeypatch: pytest.MonkeyPatch, files: Any, rung: list[str]) -> Kind:
    kind = make_kind("test.words", Listed, entries=words)
    monkeypatch.setitem(KINDS._kinds, kind.name, kind)
    return kind


def listed(owner: User, *lines: str) -> dict[str, str]:
    content = "".join(f"{line}\n" for line in lines).encode()
    return {"list": str(store_upload(BytesIO(content), name="words.txt", owner=owner).id)}


def ledger(job: UUID) -> list[tuple[str, str, Any]]:
    return list(Item.objects.filter(job=job).order_by("id").values_list("key", "state", "given"))


def test_every_line_becomes_an_item_with_what_is_given(alice: User) -> None:
    job = submit_job("test.words", listed(alice, "one", "bare", "two"), owner=alice).id

    assert ledger(job) == [
        ("one", "pending", {"line": 1, "sign": "\\\t✓"}),
        ("bare", "pending", None),
        ("two", "pending", {"line": 3, "sign": "\\\t✓"}),
    ]


def test_a_list_with_a_bad_line_makes_no_job(alice: User) -> None:
    with pytest.raises(BadPayload, match="line 3: is bad"):
        submit_job("test.words", listed(alice, "one", "two", "bad"), owner=alice)

    assert not Job.objects.exists()
    assert not Item.objects.exists()


def test_of_many_jobs_each_has_its_own_list(alice: User) -> None:
    first, second = submit_many(
        "test.words", [listed(alice, "one"), listed(alice, "two", "three")], owner=alice
    )

    assert [key for key, *_ in ledger(first)] == ["one"]
    assert [key for key, *_ in ledger(second)] == ["two", "three"]


def test_one_bad_list_among_many_jobs_refuses_them_all(alice: User) -> None:
    with pytest.raises(BadPayload):
        submit_many("test.words", [listed(alice, "one"), listed(alice, "bad")], owner=alice)

    assert not Job.objects.exists()


def test_another_list_takes_the_place_of_the_first(alice: User) -> None:
    job = submit_job("test.words", listed(alice, "one", "two"), owner=alice).id

    change_job(Job.objects.get(pk=job), Change(payload=listed(alice, "two", "three")), actor="alice")

    assert [key for key, *_ in ledger(job)] == ["two", "three"]


def test_a_list_whose_content_is_gone_is_refused_and_says_so(alice: User) -> None:
    payload = listed(alice, "one")
    delete_files([Artifact.objects.get(pk=payload["list"]).path])

    with pytest.raises(Refusal, match=r"'words\.txt' is missing in the storage"):
        submit_job("test.words", payload, owner=alice)


def test_what_was_given_is_there_when_the_item_is_claimed_and_when_it_was_settled(alice: User) -> None:
    job = make_job("running", kind="test.words", owner=alice)
    Item.objects.create(job=job, key="one", state="pending", given={"n": 1})
    context = make_context(job=job)

    (claimed,) = context.items.claim(5)
    context.items.give_back("one", {"why": "later"})
    (again,) = context.items.claim(5)

    assert (claimed.given, claimed.detail) == ({"n": 1}, None)
    assert (again.given, again.detail) == ({"n": 1}, {"why": "later"})
