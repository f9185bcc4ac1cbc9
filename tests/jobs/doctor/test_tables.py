"""What doctor says of a schema that is not whole."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from jobs.doctor.finding import State
from jobs.models import Tally
from tests.jobs.doctor.conftest import Look, ids, of, sql

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mended() -> Iterator[None]:
    """The suite's own schema: what a test breaks, it leaves whole, by doctor's own remedy or by this."""
    yield
    sql("DROP INDEX IF EXISTS millrace_job_lease")
    sql("CREATE INDEX millrace_job_lease ON millrace_job (lease) WHERE lease IS NOT NULL")


def test_a_whole_schema_is_ok(look: Look) -> None:
    area = look("tables")

    assert area.state is State.OK, area.seen.findings
    assert area.seen.text.startswith("migrated, ")


def test_a_missing_index_is_made_by_the_remedy(look: Look, mended: None) -> None:
    sql("DROP INDEX millrace_job_lease")

    found = of(look("tables"), "tables.missing_index")

    assert found.state is State.PROBLEM
    assert "millrace_job_lease of millrace_job" in found.found
    assert found.remedy.startswith("CREATE INDEX CONCURRENTLY")
    sql(found.remedy)
    assert look("tables").state is State.OK


def test_an_index_that_was_left_half_made_is_made_anew_by_the_remedy(look: Look, mended: None) -> None:
    sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'millrace_job_lease'::regclass")

    found = of(look("tables"), "tables.invalid_index")

    assert "millrace_job_lease" in found.found
    sql(found.remedy)
    assert look("tables").state is State.OK


def test_a_primary_key_that_was_dropped_is_missed(look: Look) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'p' AND conrelid = 'millrace_tally'::regclass"
        )
        [(name,)] = cursor.fetchall()
    sql(f'ALTER TABLE millrace_tally DROP CONSTRAINT "{name}"')
    try:
        found = of(look("tables"), "tables.missing_index")
    finally:
        columns = Tally._meta.pk.column
        sql(f'ALTER TABLE millrace_tally ADD CONSTRAINT "{name}" PRIMARY KEY ("{columns}")')

    assert "millrace_tally" in found.found


def test_a_check_that_was_dropped_is_made_by_the_remedy(look: Look) -> None:
    sql("ALTER TABLE millrace_job DROP CONSTRAINT millrace_job_held")

    found = of(look("tables"), "tables.missing_check")

    assert found.state is State.PROBLEM
    sql(found.remedy)
    assert look("tables").state is State.OK


def test_a_migration_that_was_not_run_is_named_and_nothing_else_is_looked_at(look: Look) -> None:
    recorder = MigrationRecorder(connection)
    newest = max(name for app, name in recorder.applied_migrations() if app == "millrace_jobs")
    recorder.record_unapplied("millrace_jobs", newest)
    try:
        area = look("tables")
    finally:
        recorder.record_applied("millrace_jobs", newest)

    assert ids(area) == {"tables.unmigrated"}
    assert f"millrace_jobs.{newest}" in of(area, "tables.unmigrated").found


def test_a_database_that_a_newer_version_migrated_is_a_warning(look: Look) -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_applied("millrace_jobs", "9999_tomorrow")
    try:
        found = of(look("tables"), "tables.newer")
    finally:
        recorder.record_unapplied("millrace_jobs", "9999_tomorrow")

    assert found.state is State.WARNING
    assert "9999_tomorrow" in found.found
