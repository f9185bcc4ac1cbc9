"""What every worker asks every second reads an index up to the time, and not the jobs beyond it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from jobs.database import DJANGO
from jobs.lifecycle import begin, claim, gate, known, purge, rescue
from tests.factories import make_user

pytestmark = pytest.mark.django_db

FILL = """
    INSERT INTO millrace_job (id, kind, queue, state, ready, run_at, payload, owner_id, holder, lease,
                              finished_at)
    SELECT md5(%(state)s || %(owners)s::text || n)::uuid, 'test.' || n %% 3, 'default', %(state)s,
           %(state)s = 'queued', now() + interval '1 hour', '{}',
           (%(owners)s::int[])[1 + n %% cardinality(%(owners)s::int[])],
           CASE WHEN %(state)s = 'running' THEN gen_random_uuid() END,
           CASE WHEN %(state)s = 'running' THEN now() + interval '1 minute' END,
           CASE WHEN %(state)s IN ('succeeded', 'failed') THEN now() END
      FROM generate_series(1, 2000) AS n
"""
IN_LINE = {"queue": "default", "holder": uuid4(), "kinds": ["test.0", "test.1", "test.2"], "lease": 60.0}
START = {"priority": 0, "turn": 0.0, "seq": 0}
BATCH = {"limit": 50, "batches": json.dumps({"test.0": 50, "test.1": 50, "test.2": 50})}
RESCUE = {"chunk": 500, "is_known": False, "error": "", "budgets": "{}", "deaths": 3}
KEEP = {"limit": 1000, "succeeded": 86_400.0, "failed": 86_400.0}
GATE = {"chunk": 1000, "silent": 45.0}


@pytest.fixture(autouse=True)
def new_table(db: None) -> None:
    """Jobs as on the first day: rolled-back rows leave their room in table and indexes, and statistics of
    other tests' jobs stay, so that a plan would depend on who came before. In the test's own transaction."""
    DJANGO.rows("TRUNCATE millrace_job CASCADE")
    DJANGO.rows("DELETE FROM pg_statistic WHERE starelid = 'millrace_job'::regclass")


@pytest.fixture
def owners(db: None) -> list[int]:
    """Many, as there are. Where one has everything, PostgreSQL 18 skips through (owner, id) to find an id as
    cheaply as through the primary key, and which of them is smaller is chance."""
    people = [User(username=f"owner {number}") for number in range(50)]
    return [made.pk for made in User.objects.bulk_create(people)]


@pytest.fixture
def crowd(owners: list[int]) -> None:
    """Two thousand jobs in each of the states that have an index of their own."""
    for state in ("scheduled", "queued", "running", "succeeded", "failed"):
        DJANGO.rows(FILL, {"state": state, "owners": owners})
    DJANGO.rows("ANALYZE millrace_job")


@pytest.fixture
def surprise(owners: list[int]) -> None:
    """Two thousand jobs in a line that was empty when the planner last looked."""
    DJANGO.rows(FILL, {"state": "succeeded", "owners": owners})
    DJANGO.rows("ANALYZE millrace_job")
    DJANGO.rows(FILL, {"state": "queued", "owners": owners})


@pytest.fixture
def majority(owners: list[int]) -> None:
    """The planner knows that most of the table is in this line, so that any row will probably do."""
    DJANGO.rows(FILL, {"state": "succeeded", "owners": owners})
    DJANGO.rows(FILL, {"state": "queued", "owners": owners})
    DJANGO.rows("UPDATE millrace_job SET turn = seq WHERE state = 'queued'")
    DJANGO.rows("ANALYZE millrace_job")


def scans(sql: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Every node of the plan that reads jobs, with what it read."""
    [(plan,)] = DJANGO.rows("EXPLAIN (ANALYZE, FORMAT JSON) " + sql, params)
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return [
        {"Index Name": ""} | node
        for node in nodes(plan[0]["Plan"])
        if node.get("Relation Name") == "millrace_job" and node["Node Type"] != "ModifyTable"
    ]


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from nodes(child)


