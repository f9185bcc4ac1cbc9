"""What every kind keeps to, whoever wrote it: these tests need to know nothing about it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest
from django.contrib.auth.models import User

from jobs import items
from jobs.artifacts import artifact_fields, check_uses, files_of, publish
from jobs.database import DJANGO
from jobs.errors import BadPayload
from jobs.lifecycle.submit import submit_job
from jobs.models import Artifact, Item, Job
from jobs.registry import KINDS, Kind
from jobs.states import ItemState
from tests.contract.examples import example_of
from tests.running import accept, lose, run
from tests.smtp import Server

KINDS_HERE = [kind for kind in KINDS.all() if not kind.module.startswith("tests.")]
NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
HEAVY = ("PIL", "matplotlib", "reportlab", "rustpy_xlsxwriter", "numpy", "duckdb")
ENDED = {ItemState.DONE, ItemState.FAILED, ItemState.SKIPPED, ItemState.UNCERTAIN}

every_kind = pytest.mark.parametrize("kind", KINDS_HERE, ids=[kind.name for kind in KINDS_HERE])


def test_there_are_kinds_to_hold_to_it() -> None:
    assert {kind.name for kind in KINDS_HERE} >= {
        "cleanup.run", "contact.message", "email.send", "images.resize", "reports.build",
    }  # fmt: skip


@every_kind
def test_its_name_is_dotted_and_lower_case(kind: Kind) -> None:
    assert NAME.fullmatch(kind.name)


@every_kind
def test_it_says_what_it_does_and_why_it_may_run_twice(kind: Kind) -> None:
    assert kind.title
    assert kind.summary.endswith(".")
    assert len(kind.summary) <= 80
    assert "twice" in (kind.run.__doc__ or ""), "say in the function's docstring what a second run does"


@every_kind
def test_every_field_has_a_title_for_forms(kind: Kind) -> None:
    for name, field in kind.payload.model_fields.items():
        assert field.title, f"{kind.name}: field {name!r} has no title"


@every_kind
def test_its_payload_has_a_json_schema(kind: Kind) -> None:
    schema = kind.payload.model_json_schema()

    assert json.loads(json.dumps(schema))["additionalProperties"] is False
    for name in artifact_fields(kind.payload):
        assert "x-artifact" in json.dumps(schema["properties"][name])


@every_kind
def test_the_files_its_example_names_are_there(kind: Kind) -> None:
    for name, field in files_of(kind).items():
        named = kind.example.get(name, [])
        for file in named if field.many else [named]:
            assert (kind.examples / str(file)).is_file(), f"{kind.name}: no examples/{file}"


@every_kind
@pytest.mark.django_db
def test_its_example_is_accepted(kind: Kind, alice: User, rung_at_once: list[str]) -> None:
    submitted = submit_job(kind.name, example_of(kind, alice), owner=alice)

    assert Job.objects.get(pk=submitted.id).kind == kind.name
    assert rung_at_once == [kind.queue]


@every_kind
@pytest.mark.django_db
def test_its_payload_comes_back_from_json_as_it_was(kind: Kind, alice: User) -> None:
    valid = kind.validate(example_of(kind, alice))

    assert kind.validate_json(valid.model_dump_json()) == valid


@every_kind
@pytest.mark.django_db
def test_a_field_it_does_not_know_is_refused(kind: Kind, alice: User) -> None:
    with pytest.raises(BadPayload, match="no_such_field"):
        kind.validate(example_of(kind, alice) | {"no_such_field": 1})


@every_kind
@pytest.mark.parametrize("nonsense", [None, [], "text", 1, {"": ""}, {"a": {"b": [None]}}])
def test_nonsense_is_refused_and_nothing_worse(kind: Kind, nonsense: Any) -> None:
    with pytest.raises(BadPayload):
        kind.validate(nonsense)


@every_kind
@pytest.mark.django_db
def test_a_strangers_file_is_refused(kind: Kind, alice: User, charlie: User) -> None:
    payload = kind.validate(example_of(kind, alice))
    if not files_of(kind):
        return

    with pytest.raises(BadPayload):
        check_uses(payload, owner=charlie, kind=kind.name)


@every_kind
@pytest.mark.django_db(transaction=True)
def test_it_does_its_example(kind: Kind, alice: User, post: Server) -> None:
    job = accept(kind, example_of(kind, alice), alice)
    accepted = Item.objects.filter(job=job).count()

    result = run(kind, job)
    publish(result.artifacts, DJANGO)

    assert json.loads(json.dumps(result.values)) == result.values
    assert Artifact.objects.filter(job=job).count() == len(result.artifacts)
    counts = items.counts(job.id)
    assert sum(counts.values()) >= accepted
    assert all(state in ENDED for state, number in counts.items() if number)


@every_kind
@pytest.mark.django_db(transaction=True)
def test_a_second_attempt_does_no_harm(kind: Kind, alice: User, post: Server) -> None:
    """The first one did everything and died before it could be recorded."""
    job = accept(kind, example_of(kind, alice), alice)
    first = run(kind, job)
    sent = list(post.recipients)

    second = run(kind, lose(job))
    publish(second.artifacts, DJANGO)

    assert post.recipients == sent
    assert [saved.media_type for saved in second.artifacts] == [saved.media_type for saved in first.artifacts]
    assert Artifact.objects.filter(job=job).count() == len(second.artifacts)


@pytest.fixture(scope="module")
def loaded_by_the_web() -> Iterator[set[str]]:
    """The modules that a process has loaded once it knows every kind."""
    code = "import django, json, sys; django.setup(); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "core.settings"},
    )
    yield {name.partition(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize("library", HEAVY)
def test_no_kind_brings_a_heavy_library_into_the_web(loaded_by_the_web: set[str], library: str) -> None:
    assert library not in loaded_by_the_web


@every_kind
def test_its_payload_is_a_model_of_its_own(kind: Kind) -> None:
    assert issubclass(kind.payload, pydantic.BaseModel)
    assert kind.payload.model_config.get("extra") == "forbid"
