"""Payload fields that name files."""

from typing import Annotated
from uuid import UUID, uuid4

import pydantic
from pydantic import Field

from jobs.artifacts import ArtifactField, ArtifactId, artifact_fields, artifact_ids


class Letter(pydantic.BaseModel):
    scan: Annotated[UUID, ArtifactField(accept=("image/*", "application/pdf"), max_bytes=10)] = Field(
        description="One page"
    )
    notes: ArtifactId | None = None
    annexes: list[ArtifactId] = []
    title: str = ""


def test_the_model_says_which_of_its_fields_are_files() -> None:
    fields = artifact_fields(Letter)

    assert list(fields) == ["scan", "notes", "annexes"]
    assert fields["scan"] == ArtifactField(
        accept=("image/*", "application/pdf"), max_bytes=10, help="One page", many=False, is_required=True
    )
    assert (fields["notes"].many, fields["notes"].is_required) == (False, False)
    assert (fields["annexes"].many, fields["annexes"].is_required) == (True, False)


def test_every_named_file_is_found_once_and_in_order() -> None:
    scan, annex = uuid4(), uuid4()

    assert artifact_ids(Letter(scan=scan, annexes=[annex, scan])) == [scan, annex]


def test_a_pattern_accepts_its_family_only() -> None:
    field = artifact_fields(Letter)["scan"]

    assert field.accepts("image/png")
    assert field.accepts("application/pdf")
    assert not field.accepts("text/html")
    assert artifact_fields(Letter)["notes"].accepts("text/html")


def test_the_json_schema_tells_programs_that_it_is_a_file() -> None:
    scan = Letter.model_json_schema()["properties"]["scan"]

    assert scan["format"] == "uuid"
    assert scan["x-artifact"] == {"accept": ["image/*", "application/pdf"], "max_bytes": 10}
