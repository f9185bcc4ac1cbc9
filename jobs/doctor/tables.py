"""Tables: whether the schema is this version's, whole, with every index in use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.migrations.executor import MigrationExecutor

from jobs.database import Database
from jobs.doctor.finding import Finding, Seen, problem, warning
from jobs.doctor.looking import looking
from jobs.doctor.words import counted, some
from jobs.text import MANAGE

LABEL = "millrace_jobs"
INDEXES = """
    SELECT relation.relname, tables.relname, indisvalid AND indisready AND indislive, indisunique,
           ARRAY(SELECT attname FROM unnest(indkey) WITH ORDINALITY AS part (number, place)
                   LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = part.number
                  ORDER BY place)::text[]
      FROM pg_index
      JOIN pg_class AS relation ON relation.oid = indexrelid
      JOIN pg_class AS tables ON tables.oid = indrelid
     WHERE tables.relname = ANY (%(tables)s) AND pg_table_is_visible(tables.oid)
"""
CONSTRAINTS = """
    SELECT conname, convalidated FROM pg_constraint
     WHERE contype = 'c' AND conrelid::regclass::text = ANY (%(tables)s)
"""


class Built(NamedTuple):
    """An index that is there."""

    name: str
    table: str
    is_whole: bool
    is_unique: bool
    columns: list[str | None]


def look() -> Seen:
    """Migrations first: an index that a migration will make is not missing."""
    pending, foreign = ask_migrations()
    if pending:
        return Seen(f"{counted(len(pending), 'migration')} to run", [*unmigrated(pending)])
    with looking() as db:
        built, proven = ask_indexes(db), ask_constraints(db)
    ours = list(apps.get_app_config(LABEL).get_models())
    findings = [*newer(foreign), *broken(built), *missing(ours, built), *unchecked(ours, proven)]
    whole = sum(index.is_whole for index in built)
    return Seen(
        f"migrated, {counted(len(ours), 'table')} with {counted(whole, 'index', 'indexes')}", findings
    )


def ask_migrations() -> tuple[list[str], list[str]]:
    """Those still to run, and those of ours that this version has never heard of."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    applied = {name for app, name in executor.loader.applied_migrations if app == LABEL}
    known = {name for app, name in executor.loader.disk_migrations if app == LABEL}
    return [f"{one.app_label}.{one.name}" for one, _ in plan], sorted(applied - known)


def ask_indexes(db: Database) -> list[Built]:
    """Every index of every table of ours."""
    return [Built(*row) for row in db.rows(INDEXES, {"tables": tables()})]


def ask_constraints(db: Database) -> dict[str, bool]:
    """Every check by name, and whether it was proven for the rows that were there before it."""
    return dict(db.rows(CONSTRAINTS, {"tables": tables()}))


def tables() -> list[str]:
    """The tables of ours."""
    return [model._meta.db_table for model in apps.get_app_config(LABEL).get_models()]


def unmigrated(pending: list[str]) -> Iterator[Finding]:
    """The code is ahead of the schema."""
    yield problem(
        "tables.unmigrated",
        f"{counted(len(pending), 'migration')} were not run: {some(pending)}.",
        why="This version asks for columns that are not there: pages fail, workers cannot claim.",
        remedy=f"{MANAGE} migrate   (or `{MANAGE} prepare`)",
    )


def newer(foreign: list[str]) -> Iterator[Finding]:
    """The schema is ahead of the code."""
    if foreign:
        yield warning(
            "tables.newer",
            f"A newer version than this one migrated the database: {some(foreign)}.",
            why="The version before keeps working on it; anything older may not.",
            remedy="Upgrade this process as well",
        )


def broken(built: list[Built]) -> Iterator[Finding]:
    """CREATE INDEX CONCURRENTLY leaves such when it is interrupted or meets a double."""
    for index in built:
        if not index.is_whole:
            yield problem(
                "tables.invalid_index",
                f"The index {index.name} on {index.table} is invalid: no query uses it.",
                why="Every claim, sweep or page that stands on it reads the whole table instead.",
                remedy=f'REINDEX INDEX CONCURRENTLY "{index.name}";',
            )


def missing(ours: list[type[models.Model]], built: list[Built]) -> Iterator[Finding]:
    """By name where the model names it, by columns where Django made the name."""
    names = {index.name for index in built}
    for model in ours:
        table = model._meta.db_table
        here = [index for index in built if index.table == table]
        for index in model._meta.indexes:
            if index.name not in names:
                yield absent(index.name, table, statement(model, index))
        for rule in model._meta.constraints:
            if isinstance(rule, models.UniqueConstraint) and rule.name not in names:
                yield absent(rule.name, table, statement(model, rule))
        yield from missing_of_fields(model, here)


def missing_of_fields(model: type[models.Model], here: list[Built]) -> Iterator[Finding]:
    """What `primary_key`, `unique` and `db_index` ask for."""
    table = model._meta.db_table
    for field in model._meta.local_concrete_fields:
        if not (field.unique or getattr(field, "db_index", False)):
            continue
        if any(one.columns[0] == field.column and (one.is_unique or not field.unique) for one in here):
            continue
        unique, column = "UNIQUE " if field.unique else "", field.column
        yield absent(
            f"on {column}",
            table,
            f'CREATE {unique}INDEX CONCURRENTLY "{table}_{column}_again" ON "{table}" ("{column}");',
        )


def absent(name: str, table: str, remedy: str) -> Finding:
    """An index that is not there."""
    return problem(
        "tables.missing_index",
        f"The index {name} of {table} is missing.",
        why="Every claim, sweep or page that stands on it reads the whole table instead.",
        remedy=remedy,
    )


def unchecked(ours: list[type[models.Model]], proven: dict[str, bool]) -> Iterator[Finding]:
    """The rules that keep a row from being in two states at once."""
    for model in ours:
        for rule in model._meta.constraints:
            if isinstance(rule, models.CheckConstraint) and not proven.get(rule.name):
                yield problem(
                    "tables.missing_check",
                    f"The check {rule.name} of {model._meta.db_table} is "
                    + ("not validated." if rule.name in proven else "missing."),
                    why="A statement by hand could leave a job in a state that no verb gets it out of.",
                    remedy=f'ALTER TABLE "{model._meta.db_table}" VALIDATE CONSTRAINT "{rule.name}";'
                    if rule.name in proven
                    else statement(model, rule),
                )


def statement(model: type[models.Model], thing: Any) -> str:
    """The SQL that makes it, without locking writers out where that can be had."""
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        kept = {"concurrently": True} if isinstance(thing, models.Index) else {}
        return f"{thing.create_sql(model, editor, **kept)};"
