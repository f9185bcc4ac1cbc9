"""Many jobs are accepted chunk by chunk; the next is validated while the server is at one, if it may be."""

import gc
from collections import UserDict
from collections.abc import Iterator
from typing import Annotated, Any

import pydantic
import pytest
from django.contrib.auth.models import User
from django.db import connection
from psycopg.pq import TransactionStatus
from pydantic import AfterValidator, Field

from jobs.errors import BadPayload
from jobs.lifecycle import submit_many as file
from jobs.lifecycle.payload import has_endless, runs_code
from jobs.lifecycle.submit_many import submit_many
from jobs.models import Job
from jobs.registry import KINDS
from tests.running import make_kind

pytestmark = pytest.mark.django_db
COUNT = 25


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "CHUNK", 10)


class Number(pydantic.BaseModel):
    number: int


def ask(value: int) -> int:
    assert connection.connection.info.transaction_status != TransactionStatus.ACTIVE, "to ask now would hang"
    return value + User.objects.filter(username="nobody").count()


class Asking(pydantic.BaseModel):
    number: Annotated[int, AfterValidator(ask)]


def declare(monkeypatch: pytest.MonkeyPatch, payload: type[pydantic.BaseModel]) -> str:
    kind = make_kind("test.many", payload)
    monkeypatch.setattr(KINDS, "_kinds", {**KINDS._kinds, kind.name: kind})
    return kind.name


def numbers() -> list[int]:
    return [job.payload["number"] for job in Job.objects.order_by("seq")]


@pytest.mark.parametrize("payload", [Number, Asking])
def test_all_are_there_in_their_order_with_an_id_each(
    payload: type[pydantic.BaseModel], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a kind whose validator asks the database, which nobody may while the server is at a chunk."""
    kind = declare(monkeypatch, payload)

    ids = submit_many(kind, [{"number": n} for n in range(COUNT)], owner=alice)

    assert numbers() == list(range(COUNT))
    assert ids == list(Job.objects.order_by("seq").values_list("id", flat=True))


def test_where_the_payloads_come_from_may_ask_the_database(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked() -> Iterator[dict[str, int]]:
        for number in range(COUNT):
            yield {"number": number + User.objects.filter(username="nobody").count()}

    submit_many(declare(monkeypatch, Number), asked(), owner=alice)

    assert numbers() == list(range(COUNT))


@pytest.mark.parametrize("bad", [0, 10, 19, COUNT - 1])
def test_a_bad_one_in_any_chunk_refuses_them_all(
    bad: int, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    payloads: list[dict[str, Any]] = [{"number": n if n != bad else "many"} for n in range(COUNT)]

    with pytest.raises(BadPayload, match="number"):
        submit_many(declare(monkeypatch, Number), payloads, owner=alice)

    assert not Job.objects.exists()
    assert gc.isenabled()


def test_a_collector_that_somebody_switched_off_stays_so(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    gc.disable()
    try:
        submit_many(declare(monkeypatch, Number), [{"number": 1}], owner=alice)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_nothing_is_collected_while_a_chunk_is_written(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    dump = file.dump
    monkeypatch.setattr(file, "dump", lambda model: seen.append(gc.isenabled()) or dump(model))

    submit_many(declare(monkeypatch, Number), [{"number": n} for n in range(COUNT)], owner=alice)

    assert seen == [False] * COUNT
    assert gc.isenabled()


class Made(pydantic.BaseModel):
    number: int = Field(default_factory=lambda: 1)


class Watched(pydantic.BaseModel):
    number: int = 1

    def model_post_init(self, context: Any, /) -> None:
        self.number += 1


class Within(pydantic.BaseModel):
    parts: list[Asking | None] = []


class Own(pydantic.BaseModel):
    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)


@pytest.mark.parametrize("model", [Asking, Made, Watched, Within, Own])
def test_a_model_that_calls_code_is_known(model: type[pydantic.BaseModel]) -> None:
    assert runs_code(model)


class Oddly(pydantic.BaseModel):
    """Fields that are called as parts of pydantic's own schemas are."""

    type: str = "function"
    default_factory: int = 1
    post_init: int = 1


@pytest.mark.parametrize("model", [Number, Oddly])
def test_a_plain_model_calls_none(model: type[pydantic.BaseModel]) -> None:
    assert not runs_code(model)
    assert not has_endless(model)


class Lazy(UserDict[str, int]):
    """A mapping that asks the database what it holds."""

    def __getitem__(self, key: str) -> int:
        return ask(super().__getitem__(key))


def test_what_is_no_plain_dictionary_may_ask_the_database(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit_many(declare(monkeypatch, Number), [Lazy(number=n) for n in range(COUNT)], owner=alice)

    assert numbers() == list(range(COUNT))