@pytest.mark.parametrize(
    ("sql", "params", "index", "column"),
    [
        (gate.PROMOTE.sql, GATE, "millrace_job_due", "run_at"),
        (rescue.EXPIRED.sql, RESCUE, "millrace_job_lease", "lease"),
        (purge.EXPIRED, KEEP, "millrace_job_finished", "finished_at"),
    ],
    ids=["promote", "rescue", "purge"],
)
def test_a_time_bounds_the_index(
    crowd: None, sql: str, params: dict[str, Any], index: str, column: str
) -> None:
    found = [scan for scan in scans(sql, params) if scan.get("Index Name") == index]

    assert found
    for scan in found:
        assert f"({column} <" in scan["Index Cond"]
        assert column not in scan.get("Filter", "")
        assert (scan["Actual Rows"], scan.get("Rows Removed by Filter", 0)) == (0, 0)


@pytest.mark.parametrize("before", ["crowd", "surprise", "majority"])
@pytest.mark.parametrize(
    ("sql", "params", "most"),
    [
        (claim.ONE.sql, IN_LINE, 1),
        (claim.BATCH.sql, IN_LINE | BATCH, 50),
        (claim.ONE_ONWARD.sql, IN_LINE | START, 1),
        (claim.BATCH_ONWARD.sql, IN_LINE | BATCH | START, 50),
    ],
    ids=["one", "batch", "one onward", "batch onward"],
)
def test_a_claim_reads_the_line_only_as_far_as_it_takes(
    request: pytest.FixtureRequest, before: str, sql: str, params: dict[str, Any], most: int
) -> None:
    request.getfixturevalue(before)

    found = scans(sql, params)

    # A heap is read by a bitmap of ids, or by the index itself.
    assert {scan["Index Name"] for scan in found} - {""} == {"millrace_job_line", "millrace_job_pkey"}
    assert {scan["Node Type"] for scan in found if not scan["Index Name"]} <= {"Bitmap Heap Scan"}
    assert all(scan["Actual Rows"] <= most for scan in found)
    for scan in found:
        if scan["Index Name"] == "millrace_job_line":
            assert "(queue = 'default'" in scan["Index Cond"]
            # From the mark on; whether anybody waits with a lower priority is asked beside it.
            is_onward = "(ROW(turn, seq) >" in scan["Index Cond"] or "(priority <" in scan["Index Cond"]
            assert is_onward or "turn" not in params
            assert scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0) <= most


def test_what_is_held_back_is_judged_by_kind_and_queue_and_not_by_job(crowd: None) -> None:
    DJANGO.rows("UPDATE millrace_job SET ready = false WHERE state = 'queued'")
    DJANGO.rows(
        "INSERT INTO millrace_worker (id, name, pid, version, queues, kinds, slots)"
        " VALUES (gen_random_uuid(), 'w', 1, '1', '{default}', '{other}', 1)"
    )
    DJANGO.rows("ANALYZE millrace_job")

    found = [scan for scan in scans(known.ADMIT, GATE | {"chunk": 10}) if scan["Actual Loops"]]

    assert {scan["Index Name"] for scan in found} == {"millrace_job_unknown"}
    assert sum(scan["Actual Rows"] * scan["Actual Loops"] for scan in found) < 4


@pytest.mark.parametrize("is_analyzed", [True, False])
def test_a_turn_reads_little_however_much_its_owner_has(alice: User, is_analyzed: bool) -> None:
    """Also of an owner whose flood is newer than the statistics: the planner would read and sort it all."""
    if is_analyzed:
        DJANGO.rows(FILL, {"state": "queued", "owners": [alice.pk]})
        DJANGO.rows("ANALYZE millrace_job")
    late = make_user("late")
    DJANGO.rows(FILL.replace("2000", "1000"), {"state": "queued", "owners": [late.pk]})
    before = fetched()

    DJANGO.rows(
        begin.BEGIN, {"kind": "test.0", "queue": "default", "priority": 0, "owner": late.pk, "silent": 45.0}
    )

    assert 0 < fetched() - before < 50


def fetched() -> int:
    """How many jobs this transaction has read through an index."""
    rows = DJANGO.rows("SELECT idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'millrace_job'")
    return int(rows[0][0])
