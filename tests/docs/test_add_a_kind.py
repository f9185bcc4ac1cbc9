"""The page docs/howto/add-a-kind.md shows a file that works."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from pytest_django import Settings

from jobs.registry import KINDS, Kind, discover
from tests.contract import test_kinds as contract
from tests.contract.examples import example_of
from tests.running import accept, make_context, run

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "add-a-kind.md"
POEM = "The mill goes round,\nthe mill goes round,\nthe water does not know.\n"


@pytest.fixture
def kind(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kind]:
    """The page's file as the kinds.py of an app that is installed."""
    [source] = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    app = tmp_path / "apps" / "gristmill"
    (app / "examples").mkdir(parents=True)
    (app / "__init__.py").touch()
    (app / "kinds.py").write_text(source)
    (app / "examples" / "poem.txt").write_text(POEM)
    monkeypatch.syspath_prepend(app.parent)
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "gristmill"]
    discover()
    yield KINDS.find("text.words")
    del KINDS._kinds["text.words"]
    for name in ("gristmill", "gristmill.kinds"):
        sys.modules.pop(name)


@pytest.mark.django_db
def test_the_kind_is_found_and_does_its_example(kind: Kind, alice: User) -> None:
    result = run(kind, accept(kind, example_of(kind, alice), alice))

    assert kind.summary == "Count the words of a text."
    assert result.values == {"words": 13, "different": 8}
    with default_storage.open(result.artifacts[0].path) as table:
        assert table.read() == b"word,times\r\nthe,3\r\nmill,2\r\ngoes,2\r\n"


@pytest.mark.django_db
def test_its_progress_and_its_lines_are_kept(kind: Kind, alice: User) -> None:
    job = accept(kind, example_of(kind, alice), alice)
    context = make_context(kind, job)

    kind.run(context, kind.validate(job.payload))
    context.close()

    notes = context.take_notes()
    assert notes.progress is not None
    assert notes.progress.fraction == 1
    assert [line.text for line in notes.lines] == ["counted words=13"]


@pytest.mark.django_db
def test_it_keeps_the_contract_of_kinds(kind: Kind, alice: User, charlie: User) -> None:
    contract.test_its_name_is_dotted_and_lower_case(kind)
    contract.test_it_says_what_it_does_and_why_it_may_run_twice(kind)
    contract.test_every_field_has_a_title_for_forms(kind)
    contract.test_its_payload_has_a_json_schema(kind)
    contract.test_the_files_its_example_names_are_there(kind)
    contract.test_a_field_it_does_not_know_is_refused(kind, alice)
    contract.test_a_strangers_file_is_refused(kind, alice, charlie)


def test_every_name_the_page_promises_is_there() -> None:
    page = PAGE.read_text()
    names = set(re.findall(r"`context\.(\w+)", page))

    assert names >= {"progress", "check", "artifacts", "once", "items", "scratch", "log", "job", "attempt"}
    made_in_init = {"artifacts", "items", "log", "job", "attempt"}
    from workers.context import Context

    assert all(hasattr(Context, name) or name in made_in_init for name in names)
